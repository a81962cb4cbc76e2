import assert from "node:assert/strict";
import { test } from "node:test";
import { Chase } from "./chase.ts";

const cases: [name: string, behind: number, buffer: number, rate: number][] = [
  ["far behind with much buffered", 1, 1.5, 1.15],
  ["a little behind", 0.1, 1, 1.06],
  ["at the target", 0, 1, 1],
  ["nearer than the target", -0.2, 1, 1],
  ["behind, but without a buffer to spare", 0.5, 0.25, 1],
  ["gone back on purpose", 10, 8, 1],
  ["latency unknown", NaN, 1, 1],
];

for (const [name, behind, buffer, rate] of cases) test(`chase: ${name}`, () => assert.equal(new Chase().rate(behind, buffer), rate));

test("chase: the lowest buffer of the last two seconds counts", () => {
  const chase = new Chase();
  assert.equal(chase.rate(0.5, 0.2), 1);
  for (let i = 0; i < 9; i++) assert.equal(chase.rate(0.5, 1), 1);
  assert.ok(chase.rate(0.5, 1) > 1);
});
