// What is said in a room, and who comes and goes.

import { byId, el } from "../ui/dom.ts";

/** Lines that stay on the page. */
const kept = 200;

function add(line: HTMLElement): void {
  const lines = byId("messages");
  lines.append(line);
  while (lines.childElementCount > kept) lines.firstElementChild?.remove();
  lines.scrollTop = lines.scrollHeight;
}

export const note = (text: string) => add(el("li", { className: "quiet" }, text));
export const say = (name: string, text: string) => add(el("li", {}, el("b", {}, name), text));
