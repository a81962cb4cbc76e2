// What a player is, whichever library plays; open.ts opens one.

import type { ConnectionState } from "../whip/connection.ts";
import type { Talk } from "../whip/talk.ts";
import type { ServerClock } from "./clock.ts";

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
  /** What viewers over WebRTC and the publisher write to each other, where the page has a place for it. */
  talk?: Talk | undefined;
  /** Whether the viewer wants the newest picture, and has not gone back; without it, yes. */
  following?: (() => boolean) | undefined;
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
  /** What the rendition that plays is called, as levels has it; empty while unknown. */
  playing(): string;
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
  /** Bits per second of the rendition that plays; NaN while unknown. */
  bitrate?(): number;
  /** How the connection is, where there is one that lasts. */
  connection?(): ConnectionState;
  destroy(): void;
}
