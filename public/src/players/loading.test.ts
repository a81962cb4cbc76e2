import assert from "node:assert/strict";
import { test } from "node:test";
import { Loading } from "./loading.ts";

const cases: [name: string, listed: number, buffer: number, part: number, busy: boolean, stuck: boolean][] = [
  ["loads nothing of what is listed", 1, 1.5, 0.214, false, true],
  ["has run dry", 3, 0, 0.214, false, true],
  ["is loading", 1, 1.5, 0.214, true, false],
  ["has all but the newest part", 0.2, 1.5, 0.214, false, false],
  ["has all but the newest part, a long one", 0.427, 1.5, 0.427, false, false],
  ["has two long parts to load", 0.854, 1.5, 0.427, false, true],
  ["has much to play", 6, 10, 0.214, false, false],
  ["knows no playlist", NaN, 1, 0.214, false, false],
];

for (const [name, listed, buffer, part, busy, stuck] of cases) {
  test(`loading: a player that ${name}`, () => {
    const loading = new Loading();
    const seen = [0, 200, 400].map((now) => loading.stuck(now, listed, buffer, part, busy));
    assert.equal(seen.filter(Boolean).length, stuck ? 1 : 0);
    assert.equal(seen.indexOf(true), stuck ? 2 : -1);
  });
}

test("loading: each patience begins anew", () => {
  const loading = new Loading();
  const at = [];
  for (let now = 0; now <= 1000; now += 50) if (loading.stuck(now, 1, 1, 0.214, now === 500)) at.push(now);
  assert.deepEqual(at, [350, 900]);
});
