import assert from "node:assert/strict";
import { test } from "node:test";
import { ReceptionMeter } from "./reception.ts";

const video = (seconds: number) => ({
  type: "inbound-rtp", kind: "video", timestamp: seconds * 1000, bytesReceived: seconds * 100000,
  jitterBufferDelay: seconds * 30 * 0.04, jitterBufferEmittedCount: seconds * 30, totalDecodeTime: seconds * 30 * 0.005, framesDecoded: seconds * 30,
});
const audio = (seconds: number) => ({
  type: "inbound-rtp", kind: "audio", timestamp: seconds * 1000, bytesReceived: seconds * 4000,
  jitterBufferDelay: seconds * 48000 * 0.06, jitterBufferEmittedCount: seconds * 48000,
});
const pair = { type: "candidate-pair", timestamp: 0, nominated: true, currentRoundTripTime: 0.02 };

const near = (value: number, wanted: number) => assert.ok(Math.abs(value - wanted) < 1e-9, `${value}, not ${wanted}`);

test("figures come from two reports", () => {
  const meter = new ReceptionMeter();
  const first = meter.read([audio(1), video(1), pair]);
  assert.equal(first.rtt, 0.02);
  assert.ok(Number.isNaN(first.latency) && Number.isNaN(first.bitrate));
  const second = meter.read([audio(2), video(2), pair]);
  near(second.bitrate, 832000);
  near(second.buffer, 0.04);
  near(second.latency, 0.055);
});

test("without a picture the sound's buffer counts", () => {
  const meter = new ReceptionMeter();
  meter.read([audio(1), pair]);
  near(meter.read([audio(2), pair]).latency, 0.07);
});

test("a new session starts from nothing", () => {
  const meter = new ReceptionMeter();
  meter.read([video(60), pair]);
  assert.ok(Number.isNaN(meter.read([video(61 - 60), pair]).latency));
});

test("while nothing arrives there is no latency", () => {
  const meter = new ReceptionMeter();
  meter.read([video(1), pair]);
  assert.ok(Number.isNaN(meter.read([{ ...video(1), timestamp: 2000 }, pair]).latency));
  assert.ok(Number.isNaN(meter.read([]).latency));
});
