// Publishing where WebRTC is blocked: what the browser records (MediaRecorder) goes to the server over a WebSocket, which passes wherever
// pages do. Viewers see it later by as much as a piece of the recording is long.

import { at } from "../server/base.ts";
import { Pauses } from "../server/pauses.ts";
import { HttpError, request, sentence } from "../server/problem.ts";
import type { ConnectionState } from "../whip/connection.ts";
import { noRates, type Rates } from "../whip/rates.ts";
import type { Sending } from "../sending/sending.ts";
import { authorization } from "../whip/session.ts";

export interface UploadOptions {
  /** The name of the stream. */
  stream: string;
  media: MediaStream;
  sending: Sending;
  key?(): string;
  onState(state: ConnectionState, error?: unknown): void;
}

/** Milliseconds of media in each piece, between key frames, and before a lost connection is made again, first and at most. */
const piece = 100;
const keyFrames = 1000;
const firstPause = 1000;
const longestPause = 10000;

/** How long a connection may take, in milliseconds. */
const connectLimit = 15000;

/** Bytes that wait to be sent, with which the network is too slow: what is new is worth more than all of it. */
const tooMuch = 4 << 20;

/** What a WebSocket ends with that another one would end with, too (RFC 6455 §7.4.1). */
const final = new Set([1003, 1007, 1008, 1009]);

/** The formats that the server takes, by the names of codecs that a page may prefer. */
const formats: readonly (readonly [codec: string, mimeType: string])[] = [
  ["VP8", "video/webm;codecs=vp8,opus"],
  ["H264", "video/webm;codecs=h264,opus"],
  ["H264", "video/x-matroska;codecs=avc1,opus"],
  ["VP9", "video/webm;codecs=vp9,opus"],
  ["AV1", "video/webm;codecs=av1,opus"],
  ["H264", "video/mp4;codecs=avc1.42E028,opus"],
  ["H264", "video/mp4;codecs=avc1.42E028,mp4a.40.2"], // Safari before 18.4 makes nothing else
  ["H264", "video/mp4"],
];

/** Those of sound alone. */
const soundFormats = ["audio/webm;codecs=opus", "audio/mp4;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4"];

/** The format to record in: the preferred codec if the browser can, else the first that it can; empty when there is none. */
export function recordingFormat(codec: string, hasPicture: boolean, supported: (mimeType: string) => boolean): string {
  if (!hasPicture) return soundFormats.find(supported) ?? "";
  const preferred = [...formats.filter(([name]) => name === codec), ...formats];
  return preferred.find(([, mimeType]) => supported(mimeType))?.[1] ?? "";
}

/** The WebSocket subprotocols of an upload. */
export const uploadProtocols = (key: string) => socketProtocols("sluice-upload", key);

/** WebSocket subprotocols with the key; a page can send no other header, so one of them is the key. */
export function socketProtocols(protocol: string, key: string): string[] {
  if (!key) return [protocol];
  const bytes = new TextEncoder().encode(key);
  const base64 = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return [protocol, `bearer.${base64}`];
}

interface ServerEvent {
  event: "status" | "ended" | "error";
  detail?: string;
}

/** What this browser cannot record, however often it is tried. */
class Unrecordable extends Error {}

/** One publication. Use an object once: start, then stop. */
export class UploadClient {
  private media: MediaStream;
  private readonly sending: Sending;
  private socket: WebSocket | undefined;
  private recorder: MediaRecorder | undefined;
  private retrying: Promise<void> | undefined;
  private stopped = false;
  private refusal = "";
  private sent = 0;
  private read = { at: NaN, sent: 0 };

  constructor(private readonly options: UploadOptions) {
    this.media = options.media;
    this.sending = { ...options.sending };
  }

  /** Begins; rejects with what the server has against it. */
  async start(): Promise<void> {
    this.options.onState("connecting");
    // A page is not told why a WebSocket is refused; a request tells whether the key is good.
    await request(at(`/upload/${this.options.stream}`), { method: "OPTIONS", headers: authorization(this.options) });
    await this.open();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.close();
  }

  /** Sends other tracks from now on: a recorder cannot change them, so it is another recording. */
  async replace(media: MediaStream): Promise<void> {
    this.media = media;
    await this.again();
  }

  /** Sends at most so many bits per second of the picture from now on. */
  async limit({ maxBitrate }: Sending): Promise<void> {
    if (maxBitrate === this.sending.maxBitrate) return;
    this.sending.maxBitrate = maxBitrate;
    await this.again();
  }

  /** What has been sent since this was last asked. */
  rates(): Rates {
    const { at, sent } = this.read;
    this.read = { at: performance.now(), sent: this.sent };
    const { width = 0, height = 0, frameRate = NaN } = this.media.getVideoTracks()[0]?.getSettings() ?? {};
    const bitrate = ((this.sent - sent) * 8000) / (this.read.at - at);
    return { ...noRates, bitrate, width, height, fps: frameRate, codec: codecOf(this.recorder?.mimeType ?? "") };
  }

