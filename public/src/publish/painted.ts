// A track that shows what another one shows, painted. Where the browser has streams of frames (Chromium) it is made in a worker, which goes
// on while the page is hidden; elsewhere by a canvas of the page.

import type { Finding } from "./faces.ts";
import type { Look } from "./look.ts";
import { longestPause, Painter } from "./painter.ts";

/** What a painter says of its work; broken: nothing is painted any more. */
export type Told = Finding | { kind: "broken"; reason: string };

/** What the worker in painting.ts is told. */
export type Order =
  | { kind: "begin"; readable: ReadableStream<VideoFrame>; writable: WritableStream<VideoFrame>; findingUrl: string }
  | { kind: "show"; look: Look }
  | { kind: "stop" };

/** A track and what makes it. */
export interface Painted {
  track: MediaStreamTrack;
  show(look: Look): void;
  /** Ends the track, and frees all that made it; the camera's own track goes on. */
  stop(): void;
}

export interface PaintedOptions {
  track: MediaStreamTrack;
  look: Look;
  /** The workers' scripts. */
  paintingUrl: string;
  findingUrl: string;
  tell(told: Told): void;
}

/** Chromium's part of the mediacapture-transform draft: both in a page, the generator being a track. */
interface FrameStreams {
  MediaStreamTrackProcessor?: new (init: { track: MediaStreamTrack; maxBufferSize: number }) => { readable: ReadableStream<VideoFrame> };
  MediaStreamTrackGenerator?: new (init: { kind: "video" }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> };
}

const frameStreams = () => globalThis as FrameStreams;

/** Whether painting goes on while the page is hidden. */
export const paintsHidden = () => Boolean(frameStreams().MediaStreamTrackProcessor && frameStreams().MediaStreamTrackGenerator);

export function paintTrack(options: PaintedOptions): Painted {
  const painted = inWorker(options) ?? onPage(options);
  painted.track.contentHint = options.track.contentHint;
  painted.show(options.look);
  return painted;
}

function inWorker({ track, paintingUrl, findingUrl, tell }: PaintedOptions): Painted | undefined {
  const { MediaStreamTrackProcessor: Processor, MediaStreamTrackGenerator: Generator } = frameStreams();
  if (!Processor || !Generator) return undefined;
  // One frame waits: with a newer one it is dropped, so that a slow painter is never late.
  const { readable } = new Processor({ track, maxBufferSize: 1 });
  const generator = new Generator({ kind: "video" });
  const { writable } = generator;
  const worker = new Worker(paintingUrl, { type: "module" });
  const order = (order: Order, transfer: Transferable[] = []) => worker.postMessage(order, transfer);
  worker.addEventListener("message", ({ data }) => tell(data as Told));
  worker.addEventListener("error", ({ message }) => tell({ kind: "broken", reason: message || "a script does not load" }));
  order({ kind: "begin", readable, writable, findingUrl }, [readable, writable]);
  return {
    track: generator,
    show: (look) => order({ kind: "show", look }),
    stop() {
      order({ kind: "stop" });
      generator.stop();
    },
  };
}

function onPage({ track, findingUrl, tell }: PaintedOptions): Painted {
  const canvas = document.createElement("canvas");
  const painter = new Painter(canvas, findingUrl, tell);
  const video = document.createElement("video");
  video.muted = video.playsInline = true;
  video.srcObject = new MediaStream([track]);
  let last = 0;
  const paint = () => {
    last = performance.now();
    painter.paint(video, { width: video.videoWidth, height: video.videoHeight });
  };
  const timer = setInterval(() => video.videoWidth > 0 && performance.now() - last >= longestPause && paint(), longestPause);
  let request = 0;
  const next = () => {
    paint();
    request = video.requestVideoFrameCallback(next);
  };
  request = video.requestVideoFrameCallback(next);
  video.play().catch((error: unknown) => tell({ kind: "broken", reason: String(error) }));
  const painted = canvas.captureStream().getVideoTracks()[0] as MediaStreamTrack;
  return {
    track: painted,
    show: (look) => painter.show(look),
    stop() {
      clearInterval(timer);
      video.cancelVideoFrameCallback(request);
      video.srcObject = null;
      painted.stop();
      painter.close();
    },
  };
}
