import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, Interruptions } from "./report.ts";

test("report: keys are sorted, lists are lists, and what is not known is not told", () => {
  const values = { v: 2, sta: "p", sf: "", br: 2428.4, ltc: NaN, bsa: 0, bl: 1960, msd: 740.2, cid: '"cam"', tb: -1 };
  assert.equal(encode(values), 'bl=(1960),br=(2428),bsa=(0),cid="cam",msd=740,sta=p,v=2');
});

test("report: interruptions count from the first picture on, each once, until it plays or is paused", () => {
  const i = new Interruptions(1000);
  i.wait(1100);
  assert.equal(i.length(1500), 0);
  i.end(1600, false);
  assert.ok(Number.isNaN(i.startup));
  i.end(1700, true);
  i.wait(5000);
  i.wait(5500);
  assert.equal(i.length(6000), 1000);
  i.end(7000, true);
  i.wait(8000);
  i.end(8500, false);
  i.end(9000, true);
  assert.deepEqual([i.count, i.length(20000), i.startup], [2, 2500, 700]);
});
