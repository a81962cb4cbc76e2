import assert from "node:assert/strict";
import { test } from "node:test";
import { bitrate, bytes, duration, lag, milliseconds, percent, seconds, size } from "./format.ts";

const cases: [got: string, want: string][] = [
  [bitrate(2480000), "2.48 Mbit/s"],
  [bitrate(64000), "64 kbit/s"],
  [bitrate(206050000), "206 Mbit/s"],
  [bitrate(NaN), "–"],
  [bytes(0), "0 B"],
  [bytes(999), "999 B"],
  [bytes(1536000), "1.5 MB"],
  [bytes(123e6), "123 MB"],
  [bytes(2e16), "20000 TB"],
  [duration(0), "0:00"],
  [duration(65.9), "1:05"],
  [duration(3725), "1:02:05"],
  [duration(-3), "0:00"],
  [milliseconds(0.0834), "83 ms"],
  [milliseconds(NaN), "–"],
  [seconds(2.345), "2.35 s"],
  [seconds(12.34), "12.3 s"],
  [lag(0.045), "45 ms"],
  [lag(1.28), "1.28 s"],
  [lag(NaN), "–"],
  [percent(0.0123), "1.2 %"],
  [size(1280, 720), "1280 × 720"],
  [size(0, 0), "–"],
];

for (const [got, want] of cases) test(`format: ${want}`, () => assert.equal(got, want));
