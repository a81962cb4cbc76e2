import assert from "node:assert/strict";
import { test } from "node:test";
import { columns, decodeStamp, elapsed, encodeStamp, readBits, rows, samples } from "./stamp.ts";

/** Paints blocks as RGBA pixels the way a strip looks after scaling, with brightness for black and white and noise. */
function paint(bits: boolean[], black = 16, white = 235, noise = 0): number[] {
  const pixels: number[] = [];
  let seed = 1;
  for (let y = 0; y < rows * samples; y++) {
    for (let x = 0; x < columns * samples; x++) {
      seed = (seed * 16807) % 2147483647;
      const bit = bits[Math.floor(y / samples) * columns + Math.floor(x / samples)];
      const value = (bit ? white : black) + ((seed % 1000) / 500 - 1) * noise;
      pixels.push(value, value, value, 255);
    }
  }
  return pixels;
}

test("a stamp comes back from its blocks", () => {
  for (const ms of [0, 1, 255, 256, 65535, 1234567, (1 << 24) - 1]) {
    assert.equal(decodeStamp(encodeStamp(ms)), ms);
  }
});

test("a stamp comes back from dull and noisy pixels", () => {
  const bits = encodeStamp(987654);
  assert.deepEqual(readBits(paint(bits, 70, 160, 25)), bits);
});

test("stamps wrap, and so does the time between them", () => {
  assert.equal(decodeStamp(encodeStamp((1 << 24) + 5.7)), 5);
  assert.equal(elapsed((1 << 24) + 40.5, (1 << 24) - 10), 50.5);
  assert.equal(elapsed(3 * (1 << 24) + 7, 2), 5);
});

test("one wrong block is refused", () => {
  const bits = encodeStamp(424242);
  for (let i = 0; i < bits.length; i++) assert.equal(decodeStamp(bits.map((bit, j) => bit !== (i === j))), undefined);
});

test("pictures without a strip are refused", () => {
  assert.equal(readBits(paint(encodeStamp(1), 100, 130)), undefined);
  assert.equal(readBits([]), undefined);
  assert.equal(decodeStamp(new Array<boolean>(32).fill(false)), undefined);
  assert.equal(decodeStamp(new Array<boolean>(32).fill(true)), undefined);
  assert.equal(decodeStamp([]), undefined);
});
