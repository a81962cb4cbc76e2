import assert from "node:assert/strict";
import { test } from "node:test";
import { Steps } from "./steps.ts";

/** A list as the page has it, as far as Steps uses it. */
function list() {
  const items = new Map(["connecting", "sending", "encoding", "playable"].map((step) => [step, { dataset: { state: "" }, setAttribute() {}, removeAttribute() {} }]));
  const root = { querySelector: (selector: string) => items.get(/=(\w+)/.exec(selector)?.[1] ?? "") };
  return { steps: new Steps(root as unknown as HTMLElement), states: () => [...items.values()].map(({ dataset }) => dataset.state).join(" ") };
}

test("steps go forward, back on a reconnection, and to failure", () => {
  const { steps, states } = list();
  assert.equal(states(), "open open open open");
  steps.enter("connecting");
  assert.equal(states(), "now open open open");
  steps.reach("sending");
  assert.equal(states(), "done done now open");
  steps.reach("playable");
  steps.reach("encoding"); // told late: changes nothing
  assert.equal(states(), "done done done done");
  assert.ok(steps.reached("playable"));
  steps.enter("connecting");
  assert.equal(states(), "now open open open");
  steps.fail();
  assert.equal(states(), "failed open open open");
  steps.reset();
  assert.equal(states(), "open open open open");
});
