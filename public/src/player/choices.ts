// The menus of a player: quality and protocol.

import type MediaChromeMenu from "media-chrome/dist/menu/media-chrome-menu.js";
import type { Level, Protocol } from "../players/player.ts";
import { protocols } from "./source.ts";

/** One of a menu. */
export interface Choice {
  value: string;
  text: string;
  disabled?: boolean;
}

const names: Record<Protocol, string> = { hls: "HLS", dash: "DASH", webrtc: "WebRTC" };

/** All protocols, of which a browser may play fewer. */
export const protocolChoices = (playable: Protocol[]): Choice[] =>
  protocols.map((value) => ({ value, text: names[value], disabled: !playable.includes(value) }));

/** What has pictures sent as the stream's transform makes them. No rendition is called so. */
export const transformedChoice = "?transformed";

/** Whether a viewer chooses between pictures with the stream's transform and without: over HLS and DASH all get them with it, and boxes around faces are drawn for those alone. */
export const offersTransformed = (protocol: Protocol, transform = "") => protocol === "webrtc" && transform !== "" && transform !== "faces";

/** The renditions to choose from and, where there are both, the pictures that the stream's transform makes. */
export function qualityChoices(levels: Level[], both: boolean): Choice[] {
  if (levels.length === 0 && !both) return [];
  const all = [{ value: "", text: levels.length > 0 ? "Auto" : "Original" }, ...levels.map(({ id, label }) => ({ value: id, text: label }))];
  return both ? [...all, { value: transformedChoice, text: "Transformed" }] : all;
}

/** A menu of which one is chosen, and the button that opens it and says what is. */
export class ChoiceMenu {
  private readonly menu: MediaChromeMenu;
  private readonly button: HTMLElement;
  private readonly label: HTMLElement;
  private shown = "";
  private note = "";

  /** The menu is that with the id. */
  constructor(root: ShadowRoot, id: string, private readonly title: string, onChoice: (value: string) => void) {
    this.menu = root.getElementById(id) as unknown as MediaChromeMenu;
    this.button = root.getElementById(`${id}-button`) as HTMLElement;
    this.label = this.button.querySelector("span") as HTMLElement;
    this.menu.setAttribute("aria-label", title);
    this.menu.addEventListener("change", (event) => {
      event.stopPropagation();
      this.kept = this.chosen()?.textContent ?? "";
      onChoice(this.menu.value);
      this.say();
    });
  }

  /** What was chosen last, as it was called: it is chosen again when it is there again. */
  private kept = "";

  /** What is chosen. */
  get value(): string {
    return this.chosen()?.getAttribute("value") ?? "";
  }

  /** Forgets what was chosen. */
  forget(): void {
    this.kept = "";
    this.offer([]);
  }

  /** Shows what there is to choose from, and says beside what is chosen what that is at the moment; nothing: the menu is not there. */
  offer(choices: Choice[], note = ""): void {
    this.note = note;
    const key = JSON.stringify(choices);
    if (key !== this.shown) {
      this.shown = key;
      this.menu.replaceChildren(...choices.map(item));
      this.menu.hidden = true;
      this.button.hidden = choices.length === 0;
      const again = choices.find(({ text }) => text === this.kept);
      if (again) this.mark(again.value);
    }
    this.say();
  }

  /** Marks one as chosen, which was not chosen here. */
  mark(value: string): void {
    for (const found of this.items()) found.toggleAttribute("checked", found.getAttribute("value") === value);
    for (const found of this.items()) found.setAttribute("aria-checked", String(found.getAttribute("value") === value));
    this.say();
  }

  private items = () => [...this.menu.children] as HTMLElement[];

  private chosen = () => this.items().find((found) => found.getAttribute("aria-checked") === "true");

  private say(): void {
    const chosen = this.chosen()?.textContent ?? "";
    const text = this.note && chosen ? `${chosen} (${this.note})` : chosen;
    if (this.label.textContent !== text) this.label.textContent = text;
    this.button.setAttribute("aria-label", `${this.title}: ${text}`);
  }
}

function item({ value, text, disabled }: Choice, at: number): HTMLElement {
  const node = document.createElement("media-chrome-menu-item");
  node.setAttribute("type", "radio");
  node.setAttribute("value", value);
  node.toggleAttribute("disabled", disabled ?? false);
  node.toggleAttribute("checked", at === 0);
  node.setAttribute("aria-checked", String(at === 0));
  node.textContent = text;
  return node;
}
