import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, parseChoices, rememberOpen, valueOf, type Control } from "./choices.ts";

const control = (properties: object) => properties as Control;

test("what was kept is read, whoever wrote it", () => {
  assert.deepEqual(parseChoices('{"codec":"AV1","rate":30,"hint":null}'), { codec: "AV1" });
  for (const text of [null, "", "no", "null", "3", '"x"']) assert.deepEqual(parseChoices(text), {});
});

test("an option that is gone is not chosen", () => {
  const select = control({ type: "select-one", value: "", options: [{ value: "" }, { value: "VP8" }] });
  apply(select, "AV1");
  assert.equal(select.value, "");
  apply(select, "VP8");
  assert.equal(select.value, "VP8");
  apply(select, undefined);
  assert.equal(valueOf(select), "VP8");
});

test("checkboxes and radio buttons", () => {
  const box = control({ type: "checkbox", checked: true, value: "on" });
  apply(box, "false");
  assert.equal(valueOf(box), "false");
  const button = control({ type: "radio", checked: false, value: "motion" });
  assert.equal(valueOf(button), undefined);
  apply(button, "motion");
  assert.equal(valueOf(button), "motion");
  apply(button, "text");
  assert.equal(valueOf(button), undefined);
});

test("a fold is open again where it was left open", () => {
  const kept = new Map<string, string>();
  const storage = { getItem: (slot: string) => kept.get(slot) ?? null, setItem: (slot: string, text: string) => void kept.set(slot, text) };
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
  const visit = () => {
    const fold = Object.assign(new EventTarget(), { open: false });
    rememberOpen("test", fold as unknown as HTMLDetailsElement);
    return fold;
  };
  const toggle = (fold: ReturnType<typeof visit>, open: boolean) => {
    fold.open = open;
    fold.dispatchEvent(new Event("toggle"));
  };
  const first = visit();
  assert.equal(first.open, false);
  toggle(first, true);
  const second = visit();
  assert.equal(second.open, true);
  toggle(second, false);
  assert.equal(visit().open, false);
});
