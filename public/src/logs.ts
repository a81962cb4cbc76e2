// The log of the service and what each ffmpeg says, as they come.

import type { Line } from "./server/api.ts";
import { stayConnected } from "./ui/connection.ts";
import { byId, el, setText } from "./ui/dom.ts";

const levels = ["debug", "info", "warn", "error"];

/** Lines that stay on the page. */
const kept = 2000;
const list = byId("lines");
const source = byId<HTMLSelectElement>("source");
const level = byId<HTMLSelectElement>("level");
const find = byId<HTMLInputElement>("find");
const pauseButton = byId<HTMLButtonElement>("pause");

const lines: Line[] = [];
let paused = false;

const wanted = (line: Line) =>
  (source.value === "*" || source.value === line.stream) &&
  levels.indexOf(line.level) >= Number(level.value) &&
  `${line.stream} ${line.text}`.toLowerCase().includes(find.value.toLowerCase());

function row(line: Line): HTMLElement {
  const time = new Date(line.at);
  return el(
    "li",
    { "data-level": line.level },
    el("time", { dateTime: line.at }, time.toLocaleTimeString(undefined, { hour12: false })),
    el("span", { className: "log-level" }, line.level),
    el("span", { className: "log-source" }, line.stream ? `ffmpeg ${line.stream}` : "service"),
    el("span", { className: "log-text" }, line.text),
  );
}

/** Whether the newest line is in sight: only then the list follows. */
const atEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 40;

function showAll(): void {
  list.replaceChildren(...lines.filter(wanted).map(row));
  list.scrollTop = list.scrollHeight;
  showCount();
}

function showCount(): void {
  const shown = list.childElementCount;
  const all = lines.length === 1 ? "1 line" : `${lines.length} lines`;
  setText(byId("count"), shown === lines.length ? all : `${shown} of ${all}`);
}

function take(news: Line[]): void {
  const last = lines.at(-1)?.id ?? 0;
  if (news.length > 0 && news[0] && news[0].id < last && news.at(-1)!.id < last) lines.length = 0; // the service has been started anew
  const fresh = news.filter(({ id }) => id > (lines.at(-1)?.id ?? 0));
  lines.push(...fresh);
  lines.splice(0, Math.max(0, lines.length - kept));
  for (const { stream } of fresh) offer(stream);
  if (paused) return showCount();
  const follows = atEnd();
  list.append(...fresh.filter(wanted).map(row));
  while (list.childElementCount > kept) list.firstElementChild?.remove();
  if (follows) list.scrollTop = list.scrollHeight;
  showCount();
}

/** Lets a stream's ffmpeg be chosen. */
function offer(stream: string): void {
  if (![...source.options].some(({ value }) => value === stream)) source.add(new Option(`ffmpeg ${stream}`, stream));
}

for (const choice of [source, level]) choice.addEventListener("change", showAll);
find.addEventListener("input", showAll);
pauseButton.addEventListener("click", () => {
  paused = !paused;
  pauseButton.setAttribute("aria-pressed", String(paused));
  setText(pauseButton, paused ? "Go on" : "Pause");
  if (!paused) showAll();
});
void stayConnected("/api/v1/logs/events", (data) => data.forEach((text) => take(JSON.parse(text) as Line[])));
