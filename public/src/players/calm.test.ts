import assert from "node:assert/strict";
import { test } from "node:test";
import { Calm } from "./calm.ts";

/** What is aimed at each second, after stalls at those seconds have added 0.2 each. */
function play(seconds: number, stalls: number[]): number[] {
  const calm = new Calm();
  let target = 0.6;
  return Array.from({ length: seconds }, (_, second) => {
    if (stalls.includes(second)) {
      target += 0.2;
      calm.stalled(second * 1000);
    }
    target = calm.next(second * 1000, target, 0.6) ?? target;
    return Math.round(target * 10) / 10;
  });
}

test("calm: what a busy beginning has added is taken back step by step", () => {
  const aims = play(40, [1, 2, 3]);
  assert.deepEqual([3, 12, 13, 22, 23, 32, 33, 39].map((second) => aims[second]), [1.2, 1.2, 1, 1, 0.8, 0.8, 0.6, 0.6]);
});

test("calm: a stall begins the wait anew", () => {
  const aims = play(30, [1, 9]);
  assert.deepEqual([9, 18, 19, 28, 29].map((second) => aims[second]), [1, 1, 0.8, 0.8, 0.6]);
});

test("calm: nothing is changed where nothing was added, or nothing is known", () => {
  const calm = new Calm();
  for (let now = 0; now < 60000; now += 1000) {
    assert.equal(calm.next(now, 0.6, 0.6), undefined);
    assert.equal(calm.next(now, NaN, NaN), undefined);
  }
});