  /** Connects and records; resolves without when this is stopped meanwhile. */
  private open(): Promise<void> {
    if (this.stopped) return Promise.resolve();
    const url = new URL(at(`/upload/${this.options.stream}/ws`), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, uploadProtocols(this.options.key?.() ?? ""));
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => this.told(data));
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => socket.close(), connectLimit);
      socket.addEventListener("open", () => {
        clearTimeout(limit);
        try {
          this.record(socket);
        } catch (error) {
          this.socket = undefined; // so that its end is not taken for a loss
          socket.close();
          return reject(error);
        }
        socket.addEventListener("close", ({ code }) => void this.lost(socket, code));
        this.options.onState("connected");
        resolve();
      });
      socket.addEventListener("close", () => {
        clearTimeout(limit);
        if (this.stopped) resolve();
        reject(new HttpError(0, "The server does not take the upload: it may be full, or somebody else is live under this name."));
      });
    });
  }

  private record(socket: WebSocket): void {
    const mimeType = recordingFormat(this.sending.codec, this.media.getVideoTracks().length > 0, MediaRecorder.isTypeSupported);
    if (!mimeType) throw new Unrecordable("This browser records neither WebM nor MP4: publish over WebRTC, or use another browser.");
    const recorder = new MediaRecorder(this.media, {
      mimeType,
      videoBitsPerSecond: this.sending.maxBitrate,
      audioBitsPerSecond: 128_000,
      videoKeyFrameIntervalDuration: keyFrames,
    } as MediaRecorderOptions);
    recorder.addEventListener("dataavailable", ({ data }) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      if (socket.bufferedAmount > tooMuch) return this.tooSlow();
      socket.send(data);
      this.sent += data.size;
    });
    try {
      recorder.start(piece);
    } catch {
      throw new Unrecordable("There is nothing to record: the source has ended. Choose another one.");
    }
    this.recorder = recorder;
  }

  private told(data: unknown): void {
    const { event, detail = "" } = JSON.parse(String(data)) as ServerEvent;
    if (event === "error") this.refusal = sentence(detail);
  }

  private tooSlow(): void {
    this.options.onState("reconnecting", new Error("The network is too slow for this bitrate: choose a lower one."));
    void this.again();
  }

  /** Ends this recording and begins another; one that is about to begin will be of what is wanted now. */
  private async again(): Promise<void> {
    if (this.stopped || !this.recorder) return;
    await this.close();
    await this.retry();
  }

  private async lost(socket: WebSocket, code: number): Promise<void> {
    if (socket !== this.socket) return; // it was closed here
    const { recorder } = this;
    this.socket = this.recorder = undefined;
    if (recorder && recorder.state !== "inactive") recorder.stop();
    if (this.stopped) return;
    if (final.has(code)) return this.options.onState("failed", new Error(this.refusal || "The server has ended the upload."));
    this.options.onState("reconnecting");
    await this.retry();
  }

  /** Tries until it is connected, or stopped, or cannot be; however often it is called there is one that tries. */
  private retry(): Promise<void> {
    this.retrying ??= this.tryAgain().finally(() => (this.retrying = undefined));
    return this.retrying;
  }

  private async tryAgain(): Promise<void> {
    const pauses = new Pauses(firstPause, longestPause);
    while (!this.stopped) {
      try {
        return await this.open();
      } catch (error) {
        if (error instanceof Unrecordable) return this.options.onState("failed", error);
        if (!this.stopped) this.options.onState("reconnecting", error);
        await pauses.pass();
      }
    }
  }

  /** Lets the recorder give what it has, and tells the server that this was all. */
  private async close(): Promise<void> {
    const { socket, recorder } = this;
    this.socket = this.recorder = undefined;
    if (recorder && recorder.state !== "inactive") {
      const last = new Promise((resolve) => recorder.addEventListener("stop", resolve, { once: true }));
      recorder.stop();
      await last;
    }
    socket?.close(1000);
  }
}

/** The MIME type of a recording's picture, from that of the recording; empty where there is none. */
export function codecOf(mimeType: string): string {
  const [, codecs = ""] = /codecs="?([^"]*)/.exec(mimeType) ?? [];
  const picture = codecs.split(",").find((codec) => !/opus|pcm|mp4a/.test(codec)) ?? "";
  if (picture === "") return /^video\/mp4/.test(mimeType) ? "video/H264" : "";
  return `video/${/^avc|^h264/i.test(picture) ? "H264" : /^vp0?9/i.test(picture) ? "VP9" : /^av0?1/i.test(picture) ? "AV1" : "VP8"}`;
}
