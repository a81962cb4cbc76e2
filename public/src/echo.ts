// The echo test: the picture goes to the server and back with the time drawn into it.

import { columns, decodeStamp, drawStamp, elapsed, readBits, rows, samples, stripHeight } from "./echo/stamp.ts";
import { captureError, openMedia, stopMedia } from "./publish/capture.ts";
import { paintedTrack, setUpEffects, withEffects } from "./publish/effects.ts";
import { at } from "./server/base.ts";
import { describe } from "./server/problem.ts";
import { LivePlot } from "./ui/chart.ts";
import { byId, repeat, setBadge, setNotice, setText } from "./ui/dom.ts";
import { milliseconds, size } from "./ui/format.ts";
import { storedKey, withKey } from "./ui/key.ts";
import type { ConnectionState } from "./whip/connection.ts";
import { RateMeter, type Stat } from "./whip/rates.ts";
import { WhipClient } from "./whip/whip.ts";

const canvas = byId<HTMLCanvasElement>("local");
const context = canvas.getContext("2d", { alpha: false }) as CanvasRenderingContext2D;
const remote = byId<HTMLVideoElement>("remote");
const fault = byId("fault");
const plot = new LivePlot(byId("trip-chart"), [
  { label: "Round trip", color: "--accent", format: (ms) => `${Math.round(ms)} ms` },
]);

/** Frame rate of the picture sent. */
const fps = 30;

/** Round trips that the median is taken over: about ten seconds. */
const remembered = 300;

/** A reading above this is a broken stamp that passed its check, in milliseconds. */
const longestTrip = 30000;

/** One run of the test, from Start to Stop. */
class EchoTest {
  private readonly source = document.createElement("video");
  private readonly strip = new OffscreenCanvas(columns * samples, rows * samples);
  private readonly reader = this.strip.getContext("2d", { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
  private readonly meter = new RateMeter();
  private client: WhipClient | undefined;
  private camera: MediaStream | undefined;
  private stopped = false;
  private trips: number[] = [];
  private fresh: number[] = [];
  private seen = 0;
  private read = 0;

  async start(): Promise<void> {
    this.camera = await openMedia({ source: "camera", camera: "", microphone: "", width: 640, height: 480, fps });
    this.source.muted = true;
    await this.paint();
    canvas.width = this.source.videoWidth;
    canvas.height = this.source.videoHeight;
    this.draw();
    const sent = new MediaStream([...canvas.captureStream(fps).getVideoTracks(), ...this.camera.getAudioTracks()]);
    if (this.stopped) return;
    this.watch();
    await withKey(async () => {
      if (!this.stopped) await this.open(sent);
    });
  }

  /** Takes the camera's picture as the effects make it, which the time is drawn into. */
  async paint(): Promise<void> {
    if (!this.camera || this.stopped) return;
    const made = withEffects(this.camera);
    if (this.source.srcObject === made) return;
    this.source.srcObject = made;
    await this.source.play();
  }

  private open(media: MediaStream): Promise<void> {
    this.client = new WhipClient({ url: at("/echo"), media, direction: "sendrecv", key: storedKey, onState: showState, onTrack: receive });
    return this.client.start();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    paintedTrack(undefined);
    stopMedia(this.camera);
    await this.client?.stop();
  }

  /** Draws each camera frame with the time of drawing. */
  private readonly draw = (): void => {
    if (this.stopped) return;
    context.drawImage(this.source, 0, 0, canvas.width, canvas.height);
    drawStamp(context, performance.now());
    this.source.requestVideoFrameCallback(this.draw);
  };

  /** Reads the time from each frame that came back. */
  private readonly watch = (): void => {
    if (this.stopped) return;
    if (remote.videoWidth > 0) this.readFrame(performance.now());
    remote.requestVideoFrameCallback(this.watch);
  };

  private readFrame(now: number): void {
    const { videoWidth, videoHeight } = remote;
    const top = videoHeight * (1 - stripHeight);
    this.reader.drawImage(remote, 0, top, videoWidth, videoHeight - top, 0, 0, this.strip.width, this.strip.height);
    const bits = readBits(this.reader.getImageData(0, 0, this.strip.width, this.strip.height).data);
    const stamp = bits && decodeStamp(bits);
    this.seen++;
    if (stamp === undefined) return;
    const trip = elapsed(now, stamp);
    if (trip > longestTrip) return;
    this.read++;
    this.fresh.push(trip);
    this.trips.push(trip);
    if (this.trips.length > remembered) this.trips.shift();
  }

  /** Shows what was measured since the last time. */
  async show(): Promise<void> {
    const report = await this.client?.peer?.getStats();
    if (!report || this.stopped) return;
    const now = median(this.fresh.splice(0));
    setText(byId("trip"), milliseconds(now / 1000));
    setText(byId("median"), milliseconds(median(this.trips) / 1000));
    setText(byId("rtt"), milliseconds(this.meter.read(report.values() as Iterable<Stat>).rtt));
    setText(byId("read"), this.seen > 0 ? `${this.read} of ${this.seen}` : "–");
    setText(byId("picture"), size(remote.videoWidth, remote.videoHeight));
    plot.add(now);
  }
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function receive({ track, streams }: RTCTrackEvent): void {
  const stream = streams[0] ?? (remote.srcObject instanceof MediaStream ? remote.srcObject : new MediaStream());
  if (!stream.getTracks().includes(track)) stream.addTrack(track);
  if (remote.srcObject !== stream) remote.srcObject = stream;
}

function showState(state: ConnectionState, error?: unknown): void {
  const words: Record<ConnectionState, [string, string]> = {
    connecting: ["connecting", "Connecting"],
    connected: ["running", "Running"],
    reconnecting: ["interrupted", "Reconnecting"],
    failed: ["failed", "Failed"],
    closed: ["idle", "Not running"],
  };
  setBadge(byId("badge"), ...words[state]);
  if (state === "failed") void stop().then(() => setBadge(byId("badge"), ...words.failed));
  if (error !== undefined) setNotice(fault, describe(error));
  else if (state === "connected") setNotice(fault, "");
}

let test: EchoTest | undefined;

function setRunning(running: boolean): void {
  byId("start").hidden = byId("idle").hidden = running;
  byId("stop").hidden = !running;
}

async function start(): Promise<void> {
  setNotice(fault, "");
  setRunning(true);
  test = new EchoTest();
  try {
    await test.start();
  } catch (error) {
    setNotice(fault, error instanceof DOMException ? captureError(error, "camera") : describe(error));
    await stop();
  }
}

async function stop(): Promise<void> {
  const ended = test;
  test = undefined;
  setRunning(false);
  await ended?.stop();
  remote.srcObject = null;
}

// At the bottom the time would cover an overlay.
for (const place of byId("overlay-place").querySelectorAll("option[value^=bottom]")) place.remove();
setUpEffects(() => void test?.paint());
byId("start").addEventListener("click", start);
byId("stop").addEventListener("click", stop);
byId("sound").addEventListener("change", (event) => (remote.muted = !(event.target as HTMLInputElement).checked));
repeat(500, () => test?.show());
