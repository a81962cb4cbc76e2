// A worker that paints one track: frames come from a stream, and painted ones go into another.

import type { Look } from "./look.ts";
import type { Order, Told } from "./painted.ts";
import { longestPause, Painter } from "./painter.ts";

const canvas = new OffscreenCanvas(1, 1);
const tell = (told: Told) => self.postMessage(told);

let painter: Painter | undefined;
let frames: ReadableStreamDefaultReader<VideoFrame> | undefined;
let sink: WritableStreamDefaultWriter<VideoFrame> | undefined;
let newest: { frame: VideoFrame; came: number; painted: number } | undefined;
let logo: ImageBitmap | undefined; // a copy of the page's

addEventListener("message", ({ data }: MessageEvent<Order>) => {
  if (data.kind === "begin") void paintAll(data);
  else if (data.kind === "show") show(data.look);
  else void stop();
});

async function paintAll({ readable, writable, findingUrl }: Extract<Order, { kind: "begin" }>): Promise<void> {
  painter = new Painter(canvas, findingUrl, tell);
  frames = readable.getReader();
  sink = writable.getWriter();
  setInterval(repaint, longestPause);
  try {
    for (let next = await frames.read(); !next.done; next = await frames.read()) {
      keep(next.value);
      await sink.write(paint(next.value, next.value.timestamp));
    }
  } catch (error) {
    tell({ kind: "broken", reason: String(error) });
  }
}

/** Keeps a frame until the next one, and gives back the one before: a camera has few of them. */
function keep(frame: VideoFrame | undefined): void {
  newest?.frame.close();
  newest = frame && { frame, came: performance.now(), painted: performance.now() };
}

function paint(frame: VideoFrame, timestamp: number): VideoFrame {
  painter?.paint(frame, { width: frame.displayWidth, height: frame.displayHeight });
  return new VideoFrame(canvas, { timestamp, alpha: "discard" });
}

/** Paints the newest frame again where no newer one comes. */
function repaint(): void {
  const now = performance.now();
  if (!newest || now - newest.painted < longestPause) return;
  newest.painted = now;
  const later = Math.round((now - newest.came) * 1000); // in microseconds, as timestamps are
  sink?.write(paint(newest.frame, newest.frame.timestamp + later)).catch(() => undefined); // paintAll tells what is wrong
}

function show(look: Look): void {
  painter?.show(look);
  logo?.close();
  logo = look.logo;
}

async function stop(): Promise<void> {
  painter?.close();
  await frames?.cancel(); // the camera is asked for no more frames
  keep(undefined);
  self.close();
}
