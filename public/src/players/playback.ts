// Waits for a stream, plays it, keeps it playing, and knows when it has ended.

import { findStream, streamUrls, type Service, type Stream } from "../server/api.ts";
import { HttpError, sentence } from "../server/problem.ts";
import type { Talk } from "../whip/talk.ts";
import type { ServerClock } from "./clock.ts";
import { bufferAhead, tryPlay } from "./element.ts";
import { openPlayer } from "./open.ts";
import type { Player, Protocol } from "./player.ts";
import { Reports } from "./report.ts";

export type State = "refused" | "waiting" | "ready" | "starting" | "buffering" | "playing" | "paused" | "reconnecting" | "interrupted" | "ended" | "failed";

/** Pauses between attempts to open a player that failed, in milliseconds. */
const firstPause = 500;
const longestPause = 8000;

/**
 * Playback that stands still so long, with a live stream, is taken to the newest picture, and again after each pause, in
 * milliseconds. Not before the players have had time to hear of a new encoder: dash.js that is taken to where the Period that it
 * knows has nothing stays there.
 */
const nudgeLimit = 6000;
const nudgePause = 2500;

/** Playback that stands still so long, with a live stream, is opened anew, in milliseconds. */
const stallLimit = 12000;

/** With less than this buffered, in seconds, a player of a stream that is over has played it to its end. */
const leastBuffer = 0.3;

/** A viewer who follows the live edge is taken back to it when this far behind the player's target, in seconds. */
const farBehind = 6;

/** Players that must fail in a row before the viewer is told why. */
const tolerated = 2;

export interface PlaybackOptions {
  /** Of the stream. */
  name: string;
  server: Service;
  video: HTMLVideoElement;
  clock: ServerClock;
  /** Whether to play as soon as there is something, or only once the viewer has asked for it. */
  autoplay: boolean;
  /** Of a page that has a place for messages. */
  talk?: Talk | undefined;
  /** What the viewer has chosen. */
  protocol(): Protocol;
  /** Whether pictures over WebRTC are to be those that the stream's transform makes. */
  transformed(): boolean;
  /** Chooses HLS for the viewer, since this browser cannot play what the other protocol has. */
  fallBack(): void;
  /** Called when the list of renditions is known or changes. */
  onLevels(): void;
  /** Called when the server does not let this viewer watch. */
  onRefused?(error: HttpError): void;
  /** Called when another broadcast of the stream begins. */
  onReset(): void;
}

/** One player for one broadcast at a time. */
export class Playback {
  player: Player | undefined;
  stream: Stream | undefined;
  /** Why the server does not let this viewer watch; undefined: it does. */
  refused: HttpError | undefined;
  /** Whether the viewer wants it to play; see PlaybackOptions.autoplay. */
  wanted: boolean;
  private stopped = false;
  private opening = false;
  private broadcast: string | undefined; // startedAt of the stream that is played, undefined before and after
  private over = false; // the broadcast that was played has ended
  private failures = 0; // in a row
  private reason = ""; // of the last failure
  private refusal = ""; // why HLS plays, though something else was chosen
  private notBefore = 0;
  private position = 0;
  private movedAt = performance.now();
  private nudges = 0; // since it moved
  /** Whether the viewer wants the newest picture: not after pausing or seeking back. */
  following = true;
  private readonly video: HTMLVideoElement;
  private readonly reports: Reports;

  constructor(private readonly options: PlaybackOptions) {
    this.video = options.video;
    this.reports = new Reports(options.name, options.server.base, options.video);
    this.wanted = options.autoplay;
  }

  state(): State {
    const { video } = this;
    if (this.refused) return "refused";
    if (this.stream?.state === "failed") return "failed";
    if (this.over) return "ended";
    if (!this.stream) return this.player && !video.paused ? "playing" : "waiting";
    if (!this.wanted) return "ready";
    if (video.paused && this.player && video.readyState > 1 && !this.following) return "paused";
    if (this.stream.state === "interrupted") return "interrupted";
    if (this.player?.connection?.() === "reconnecting") return "reconnecting";
    if (!this.player || video.readyState < 2) return "starting";
    return video.readyState < 3 ? "buffering" : "playing";
  }

  /** Asks the server how the stream is, and opens or ends the player as that says. */
  async ask(): Promise<void> {
    let found: Stream | undefined;
    try {
      found = await findStream(this.options.name, this.options.server);
      this.refused = undefined;
    } catch (error) {
      if (error instanceof HttpError && [401, 403].includes(error.status)) this.refuse(error);
      this.movedAt = performance.now(); // the server is away for a moment: what is buffered plays on, and the player asks again
      return;
    }
    if (this.stopped) return;
    this.stream = found;
    const drained = !this.player || this.video.ended || bufferAhead(this.video) < leastBuffer;
    if (!found || found.state === "ended" || found.state === "failed") {
      if (this.broadcast !== undefined && drained) this.end();
      return;
    }
    if (this.over) this.reset();
    const another = found.startedAt !== this.broadcast;
    if (this.wanted && (!this.player || (another && drained)) && performance.now() >= this.notBefore) await this.open();
  }

  private refuse(error: HttpError): void {
    this.refused = error;
    this.options.onRefused?.(error);
  }

