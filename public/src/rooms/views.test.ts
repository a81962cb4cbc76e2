import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, pass } from "../fakes/fakes.ts";
import { Views, type Viewed } from "./views.ts";

function begin() {
  fake();
  const shown: Viewed[] = [];
  const told: Viewed[][] = [];
  const views = new Views(() => shown, (some) => told.push(some));
  const show = (participant: string, width: number, height: number) => {
    const at = shown.findIndex((view) => view.participant === participant);
    shown.splice(at < 0 ? shown.length : at, at < 0 ? 0 : 1, { participant, width, height });
    views.look();
  };
  return { shown, told, views, show };
}

test("what changes is told once it stands still, and nothing else", async () => {
  const { told, show } = begin();
  show("ann", 300, 200);
  show("bob", 100, 80);
  await pass(100);
  show("ann", 310, 200);
  assert.deepEqual(told, []);
  await pass(300);
  assert.deepEqual(told, [[{ participant: "ann", width: 320, height: 208 }, { participant: "bob", width: 112, height: 80 }]]);
  show("ann", 320, 205);
  await pass(300);
  assert.equal(told.length, 1, "so little makes no other layer");
  show("ann", 0, 0);
  await pass(300);
  assert.deepEqual(told[1], [{ participant: "ann", width: 0, height: 0 }]);
});

test("sizes that never stand still are told when the page looks", async () => {
  const { told, views, show } = begin();
  for (let width = 160; width < 480; width += 16) {
    show("ann", width, 160);
    await pass(50);
  }
  assert.deepEqual(told, []);
  views.update();
  assert.equal(told.length, 1);
  await pass(300);
  assert.equal(told.length, 1, "that is all there was to tell");
});

test("a server that has forgotten, and one who was away, are told again", async () => {
  const { shown, told, views, show } = begin();
  show("ann", 160, 160);
  await pass(300);
  views.forget();
  views.update();
  assert.deepEqual(told[1], told[0]);
  const [ann] = shown.splice(0);
  views.update();
  shown.push(ann as Viewed);
  views.update();
  assert.deepEqual(told[2], told[0]);
});

test("an event has no more of them than the server takes", () => {
  const { told, views, shown } = begin();
  for (let i = 0; i < 100; i++) shown.push({ participant: String(i), width: 16, height: 16 });
  views.update();
  assert.deepEqual(told.map((some) => some.length), [64, 36]);
});
