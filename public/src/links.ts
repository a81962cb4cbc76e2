// The page for administrators that makes links: who may do what, until when.

import type { Link } from "./server/api.ts";
import { authorization } from "./server/token.ts";
import { at } from "./server/base.ts";
import { describe, request } from "./server/problem.ts";
import { followPresence } from "./server/presence.ts";
import { copyOnClick } from "./ui/copy.ts";
import { byId, el, setNotice, setText } from "./ui/dom.ts";
import { storedKey, withKey } from "./ui/key.ts";
import { setUpKeys } from "./ui/keys.ts";

/** What the addresses are, in the order in which they are shown. */
const labels: Record<keyof Link["urls"], string> = {
  watch: "Watch page",
  embed: "Player alone, for frames",
  publish: "Publish page",
  recordings: "Recordings",
  hls: "HLS",
  dash: "DASH",
  whep: "WHEP (WebRTC)",
};

const may: Record<Link["action"], string> = { watch: "watch", record: "watch, and download originals of,", publish: "publish" };

const fields = {
  who: byId<HTMLInputElement>("who"),
  action: byId<HTMLSelectElement>("action"),
  stream: byId<HTMLInputElement>("stream"),
  until: byId<HTMLInputElement>("until"),
};

/** A time as the field has it: local, to the minute. */
const local = (time: Date) => new Date(time.getTime() - time.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

const inHours = (hours: number) => (fields.until.value = local(new Date(Date.now() + hours * 3600000)));

function show(link: Link): void {
  const when = new Date(link.until).toLocaleString(undefined, { dateStyle: "full", timeStyle: "short" });
  setText(byId("made-text"), `${link.who || "Whoever has it"} may ${may[link.action]} ${link.stream} until ${when}.`);
  setNotice(byId("open"), link.open ? "On this server everybody may do that anyway, without a link: auth.play and auth.publish in its configuration change that." : "");
  const kinds = Object.keys(labels) as (keyof Link["urls"])[];
  const rows = kinds.flatMap((kind) => (link.urls[kind] ? [row(labels[kind], location.origin + link.urls[kind])] : []));
  if (link.action === "publish") rows.push(row("WHIP address, for OBS and others", location.origin + at(`/whip/${link.stream}`)), row("Its bearer token", link.token));
  byId("addresses").replaceChildren(...rows);
  const made = byId("made");
  byId("none").hidden = true;
  made.hidden = false;
  made.scrollIntoView({ block: "nearest" });
  made.querySelector<HTMLElement>("button")?.focus({ preventScroll: true });
}

function row(label: string, text: string): HTMLElement {
  const node = (byId<HTMLTemplateElement>("address").content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
  const [name, code, button] = node.children as unknown as [HTMLElement, HTMLElement, HTMLButtonElement];
  setText(name, label);
  setText(code, text);
  button.setAttribute("aria-label", `Copy: ${label}`);
  copyOnClick(button, code);
  return node;
}

async function make(): Promise<void> {
  const body = JSON.stringify({
    action: fields.action.value,
    stream: fields.stream.value,
    who: fields.who.value.trim(),
    until: new Date(fields.until.value).toISOString(),
  });
  try {
    await withKey(async () => {
      const headers = { "Content-Type": "application/json", ...authorization(storedKey()) };
      const response = await request(at("/api/v1/links"), { method: "POST", headers, body });
      show((await response.json()) as Link);
    });
    setNotice(byId("fault"), "");
  } catch (error) {
    setNotice(byId("fault"), describe(error));
  }
}

fields.stream.value = new URLSearchParams(location.search).get("stream") ?? "";
fields.until.min = local(new Date());
inHours(24);
document.querySelectorAll<HTMLButtonElement>("[data-hours]").forEach((button) => button.addEventListener("click", () => inHours(Number(button.dataset.hours))));
byId("make").addEventListener("submit", (event) => {
  event.preventDefault();
  void make();
});
followPresence(
  ({ streams }) => byId("streams").replaceChildren(...streams.map(({ name }) => el("option", { value: name }))),
  () => undefined, // names are offered where they are known
);
setUpKeys();
