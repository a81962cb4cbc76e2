import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { HttpError } from "../server/problem.ts";
import { storedKey, withKey } from "./key.ts";

/** The page's dialog, as far as it is used. */
class Dialog extends EventTarget {
  open = false;
  returnValue = "";
  opened = 0;
  showModal() {
    this.open = true;
    this.opened++;
  }
  close(value: string) {
    this.open = false;
    this.returnValue = value;
    this.dispatchEvent(new Event("close"));
  }
}

let dialog: Dialog;
let input: { value: string };

beforeEach(() => {
  dialog = new Dialog();
  input = { value: "" };
  const elements: Record<string, unknown> = { "key-dialog": dialog, key: input, "key-text": { textContent: "" }, "key-cancel": {} };
  const kept = new Map<string, string>();
  const sessionStorage = {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  };
  Object.assign(globalThis, { document: { getElementById: (id: string) => elements[id] }, sessionStorage });
});

const settle = () => new Promise<void>((done) => setImmediate(done));

/** A request that the server answers when it is told to, and takes with the right key alone. */
function asks() {
  const waiting: (() => void)[] = [];
  const done = withKey(async () => {
    const key = storedKey();
    await new Promise<void>((answer) => waiting.push(answer));
    if (key !== "right") throw new HttpError(401, "No.");
  });
  return { done, waiting, answer: async () => (waiting.shift()?.(), await settle()) };
}

test("what is refused while the key is typed waits for it, and leaves it there", async () => {
  const first = asks();
  const second = asks();
  await first.answer();
  assert.ok(dialog.open);
  input.value = "right";
  await second.answer();
  assert.equal(input.value, "right");
  dialog.close("ok");
  await settle();
  await first.answer();
  await second.answer();
  await Promise.all([first.done, second.done]);
  assert.equal(dialog.opened, 1);
});

test("what is refused for the key before that which has been given is asked for again with this", async () => {
  const first = asks();
  const second = asks();
  await first.answer();
  input.value = "right";
  dialog.close("ok");
  await settle();
  await second.answer();
  assert.equal(dialog.open, false);
  await first.answer();
  await second.answer();
  await Promise.all([first.done, second.done]);
  assert.equal(dialog.opened, 1);
});

test("a wrong key is asked for again, once for all, until nobody gives one", async () => {
  const both = [asks(), asks()];
  const all = Promise.allSettled(both.map(({ done }) => done));
  for (const one of both) await one.answer();
  input.value = "wrong";
  dialog.close("ok");
  await settle();
  for (let i = 0; i < 2; i++) for (const one of both) await one.answer();
  assert.ok(dialog.open);
  assert.equal(dialog.opened, 2);
  assert.equal(storedKey(), "");
  dialog.close("cancel");
  assert.deepEqual((await all).map(({ status }) => status), ["rejected", "rejected"]);
});
