// What the pages need of a player, whichever library plays.

import type { ServerClock } from "./clock.ts";
import type { ConnectionState } from "./connection.ts";

export type Protocol = "hls" | "dash" | "webrtc";

/** One rendition to choose from. */
export interface Level {
  id: string;
  label: string;
}

export interface PlayerOptions {
  video: HTMLVideoElement;
  url: string;
  clock: ServerClock;
  /** Called when the list of renditions is known or changes. */
  onLevels(): void;
  /**
   * Called once, when the player cannot go on by itself and must be opened anew; `unfit` when that would not help, since this
   * browser cannot play what this protocol has.
   */
  onFatal(reason: string, unfit?: boolean): void;
}

export interface Player {
  /** "hls.js", "dash.js", "native HLS" or "WebRTC". */
  readonly name: string;
  /** The library's own object. */
  readonly engine: unknown;
  levels(): Level[];
  /** Plays only this rendition from now on; empty: the player chooses. */
  choose(id: string): void;
  /** Seconds from the capture to the screen; NaN while unknown. */
  latency(): number;
  /** Whether that is an estimate from the server to the screen, and no measurement. */
  readonly estimates?: boolean;
  /** The latency that the player aims at; NaN while unknown. */
  target(): number;
  /** The position to seek to for the newest picture; NaN while unknown. */
  edge(): number;
  /** Seconds of media that wait to be played; NaN while unknown. */
  buffer(): number;
  /** Estimated bits per second that the network carries; NaN while unknown. */
  bandwidth(): number;
  /** How the connection is, where there is one that lasts. */
  connection?(): ConnectionState;
  destroy(): void;
}

/** Plays if the browser lets it: without a touch of the page it may refuse, and then a button is there. */
export function tryPlay(video: HTMLVideoElement): void {
  video.play().catch(() => undefined);
}

/** Opens a player, which starts to play when it can; the library is loaded when first needed. */
export async function openPlayer(protocol: Protocol, options: PlayerOptions): Promise<Player> {
  if (protocol === "webrtc") return (await import("./webrtc.ts")).openWebRtc(options);
  if (protocol === "dash") return (await import("./dash.ts")).openDash(options);
  if (prefersNativeHls(options.video)) return (await import("./native.ts")).openNative(options);
  return (await import("./hls.ts")).openHls(options);
}

const hasMediaSource = () => "MediaSource" in window || "ManagedMediaSource" in window;
const hasNativeHls = (video: HTMLVideoElement) => video.canPlayType("application/vnd.apple.mpegurl") !== "";

/** Safari plays HLS best itself; others that can (recent Chromium) show no renditions and no latency then. */
export function prefersNativeHls(video: HTMLVideoElement): boolean {
  return hasNativeHls(video) && (!hasMediaSource() || "webkitShowPlaybackTargetPicker" in video);
}

/**
 * What this browser plays, best first. HLS leads: it bears a bad network, has every rendition and passes
 * firewalls; WebRTC is for who needs less than the second of delay that this costs.
 */
export function playable(video: HTMLVideoElement): Protocol[] {
  const protocols: Protocol[] = [];
  if (hasMediaSource() || hasNativeHls(video)) protocols.push("hls");
  if (hasMediaSource()) protocols.push("dash");
  if ("RTCPeerConnection" in window) protocols.push("webrtc");
  return protocols;
}

/** What is known of a rendition. */
export interface Rung {
  height: number;
  bitrate: number;
  /** As RFC 6381 writes it. */
  codec?: string | undefined;
}

/** Codecs that not every browser decodes, by the first element of their names: the others are H.264. */
const codings: Record<string, string> = { vp09: "VP9", av01: "AV1" };

const coding = ({ codec = "" }: Rung) => codings[codec.split(".")[0] ?? ""] ?? "";

/** Whether two renditions are of one codec. */
export const sameCoding = (a: Rung, b: Rung) => coding(a) === coding(b);

/** Names a rendition: its height, its codec where that is not H.264, and its bit rate where these are not enough. */
export function levelLabel(level: Rung, all: Rung[]): string {
  const same = all.filter((other) => other.height === level.height && sameCoding(other, level)).length > 1;
  const rate = `${(level.bitrate / 1e6).toFixed(1)} Mbit/s`;
  const parts = [level.height ? `${level.height}p` : rate, coding(level), level.height && same ? rate : ""];
  return parts.filter((part) => part !== "").join(" ");
}

/** Seconds of media that are buffered ahead of the playing position. */
export function bufferAhead(video: HTMLVideoElement): number {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= currentTime + 0.1 && currentTime <= buffered.end(i)) return buffered.end(i) - currentTime;
  }
  return 0;
}
