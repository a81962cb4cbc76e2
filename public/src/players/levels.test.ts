import assert from "node:assert/strict";
import { test } from "node:test";
import { levelLabel } from "./levels.ts";

test("levelLabel", () => {
  const ladder = [
    { height: 720, bitrate: 2_900_000, codec: "avc1.64001F" },
    { height: 240, bitrate: 500_000, codec: "avc1.64000D" },
    { height: 720, bitrate: 1_900_000, codec: "vp09.00.31.08" },
    { height: 480, bitrate: 900_000, codec: "av01.0.04M.08" },
    { height: 720, bitrate: 1_800_000, codec: "hvc1.1.6.L93.90" },
  ];
  assert.deepEqual(ladder.map((rung) => levelLabel(rung, ladder)), ["720p", "240p", "720p VP9", "480p AV1", "720p H.265"]);
  const same = [...ladder.slice(0, 1), { height: 720, bitrate: 1_500_000, codec: "avc1.64001F" }, { height: 0, bitrate: 300_000 }];
  assert.deepEqual(same.map((rung) => levelLabel(rung, same)), ["720p 2.9 Mbit/s", "720p 1.5 Mbit/s", "0.3 Mbit/s"]);
});