  /** The viewer wants it to play. */
  play(): void {
    if (this.player) return tryPlay(this.video);
    this.wanted = true;
    void this.ask();
  }

  /** The viewer wants the picture to stand. */
  pause(): void {
    this.following = false;
    this.video.pause();
  }

  /** Opens a player for what is chosen; the old one, if any, goes first. */
  async open(): Promise<void> {
    if (this.opening || this.stopped) return;
    this.opening = true;
    this.close();
    this.broadcast = this.stream?.startedAt;
    this.movedAt = performance.now();
    const { name, server, video, clock, talk, protocol, transformed, onLevels } = this.options;
    const wanted = protocol();
    const source = () => (protocol() === "webrtc" && transformed() ? "transformed" : protocol());
    const opened = source();
    const onFatal = (reason: string, unfit?: boolean) => (unfit && wanted !== "hls" ? this.fallBack(reason) : this.fail(reason));
    try {
      this.player = await openPlayer(wanted, { video, url: streamUrls(name, server.token(), server.base)[opened], clock, talk, following: () => this.following, onLevels, onFatal });
    } catch (error) {
      this.fail(String(error));
    } finally {
      this.opening = false;
    }
    if (this.stopped) this.close();
    else if (source() !== opened) await this.open(); // chosen while the library was loading
  }

  /** Plays over what is chosen now; before there is a stream, that is what will be opened. */
  switch(): void {
    this.refusal = "";
    this.forgive();
    this.notBefore = 0;
    if (this.player || (this.wanted && this.stream && !this.over)) void this.open();
  }

  /** The broadcast is over, and has been played to its end. */
  private end(): void {
    this.over = true;
    this.broadcast = undefined;
    this.video.pause();
    this.close();
    this.reports.leave();
  }

  private reset(): void {
    this.over = false;
    this.following = true;
    this.forgive();
    this.options.onReset();
  }

  /** Ends it for good. */
  stop(): void {
    this.stopped = true;
    this.close();
    this.reports.stop();
  }

  private close(): void {
    this.player?.destroy();
    this.player = undefined;
  }

  /** Lets the next ask open a player again, after a pause that grows with each failure in a row. */
  private fail(reason: string): void {
    const pause = Math.min(firstPause * 2 ** this.failures, longestPause);
    console.warn(`sluice: player failed: ${reason}; again in ${pause} ms`);
    this.close();
    this.failures++;
    this.reason = reason;
    this.notBefore = performance.now() + pause;
  }

  /** Goes on over HLS, which has renditions that every browser plays, until something else is chosen. */
  private fallBack(reason: string): void {
    this.close();
    this.options.fallBack();
    this.switch();
    this.refusal = `${sentence(reason)} Playing over HLS instead.`;
  }

  private forgive(): void {
    this.failures = 0;
    this.reason = "";
  }

  /** Why nothing plays, once that has lasted; empty while all is well. */
  fault(): string {
    if (this.stream?.fault && this.options.protocol() !== "webrtc") return `The stream is stalled: on the server ${this.stream.fault}.`;
    if (this.stream?.publisher?.advice) return this.stream.publisher.advice;
    return this.failures < tolerated ? this.refusal : `Playback fails: ${sentence(this.reason)} Another protocol may work.`;
  }

  /** Looks once a second whether playback goes on, and near enough to the edge, and tells the service of it. */
  tend(): void {
    const { video, player } = this;
    this.reports.tell(this.options.protocol(), player && { state: this.state(), latency: player.latency(), buffer: player.buffer(), bitrate: player.bitrate?.() ?? NaN });
    const plays = video.readyState > 2 && video.currentTime !== this.position;
    this.position = video.currentTime;
    if (plays) this.forgive();
    const mending = (this.player?.connection?.() ?? "connected") !== "connected";
    if (plays || video.paused || mending || this.stream?.state !== "live") this.movedAt = performance.now();
    const still = performance.now() - this.movedAt;
    if (this.player && still > stallLimit) return this.fail("playback stands still");
    if (still < nudgeLimit) this.nudges = 0;
    else if (this.player && this.following && still > nudgeLimit + this.nudges * nudgePause) this.nudge();
    const behind = this.player ? this.player.latency() - this.player.target() : NaN;
    if (plays && this.following && behind > farBehind) this.toEdge();
  }

  private nudge(): void {
    this.nudges++;
    this.toEdge();
  }

  toEdge(): void {
    this.following = true;
    const edge = this.player?.edge() ?? NaN;
    if (Number.isFinite(edge)) this.video.currentTime = edge;
    tryPlay(this.video);
  }

  /** The page's figures. */
  stats() {
    const { video } = this;
    const frames = video.getVideoPlaybackQuality();
    return {
      state: this.state(),
      protocol: this.options.protocol(),
      player: this.player?.name ?? "",
      latency: this.player?.latency() ?? NaN,
      target: this.player?.target() ?? NaN,
      buffer: this.player?.buffer() ?? NaN,
      width: video.videoWidth,
      height: video.videoHeight,
      dropped: frames.droppedVideoFrames,
      decoded: frames.totalVideoFrames,
      bandwidth: this.player?.bandwidth() ?? NaN,
      currentTime: video.currentTime,
    };
  }
}
