import assert from "node:assert/strict";
import { test } from "node:test";
import { automaticBitrate, codecLabel, encodings, keepsSize, preferring, reshape, sendable, startBitrate, withoutTemporal } from "./sending.ts";

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
  const sending = { codec: "H264", maxBitrate: 1_000_000, redundancy: false };
  assert.deepEqual(encodings({ ...sending, sizes: 1 }), [{ maxBitrate: 1_000_000 }]);
  for (const picture of [{}, { width: 1280, height: 720 }, { width: 640, height: 480 }, { width: 320, height: 240 }]) {
    const sent = encodings({ ...sending, ...picture, sizes: 3 }).filter(({ active }) => active);
    assert.equal(sent.reduce((sum, { maxBitrate }) => sum + maxBitrate, 0), 1_000_000);
    assert.deepEqual(sent.map(({ maxBitrate }) => maxBitrate), sent.map(({ maxBitrate }) => maxBitrate).sort((a, b) => a - b));
  }
});

test("whatever its size, the last layer of a picture that is sent is all of it, and there are no more than Chromium sends", () => {
  const scales = (width: number, height: number) =>
    encodings({ codec: "", maxBitrate: 1_000_000, sizes: 3, redundancy: false, width, height }).flatMap(({ active, scaleResolutionDownBy }) => (active ? [scaleResolutionDownBy] : []));
  for (const [width, height, want] of [
    [1920, 1080, [4, 2, 1]],
    [960, 540, [4, 2, 1]],
    [720, 1280, [4, 2, 1]],
    [640, 480, [2, 1]],
    [640, 360, [2, 1]],
    [480, 270, [2, 1]],
    [320, 240, [1]],
    [0, 0, [4, 2, 1]], // not known yet
  ] as const) assert.deepEqual(scales(width, height), want, `${width}x${height}`);
});

test("another picture is sent in as many layers as it is large enough for, of those that were negotiated", () => {
  const sending = { codec: "VP8", maxBitrate: 2_000_000, sizes: 3, redundancy: false, width: 640, height: 480 };
  const present = encodings(sending);
  assert.deepEqual(present.map(({ rid }) => rid), ["q", "h", "f"]);
  reshape(present, { ...sending, width: 1280, height: 720, maxBitrate: 4_000_000 });
  assert.deepEqual(present, encodings({ ...sending, width: 1280, height: 720, maxBitrate: 4_000_000 }));
  reshape(present, sending);
  assert.deepEqual(present, encodings(sending));
  const plain = withoutTemporal(present);
  reshape(plain, sending);
  assert.deepEqual(plain, withoutTemporal(present), "what has no temporal layers gets none");
  reshape(plain, sending, true);
  assert.deepEqual(plain, present);
  const one = [{ maxBitrate: 1, active: true }];
  reshape(one, { ...sending, sizes: 1 });
  assert.deepEqual(one, [{ maxBitrate: 2_000_000, active: true }]);
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
  assert.ok(keepsSize({ ...sending, codec: "", sizes: 3 }), "the largest layer would go with the size");
  assert.ok(!keepsSize(undefined));
});

test("sending begins with all that it may take, unless that is much for an uplink", () => {
  assert.equal(startBitrate(1_000_000), 1_000_000);
  assert.equal(startBitrate(8_000_000), 2_500_000);
});
