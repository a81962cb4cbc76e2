// Frames: the camera's pictures go to the server one by one over a WebSocket, and come back processed.

import { captureError, openMedia, stopMedia } from "./publish/capture.ts";
import { socketProtocols } from "./publish/upload.ts";
import { listProcessors } from "./server/api.ts";
import { at } from "./server/base.ts";
import { describe, request, sentence } from "./server/problem.ts";
import { LivePlot } from "./ui/chart.ts";
import { byId, repeat, setBadge, setNotice, setText } from "./ui/dom.ts";
import { bitrate, milliseconds } from "./ui/format.ts";
import { storedKey, withKey } from "./ui/key.ts";
import { suggestName } from "./ui/names.ts";
import { authorization } from "./whip/session.ts";

const local = byId<HTMLCanvasElement>("local");
const answer = byId<HTMLCanvasElement>("answer");
const form = byId<HTMLFormElement>("form");
const stream = byId<HTMLInputElement>("name");
const every = byId<HTMLSelectElement>("every");
const format = byId<HTMLSelectElement>("format");
const process = byId<HTMLSelectElement>("process");
const fault = byId("fault");
const plot = new LivePlot(byId("trip-chart"), [{ label: "Round trip", color: "--accent", format: (ms) => `${Math.round(ms)} ms` }]);

/** Pictures that may be under way; the server has places for as many. */
const most = 4;

/** How long a connection may take, in milliseconds. */
const connectLimit = 15000;

/** Quality of JPEG and WebP, of 1. */
const quality = 0.8;

interface ServerEvent {
  event: "frame" | "error" | "ended";
  frame?: number;
  took?: number; // ms
  bytes?: number;
  process?: string;
  faces?: unknown[];
  detail?: string;
}

/** One run, from Start to Stop. */
class Run {
  private readonly source = document.createElement("video");
  private camera: MediaStream | undefined;
  private socket: WebSocket | undefined;
  private timer = 0;
  private stopped = false;
  private frame = 0;
  private readonly sentAt = new Map<number, number>();
  private count = { sent: 0, bytes: 0, answered: 0, lost: 0, trips: [] as number[], took: [] as number[] };
  private shownAt = performance.now();

  async start(): Promise<void> {
    this.camera = await openMedia({ source: "camera", camera: "", microphone: "none", width: 1280, height: 720, fps: 30 });
    this.source.srcObject = this.camera;
    this.source.muted = true;
    await this.source.play();
    if (this.stopped) return stopMedia(this.camera);
    await withKey(() => this.open());
    this.schedule();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    stopMedia(this.camera);
    this.socket?.close(1000);
  }

  /** Has what follows processed in another way. */
  process(name: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ event: "process", process: name }));
  }

  private async open(): Promise<void> {
    // A page is not told why a WebSocket is refused; a request tells whether the key is good.
    await request(at(`/frames/${stream.value}`), { method: "OPTIONS", headers: authorization({ key: storedKey }) });
    const url = new URL(at(`/frames/${stream.value}/ws`), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("process", process.value);
    const socket = new WebSocket(url, socketProtocols("sluice-frames", storedKey()));
    socket.binaryType = "blob";
    this.socket = socket;
    await new Promise<void>((opened, failed) => {
      const limit = setTimeout(() => socket.close(), connectLimit);
      socket.addEventListener("open", () => opened(clearTimeout(limit)));
      socket.addEventListener("error", () => failed(new Error("The server has refused the connection: look whether it has a place for another stream.")));
    });
    socket.addEventListener("message", ({ data }) => (typeof data === "string" ? this.hear(JSON.parse(data)) : this.draw(data)));
    socket.addEventListener("close", ({ reason }) => {
      if (!this.stopped) end(sentence(reason || "The connection is lost: start again."));
    });
  }

  private readonly schedule = (): void => {
    if (this.stopped) return;
    const began = performance.now();
    this.send()
      .catch((error: unknown) => end(describe(error)))
      .finally(() => {
        this.timer = window.setTimeout(this.schedule, Math.max(0, Number(every.value) - (performance.now() - began)));
      });
  };

  private async send(): Promise<void> {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    if (this.sentAt.size >= most) {
      this.count.lost++;
      return;
    }
    local.width = this.source.videoWidth;
    local.height = this.source.videoHeight;
    local.getContext("2d", { alpha: false })?.drawImage(this.source, 0, 0);
    const picture = await new Promise<Blob | null>((made) => local.toBlob(made, format.value, quality));
    if (!picture || this.stopped) return;
    this.sentAt.set(++this.frame, performance.now());
    this.count.sent++;
    this.count.bytes += picture.size;
    this.socket.send(picture);
  }

  private hear({ event, frame, took, bytes, process, faces, detail }: ServerEvent): void {
    if (frame === undefined) {
      if (event === "error") end(detail ?? "");
      return;
    }
    const sentAt = this.sentAt.get(frame);
    this.sentAt.delete(frame);
    if (event === "error") {
      this.count.lost++;
      setNotice(fault, detail ?? "");
      return;
    }
    setNotice(fault, "");
    this.count.answered++;
    this.count.took.push(took ?? NaN);
    byId("faces-figure").hidden = process !== "faces";
    setText(byId("faces"), String(faces?.length ?? 0));
    if (sentAt !== undefined) this.count.trips.push(performance.now() - sentAt);
    if (bytes) byId("idle").hidden = true;
  }

  private async draw(picture: Blob): Promise<void> {
    const bitmap = await createImageBitmap(picture);
    answer.width = bitmap.width;
    answer.height = bitmap.height;
    answer.getContext("2d", { alpha: false })?.drawImage(bitmap, 0, 0);
    bitmap.close();
  }

  /** Shows what was counted since the last time. */
  show(): void {
    const now = performance.now();
    const seconds = (now - this.shownAt) / 1000;
    const { sent, bytes, answered, lost, trips, took } = this.count;
    this.shownAt = now;
    this.count = { sent: 0, bytes: 0, answered: 0, lost, trips: [], took: [] };
    setText(byId("trip"), milliseconds(mean(trips) / 1000));
    setText(byId("took"), milliseconds(mean(took) / 1000));
    setText(byId("sent"), `${(sent / seconds).toFixed(1)} / s`);
    setText(byId("answered"), `${(answered / seconds).toFixed(1)} / s`);
    setText(byId("bitrate"), bitrate((bytes * 8) / seconds));
    setText(byId("lost"), String(lost));
    plot.add(mean(trips));
  }
}

const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;

let run: Run | undefined;

function setRunning(running: boolean): void {
  setBadge(byId("badge"), running ? "running" : "idle", running ? "Running" : "Not running");
  byId("start").hidden = stream.disabled = running;
  byId("stop").hidden = byId("watch").hidden = !running;
  byId<HTMLAnchorElement>("watch").href = at(`/watch/${stream.value}`);
}

function end(reason = ""): void {
  run?.stop();
  run = undefined;
  setRunning(false);
  if (reason) setNotice(fault, reason);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  setNotice(fault, "");
  run = new Run();
  setRunning(true);
  await run.start().catch((error: unknown) => end(error instanceof DOMException ? captureError(error, "camera") : describe(error)));
});
byId("stop").addEventListener("click", () => end());
process.addEventListener("change", () => run?.process(process.value));
addEventListener("pagehide", () => run?.stop());

stream.value = suggestName();
repeat(1000, () => run?.show());
for (const name of await listProcessors().catch(() => [])) process.add(new Option(name.charAt(0).toUpperCase() + name.slice(1), name));
