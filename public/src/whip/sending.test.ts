import assert from "node:assert/strict";
import { test } from "node:test";
import { automaticBitrate, codecLabel, encodings, keepsSize, preferring, sendable, shareOf, startBitrate, withoutTemporal } from "./sending.ts";

const formats = ["video/rtx", "video/AV1", "video/VP8", "video/H264", "video/H264", "video/red"].map((mimeType, id) => ({ mimeType, id }));

test("only what the browser sends is offered, in the page's order", () => {
  assert.deepEqual(sendable(formats).map(({ label }) => label), ["VP8", "H.264", "AV1"]);
  assert.deepEqual(sendable([]), []);
});

test("codecs have the names that people know", () => {
  assert.equal(codecLabel("video/h264"), "H.264");
  assert.equal(codecLabel("VP9"), "VP9");
  assert.equal(codecLabel("video/H265"), "H265");
});

test("the preferred codec comes first and everything else stays in order", () => {
  assert.deepEqual(preferring(formats, "video/h264").map(({ id }) => id), [3, 4, 0, 1, 2, 5]);
  assert.deepEqual(preferring(formats, "video/VP9").map(({ id }) => id), [0, 1, 2, 3, 4, 5]);
});

test("the automatic bit rate follows the picture, within bounds", () => {
  assert.equal(automaticBitrate(1280, 720, 30), 2_500_000);
  assert.equal(automaticBitrate(1920, 1080, 30), 4_100_000);
  assert.equal(automaticBitrate(640, 480, 30), 1_300_000);
  assert.equal(automaticBitrate(3840, 2160, 60), 8_000_000);
  assert.equal(automaticBitrate(160, 120, 5), 300_000);
});

test("several sizes share the bit rate, the smallest first", () => {
  assert.deepEqual(encodings({ codec: "", maxBitrate: 1_000_000, sizes: 1, redundancy: false }), [{ maxBitrate: 1_000_000 }]);
  assert.equal(shareOf(undefined), 1);
  const sizes = encodings({ codec: "H264", maxBitrate: 1_000_000, sizes: 3, redundancy: false });
  assert.deepEqual(sizes.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy), [4, 2, 1]);
  assert.deepEqual(sizes.map(({ rid }) => shareOf(rid) * 1_000_000), sizes.map(({ maxBitrate }) => maxBitrate));
  assert.equal(sizes.reduce((sum, { maxBitrate }) => sum + maxBitrate, 0), 1_000_000);
});

test("layers of a simulcast have temporal layers where the server can tell them apart", () => {
  const modes = (codec: string, sizes: number) => encodings({ codec, maxBitrate: 1_000_000, sizes, redundancy: false }).map((shape) => shape.scalabilityMode);
  assert.deepEqual(modes("", 3), ["L1T3", "L1T3", "L1T3"]);
  assert.deepEqual(modes("AV1", 3), ["L1T3", "L1T3", "L1T3"]);
  assert.deepEqual(modes("H264", 3), [undefined, undefined, undefined]);
  assert.deepEqual(modes("", 1), [undefined]);
  const sizes = encodings({ codec: "", maxBitrate: 1_000_000, sizes: 3, redundancy: false });
  assert.deepEqual(withoutTemporal(sizes), encodings({ codec: "H264", maxBitrate: 1_000_000, sizes: 3, redundancy: false }));
});

test("what may be passed on keeps its size", () => {
  const sending = { codec: "H264", maxBitrate: 1_000_000, sizes: 1, redundancy: false };
  assert.ok(keepsSize(sending));
  assert.ok(!keepsSize({ ...sending, codec: "VP8" }));
  assert.ok(!keepsSize({ ...sending, codec: "" }), "VP8 is the default");
  assert.ok(!keepsSize({ ...sending, sizes: 3 }), "layers stop and start anyway");
  assert.ok(!keepsSize(undefined));
});

test("sending begins with all that it may take, unless that is much for an uplink", () => {
  assert.equal(startBitrate(1_000_000), 1_000_000);
  assert.equal(startBitrate(8_000_000), 2_500_000);
});
