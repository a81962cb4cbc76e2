import assert from "node:assert/strict";
import { test } from "node:test";
import { offersTransformed, qualityChoices, transformedChoice } from "./choices.ts";

const levels = [{ id: "f", label: "720p" }, { id: "h", label: "360p" }];

test("who watches over WebRTC chooses whether to see what a transform makes", () => {
  assert.ok(offersTransformed("webrtc", "blur"));
  assert.ok(!offersTransformed("webrtc", ""), "there is none");
  assert.ok(!offersTransformed("webrtc"), "nothing is known of the stream");
  assert.ok(!offersTransformed("webrtc", "faces"), "which is not drawn there");
  assert.ok(!offersTransformed("hls", "blur") && !offersTransformed("dash", "blur"), "where all is transformed");
});

test("renditions and what is transformed are one choice", () => {
  const texts = (both: boolean, of = levels) => qualityChoices(of, both).map(({ text }) => text);
  assert.deepEqual(texts(false), ["Auto", "720p", "360p"]);
  assert.deepEqual(texts(true), ["Auto", "720p", "360p", "Transformed"]);
  assert.deepEqual(texts(true, []), ["Original", "Transformed"]);
  assert.deepEqual(texts(false, []), []);
  assert.deepEqual(qualityChoices([], true).map(({ value }) => value), ["", transformedChoice]);
});
