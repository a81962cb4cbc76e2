import assert from "node:assert/strict";
import { test } from "node:test";
import { codecOf, recordingFormat, uploadProtocols } from "./upload.ts";

const formats: [name: string, codec: string, picture: boolean, supported: RegExp, format: string][] = [
  ["the preferred codec", "VP9", true, /webm/, "video/webm;codecs=vp9,opus"],
  ["VP8 when nothing is preferred", "", true, /webm/, "video/webm;codecs=vp8,opus"],
  ["Matroska for H.264 where WebM has none", "H264", true, /matroska|vp8/, "video/x-matroska;codecs=avc1,opus"],
  ["what there is", "AV1", true, /h264/, "video/webm;codecs=h264,opus"],
  ["sound alone", "VP8", false, /webm/, "audio/webm;codecs=opus"],
  ["MP4 with Opus where there is no WebM", "VP8", true, /mp4/, "video/mp4;codecs=avc1.42E028,opus"],
  ["MP4 with AAC where there is nothing else", "", true, /mp4a/, "video/mp4;codecs=avc1.42E028,mp4a.40.2"],
  ["MP4 of which nothing is told", "", true, /^video\/mp4$/, "video/mp4"],
  ["WebM rather than MP4", "H264", true, /vp8|h264|mp4/, "video/webm;codecs=h264,opus"],
  ["MP4 when H.264 is preferred and WebM has none", "H264", true, /vp8|mp4/, "video/mp4;codecs=avc1.42E028,opus"],
  ["sound alone in MP4", "", false, /mp4/, "audio/mp4;codecs=opus"],
  ["nothing", "VP8", true, /ogg/, ""],
];

for (const [name, codec, picture, supported, format] of formats) {
  test(`upload: records ${name}`, () => assert.equal(recordingFormat(codec, picture, (type) => supported.test(type)), format));
}

test("upload: the key is a subprotocol", () => {
  assert.deepEqual(uploadProtocols(""), ["sluice-upload"]);
  assert.deepEqual(uploadProtocols("geheim?>ü"), ["sluice-upload", "bearer.Z2VoZWltPz7DvA"]);
});

const codecs: [mimeType: string, codec: string][] = [
  ["video/webm;codecs=vp8,opus", "video/VP8"],
  ['video/webm;codecs="vp9,opus"', "video/VP9"],
  ["video/x-matroska;codecs=avc1.42C01E,opus", "video/H264"],
  ["video/webm;codecs=av01.0.04M.08,opus", "video/AV1"],
  ["audio/webm;codecs=opus", ""],
  ["video/mp4;codecs=avc1.42E028,mp4a.40.2", "video/H264"],
  ["video/mp4", "video/H264"],
  ["audio/mp4;codecs=mp4a.40.2", ""],
  ["", ""],
];

for (const [mimeType, codec] of codecs) test(`upload: the picture of ${mimeType || "nothing"}`, () => assert.equal(codecOf(mimeType), codec));
