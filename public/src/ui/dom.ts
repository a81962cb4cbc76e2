// Small helpers for the document: the pages are HTML, scripts only fill them in.

/** Returns the element with this id; a page without it is a mistake of ours. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as T;
}

/** Makes an element with properties, data-… and aria-… attributes, and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Record<string, unknown> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (/^(aria-|data-|role$)/.test(name)) node.setAttribute(name, String(value));
    else Object.assign(node, { [name]: value });
  }
  node.append(...children);
  return node;
}

/** Writes text where it differs, so that screen readers and layout are left alone otherwise. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows a badge: a state for its colour and words for everybody. */
export function setBadge(node: HTMLElement, state: string, text: string): void {
  node.dataset.state = state;
  setText(node, text);
}

/** Shows a sentence in an alert, or hides it when there is none. */
export function setNotice(node: HTMLElement, text: string): void {
  setText(node, text);
  node.hidden = text === "";
}

/** A turn of what is repeated is not waited for any longer, in milliseconds: the statistics of a closed connection, say, may never come. */
const longestTurn = 30000;

/** Calls task now and again, `pause` milliseconds after each end, until the returned function is called. */
export function repeat(pause: number, task: () => Promise<void> | void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const turn = async () => {
    let over = false;
    const next = () => {
      clearTimeout(limit);
      if (!over && !stopped) timer = setTimeout(turn, pause);
      over = true;
    };
    const limit = setTimeout(next, longestTurn);
    try {
      await task();
    } finally {
      next();
    }
  };
  void turn();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
