// Keys on the page of links: made, listed and revoked.

import { listKeys, makeKey, revokeKey, type Key } from "../server/api.ts";
import { describe } from "../server/problem.ts";
import { copyOnClick } from "./copy.ts";
import { byId, el, setNotice, setText } from "./dom.ts";
import { NoKeyError, withKey } from "./key.ts";

const day = (time: string) => new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

const words: Record<Key["actions"][number], string> = { publish: "publish", watch: "watch", record: "download originals", admin: "administer", metrics: "read metrics" };

/** Does something that takes a key to administer, and tells why it could not be done. */
async function steer(task: () => Promise<void>): Promise<void> {
  try {
    await withKey(task);
    setNotice(byId("key-fault"), "");
  } catch (error) {
    if (!(error instanceof NoKeyError)) setNotice(byId("key-fault"), describe(error));
  }
}

async function refresh(): Promise<void> {
  const keys = await listKeys();
  byId("key-list").replaceChildren(...keys.map(row));
  byId("key-none").hidden = keys.length > 0;
}

function row(key: Key): HTMLElement {
  const title = key.note || key.id;
  const facts = [
    `May ${key.actions.map((action) => words[action]).join(", ")} ${key.stream === "*" ? "every stream" : key.stream}`,
    key.expires ? `until ${day(key.expires)}` : "until it is revoked",
    key.lastUsed ? `last used ${day(key.lastUsed)}` : "not used yet",
  ];
  const revoke = el("button", { className: "button small", type: "button", "aria-label": `Revoke ${title}` }, "Revoke");
  revoke.addEventListener("click", () => {
    if (!confirm(`Revoke “${title}”? Whoever publishes or watches with it is disconnected.`)) return;
    void steer(async () => {
      await revokeKey(key.id);
      if (byId("key-made").dataset.key === key.id) byId("key-made").hidden = true; // its token is worth nothing now
      await refresh();
      (byId("key-list").querySelector("button") ?? byId("key-note")).focus(); // the button that had it is gone
    });
  });
  const text = el("div", { className: "recording-text" }, el("strong", {}, title), el("p", { className: "quiet" }, facts.join(" · ")));
  return el("div", { className: "recording" }, text, el("div", { className: "actions" }, revoke));
}

async function make(): Promise<void> {
  const days = Number(byId<HTMLSelectElement>("key-for").value);
  await steer(async () => {
    const made = await makeKey({
      stream: byId<HTMLInputElement>("key-stream").value.trim(),
      actions: byId<HTMLSelectElement>("key-action").value.split(" ") as Key["actions"],
      note: byId<HTMLInputElement>("key-note").value.trim(),
      ...(days > 0 && { expires: new Date(Date.now() + days * 86400000).toISOString() }),
    });
    setText(byId("key-token"), made.token);
    setNotice(byId("key-open"), made.open.length > 0 ? `On this server everybody may ${made.open.map((action) => words[action]).join(", ")} anyway, without a key: auth.required in its configuration changes that.` : "");
    byId("key-made").dataset.key = made.id;
    byId("key-made").hidden = false;
    byId("key-copy").focus();
    await refresh();
  });
}

/** Sets the part of the page up that is about keys. */
export function setUpKeys(): void {
  copyOnClick(byId<HTMLButtonElement>("key-copy"), byId("key-token"));
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void make();
  });
  void steer(refresh);
}
