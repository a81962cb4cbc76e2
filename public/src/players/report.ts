// How playback goes, as it is told to the service: Common Media Client Data, version 2 (CTA-5004-B, event mode). The service counts its
// viewers by that, behind caches too. Nothing of it is in the addresses of media, which caches keep for all viewers.

import { at } from "../server/base.ts";
import type { Protocol } from "./player.ts";

/** How often it is told, in milliseconds: who has not told for half a minute counts as gone. */
const pause = 10000;

/** What the state of the player is called there (key sta). */
const states: Record<string, string> = { starting: "s", playing: "p", paused: "a", buffering: "r", reconnecting: "r", interrupted: "w" };

const formats = { hls: "h", dash: "d", webrtc: "" };

/** What is told of a player; numbers that nobody knows are NaN. */
export interface Figures {
  state: string;
  /** Seconds. */
  latency: number;
  /** Seconds. */
  buffer: number;
  /** Of the rendition that plays, bits per second. */
  bitrate: number;
}

/** Interruptions of playback, by what its video element says. Times are in milliseconds. */
export class Interruptions {
  count = 0;
  startup = NaN;
  private total = 0;
  private since = NaN;

  constructor(private readonly begun: number) {}

  /** There is nothing more to play, and the viewer has not gone elsewhere in the stream. */
  wait(now: number): void {
    if (Number.isNaN(this.startup) || !Number.isNaN(this.since)) return;
    this.count++;
    this.since = now;
  }

  /** It plays, or the viewer wants it to stand still. */
  end(now: number, plays: boolean): void {
    if (plays && Number.isNaN(this.startup)) this.startup = now - this.begun;
    this.total = this.length(now);
    this.since = NaN;
  }

  length = (now: number) => this.total + (Number.isNaN(this.since) ? 0 : now - this.since);
}

/** The session's name: random, and forgotten with the page. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is for pages over HTTPS only
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One report: keys in the order of the alphabet, numbers as whole ones, those that nobody knows left out. */
export function encode(values: Record<string, string | number>): string {
  const known = Object.entries(values).filter(([, value]) => value !== "" && (typeof value === "string" || (Number.isFinite(value) && value >= 0)));
  return known.map(([key, value]) => `${key}=${typeof value === "string" ? value : lists.has(key) ? `(${Math.round(value)})` : Math.round(value)}`).sort().join(",");
}

const lists = new Set(["bl", "br", "bsa", "bsda"]);

/** Tells how one playback goes. */
export class Reports {
  private readonly session = randomId();
  private interruptions: Interruptions | undefined; // from when the viewer first wanted it to play
  private told = ""; // the protocol that is told of, or nothing
  private at = 0; // when, in milliseconds of performance.now()
  private number = 0;
  private readonly halt = new AbortController();

  /** base is that of the server, as for at. */
  constructor(
    private readonly name: string,
    private readonly base: string | undefined,
    video: HTMLVideoElement,
  ) {
    const { signal } = this.halt;
    const end = (plays: boolean) => () => this.interruptions?.end(performance.now(), plays);
    video.addEventListener("waiting", () => !video.seeking && this.interruptions?.wait(performance.now()), { signal });
    video.addEventListener("playing", end(true), { signal });
    video.addEventListener("pause", end(false), { signal });
    window.addEventListener("pagehide", () => this.leave(), { signal });
  }

  /** Tells it if it is time; undefined while there is no player. Viewers over WebRTC are counted without that. */
  tell(protocol: Protocol, figures: Figures | undefined): void {
    if (!figures || protocol === "webrtc") {
      if (protocol === "webrtc") this.leave();
      return;
    }
    const now = performance.now();
    this.interruptions ??= new Interruptions(now);
    const changed = this.told !== protocol + Number.isFinite(this.interruptions.startup); // another protocol, or it plays
    if (!changed && now - this.at < pause) return;
    this.told = protocol + Number.isFinite(this.interruptions.startup);
    this.at = now;
    const { count, startup } = this.interruptions;
    this.send({
      e: "t",
      sf: formats[protocol],
      st: "ll",
      sta: states[figures.state] ?? "",
      bl: figures.buffer * 1000,
      br: figures.bitrate / 1000,
      bsa: count,
      bsda: this.interruptions.length(now),
      ltc: figures.state === "playing" ? figures.latency * 1000 : NaN,
      msd: startup,
    });
  }

  /** The viewer has gone, or there is nothing more. */
  leave(): void {
    if (this.told) this.send({ e: "ps", sta: "q" });
    this.told = "";
  }

  stop(): void {
    this.leave();
    this.halt.abort();
  }

  private send(values: Record<string, string | number>): void {
    const text = encode({ ...values, cid: `"${this.name}"`, sid: `"${this.session}"`, sn: this.number++, ts: Date.now(), v: 2 });
    // As plain text it may go to another site without asking that first. It is sent even if the page is closed meanwhile.
    const headers = { "Content-Type": "text/plain" };
    fetch(at("/collect", this.base), { method: "POST", body: text, headers, keepalive: true, credentials: "omit" }).catch(() => undefined);
  }
}
