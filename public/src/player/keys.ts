// What keys do with a player.

/** What is done, by the keys that do it. */
export interface Actions {
  toggle(): void;
  mute(): void;
  fullscreen(): void;
  pip(): void;
  live(): void;
  /** Moves by so many seconds. */
  leap(delta: number): void;
  /** Changes the volume, from 0 to 1, by so much. */
  louder(delta: number): void;
}

/** Seconds that the arrow keys move, and what they change the volume by. */
const leap = 5;
const step = 0.1;

/** Where keys have a meaning of their own. */
const taken = "input, select, textarea, dialog, [contenteditable], [role=menu], [role=slider], media-chrome-menu, media-volume-range";

/** What presses what has the focus. */
const pressed = "button, a, [role=button], summary";

/** Does what a key says. */
export function onKey(event: KeyboardEvent, actions: Actions): void {
  const path = event.composedPath().filter((node): node is Element => node instanceof Element);
  const at = (selector: string) => path.some((node) => node.matches(selector));
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || at(taken)) return;
  if (event.key === " " && at(pressed)) return;
  const keys: Record<string, () => void> = {
    " ": actions.toggle,
    k: actions.toggle,
    m: actions.mute,
    f: actions.fullscreen,
    p: actions.pip,
    l: actions.live,
    ArrowLeft: () => actions.leap(-leap),
    ArrowRight: () => actions.leap(leap),
    ArrowUp: () => actions.louder(step),
    ArrowDown: () => actions.louder(-step),
  };
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}
