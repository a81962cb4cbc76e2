import assert from "node:assert/strict";
import { test } from "node:test";
import { Chase } from "./chase.ts";

const part = 0.214;

const cases: [name: string, behind: number, buffer: number, part: number, following: boolean, rate: number][] = [
  ["far behind with much buffered", 1, 1.5, part, true, 1.15],
  ["a little behind", 0.1, 1, part, true, 1.06],
  ["at the target", 0, 1, part, true, 1],
  ["nearer than the target", -0.2, 1, part, true, 1],
  ["behind, but without a buffer to spare", 0.5, 0.25, part, true, 1],
  ["the same, with shorter parts", 0.5, 0.25, 0.107, true, 1.06],
  ["longer parts, for which no more is kept", 0.5, 0.4, 0.427, true, 1.06],
  ["no parts", 0.5, 0.25, 0, true, 1],
  ["begun far from the edge, on a busy computer", 5, 4, part, true, 1.15],
  ["gone back a little", 2, 3, part, false, 1.15],
  ["gone back on purpose", 10, 8, part, false, 1],
  ["latency unknown", NaN, 1, part, true, 1],
];

for (const [name, behind, buffer, length, following, rate] of cases) {
  test(`chase: ${name}`, () => assert.equal(new Chase().rate(behind, buffer, length, following), rate));
}

test("chase: the lowest buffer of the last two seconds counts", () => {
  const chase = new Chase();
  assert.equal(chase.rate(0.5, 0.2, part, true), 1);
  for (let i = 0; i < 9; i++) assert.equal(chase.rate(0.5, 1, part, true), 1);
  assert.ok(chase.rate(0.5, 1, part, true) > 1);
});
