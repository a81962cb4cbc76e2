import assert from "node:assert/strict";
import { test } from "node:test";
import { limitText, RateMeter } from "./rates.ts";

const video = (timestamp: number, bytesSent: number) => ({
  type: "outbound-rtp", kind: "video", timestamp, bytesSent, framesPerSecond: 30, frameWidth: 640, frameHeight: 480, qualityLimitationReason: "cpu",
});
const audio = (timestamp: number, bytesSent: number) => ({ type: "outbound-rtp", kind: "audio", timestamp, bytesSent });

test("rates come from two reports", () => {
  const meter = new RateMeter();
  assert.ok(Number.isNaN(meter.read([video(1000, 0), audio(1000, 0)]).bitrate));
  const rates = meter.read([
    video(2000, 100000), audio(2000, 4000),
    { type: "remote-inbound-rtp", kind: "video", timestamp: 2000, fractionLost: 0.02, roundTripTime: 0.04 },
    { type: "candidate-pair", timestamp: 2000, nominated: true, currentRoundTripTime: 0.5 },
  ]);
  assert.equal(rates.bitrate, 832000);
  assert.deepEqual([rates.fps, rates.width, rates.height, rates.limit], [30, 640, 480, "cpu"]);
  assert.deepEqual([rates.loss, rates.rtt], [0.02, 0.04]);
});

test("of several sizes the largest is told, and the bits of all", () => {
  const small = (timestamp: number, bytesSent: number) => ({ ...video(timestamp, bytesSent), frameWidth: 160, frameHeight: 120, framesPerSecond: 15 });
  const meter = new RateMeter();
  meter.read([small(1000, 0), video(1000, 0)]);
  const rates = meter.read([video(2000, 100000), small(2000, 20000)]);
  assert.deepEqual([rates.bitrate, rates.fps, rates.width, rates.height], [960000, 30, 640, 480]);
});

test("a new session starts from nothing instead of a negative rate", () => {
  const meter = new RateMeter();
  meter.read([video(1000, 500000)]);
  assert.ok(Number.isNaN(meter.read([video(2000, 100)]).bitrate));
});

test("without RTCP the round trip is ICE's", () => {
  const pair = { type: "candidate-pair", timestamp: 1, nominated: true, currentRoundTripTime: 0.025 };
  assert.equal(new RateMeter().read([pair]).rtt, 0.025);
  assert.ok(Number.isNaN(new RateMeter().read([]).rtt));
});

test("limits in words", () => {
  assert.equal(limitText("bandwidth"), "bandwidth");
  assert.equal(limitText("something"), "something");
  assert.equal(limitText(new RateMeter().read([]).limit), "–");
});

test("the codec is the picture's, wherever it stands in the report", () => {
  const codec = (id: string, mimeType: string) => ({ type: "codec", id, mimeType, timestamp: 1 });
  const report = [codec("A", "audio/opus"), { ...video(1000, 0), codecId: "V" }, codec("V", "video/AV1")];
  assert.equal(new RateMeter().read(report).codec, "video/AV1");
  assert.equal(new RateMeter().read([video(1000, 0), codec("", "audio/opus")]).codec, "");
});
