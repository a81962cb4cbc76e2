import assert from "node:assert/strict";
import { test } from "node:test";
import { contours, type Point } from "./contours.ts";

const points = Array.from({ length: 68 }, (_, i): Point => [i / 68, i / 136]);

test("each of the 68 points is on one line", () => {
  const lines = contours(points);
  assert.deepEqual(lines.flatMap((line) => line.points), points);
  assert.deepEqual(lines.map((line) => line.points.length), [17, 5, 5, 4, 5, 6, 6, 12, 8]);
});

test("eyes and lips are closed, the rest is open", () => {
  assert.deepEqual(contours(points).map(({ closed }) => closed), [false, false, false, false, false, true, true, true, true]);
});

test("what is no face has no lines", () => {
  assert.deepEqual(contours(points.slice(1)), []);
  assert.deepEqual(contours([]), []);
});
