// The watch page: waits for the stream, plays it, keeps it playing, and says when it has ended.

import { findStream, streamUrls, type Stream } from "./api.ts";
import { LivePlot } from "./chart.ts";
import { ServerClock } from "./clock.ts";
import { setUpControls, showControls, type ControlTarget } from "./controls.ts";
import { byId, repeat, setBadge, setNotice, setText } from "./dom.ts";
import { bitrate, lag, size } from "./format.ts";
import { nameFromPath } from "./names.ts";
import { bufferAhead, openPlayer, playable, tryPlay, type Player, type Protocol } from "./player.ts";
import { sentence } from "./problem.ts";

type State = "waiting" | "starting" | "buffering" | "playing" | "paused" | "reconnecting" | "interrupted" | "ended" | "failed";

const name = nameFromPath(location.pathname);
const video = byId<HTMLVideoElement>("video");
const protocol = byId<HTMLSelectElement>("protocol");
const quality = byId<HTMLSelectElement>("quality");
const clock = new ServerClock();
const plot = new LivePlot(byId("latency-chart"), [
  { label: "Latency", color: "--accent", format: lag },
  { label: "Buffer", color: "--second", format: lag },
]);

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

/** How often the server is asked about the stream, in milliseconds. */
const askPause = 2000;

/** Players that must fail in a row before the viewer is told why. */
const tolerated = 2;

/** The page's whole state: one player for one broadcast at a time. */
class Watch implements ControlTarget {
  player: Player | undefined;
  stream: Stream | undefined;
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

  state(): State {
    if (this.stream?.state === "failed") return "failed";
    if (this.over) return "ended";
    if (!this.stream) return this.player && !video.paused ? "playing" : "waiting";
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
      found = await findStream(name);
    } catch {
      this.movedAt = performance.now(); // the server is away for a moment: what is buffered plays on, and the player asks again
      return;
    }
    this.stream = found;
    const drained = !this.player || video.ended || bufferAhead(video) < leastBuffer;
    if (!found || found.state === "ended" || found.state === "failed") {
      if (this.broadcast !== undefined && drained) this.end();
      return;
    }
    if (this.over) this.reset();
    const another = found.startedAt !== this.broadcast;
    if ((!this.player || (another && drained)) && performance.now() >= this.notBefore) await this.open();
  }

  /** Opens a player for what is chosen; the old one, if any, goes first. */
  async open(): Promise<void> {
    if (this.opening) return;
    this.opening = true;
    this.close();
    this.broadcast = this.stream?.startedAt;
    this.movedAt = performance.now();
    const wanted = protocol.value as Protocol;
    const onFatal = (reason: string, unfit?: boolean) => (unfit && wanted !== "hls" ? this.fallBack(reason) : this.fail(reason));
    try {
      this.player = await openPlayer(wanted, { video, url: streamUrls(name)[wanted], clock, onLevels: showLevels, onFatal });
    } catch (error) {
      this.fail(String(error));
    } finally {
      this.opening = false;
    }
    if (protocol.value !== wanted) await this.open(); // chosen while the library was loading
  }

  /** Plays over what is chosen now; before there is a stream, that is what will be opened. */
  switch(): void {
    this.refusal = "";
    this.forgive();
    this.notBefore = 0;
    if (this.player || (this.stream && !this.over)) void this.open();
  }

  /** The broadcast is over, and has been played to its end. */
  private end(): void {
    this.over = true;
    this.broadcast = undefined;
    video.pause();
    this.close();
  }

  private reset(): void {
    this.over = false;
    this.following = true;
    this.forgive();
    plot.clear();
  }

  close(): void {
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
    protocol.value = "hls";
    this.switch();
    this.refusal = `${sentence(reason)} Playing over HLS instead.`;
  }

  private forgive(): void {
    this.failures = 0;
    this.reason = "";
  }

  /** Why nothing plays, once that has lasted; empty while all is well. */
  fault(): string {
    if (this.stream?.fault && protocol.value !== "webrtc") return `Nothing new comes: on the server ${this.stream.fault}.`;
    if (this.stream?.publisher?.advice) return this.stream.publisher.advice;
    return this.failures < tolerated ? this.refusal : `Playing fails: ${sentence(this.reason)} Another protocol may work.`;
  }

  /** Looks once a second whether playback goes on, and near enough to the edge. */
  tend(): void {
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
    if (Number.isFinite(edge)) video.currentTime = edge;
    tryPlay(video);
  }

  stats() {
    const frames = video.getVideoPlaybackQuality();
    return {
      state: this.state(),
      protocol: protocol.value,
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

const watch = new Watch();

/** What each state is called, and what is said over the picture in it; no words, no overlay. */
const words: Record<State, [badge: string, title: string, text: string]> = {
  waiting: ["Waiting", "Waiting for the stream", "It starts here by itself as soon as somebody is live."],
  starting: ["Starting", "Starting", "The first pictures are on their way."],
  buffering: ["Buffering", "Buffering", ""],
  playing: ["Live", "", ""],
  paused: ["Paused", "", ""],
  reconnecting: ["Reconnecting", "Reconnecting", ""],
  interrupted: ["Interrupted", "", ""],
  ended: ["Ended", "The stream has ended", "If it starts again, so does this page."],
  failed: ["Failed", "The stream has failed", ""],
};

/** The state's name for a badge's colour. */
const colour = (state: State) => (state === "playing" ? "live" : state === "waiting" ? "idle" : state);

function showState(): void {
  const state = watch.state();
  const [badge, title, text] = words[state];
  setBadge(byId("badge"), colour(state), badge);
  const overlay = byId("overlay");
  overlay.hidden = title === "";
  overlay.classList.toggle("clear", video.readyState > 1);
  overlay.classList.toggle("still", state === "ended" || state === "failed");
  setText(byId("overlay-title"), title);
  setText(byId("overlay-text"), state === "failed" ? watch.stream?.error || text : text);
  byId("away").hidden = state !== "interrupted";
  setNotice(byId("fault"), watch.fault());
  const encoded = protocol.value !== "webrtc"; // that one is sent as it comes
  setNotice(byId("reduced"), (encoded && watch.stream?.encoder?.reduced) || "");
}

function showStats(): void {
  const stats = watch.stats();
  const estimates = watch.player?.estimates ?? false;
  setText(byId("latency-label"), estimates ? "Latency (estimate)" : "Latency");
  setText(byId("latency"), estimates && stats.latency >= 0 ? `≈ ${lag(stats.latency)}` : lag(stats.latency));
  setText(byId("buffer"), lag(stats.buffer));
  setText(byId("picture"), size(stats.width, stats.height));
  setText(byId("dropped"), stats.decoded > 0 ? `${stats.dropped} of ${stats.decoded}` : "–");
  setText(byId("bandwidth"), bitrate(stats.bandwidth));
  setText(byId("engine"), stats.player || "–");
  if (watch.player) plot.add(stats.latency, stats.buffer);
}

function showLevels(): void {
  const levels = watch.player?.levels() ?? [];
  const options = [new Option("Auto", ""), ...levels.map(({ id, label }) => new Option(label, id))];
  const same = options.map(({ text }) => text).join() === [...quality.options].map(({ text }) => text).join();
  if (!same) quality.replaceChildren(...options);
  quality.hidden = levels.length === 0;
}

/** Keeps everything on the page going once a second. */
function tick(): void {
  watch.tend();
  showState();
  showLevels();
  showStats();
  showControls(watch);
}

/** Offers what the browser plays; the address may say what to begin with, and says what was chosen. */
function setUpProtocol(): void {
  const can = playable(video);
  for (const option of protocol.options) option.disabled = !can.includes(option.value as Protocol);
  const query = new URLSearchParams(location.search);
  protocol.value = can.find((known) => known === query.get("protocol")) ?? can[0] ?? "hls";
  protocol.addEventListener("change", () => {
    quality.replaceChildren(new Option("Auto", ""));
    query.set("protocol", protocol.value);
    history.replaceState(null, "", `?${query}`);
    watch.switch();
  });
}

function setUp(): void {
  document.title = `${name} · Sluice`;
  setText(byId("title"), name);
  setUpProtocol();
  quality.addEventListener("change", () => watch.player?.choose(quality.value));
  for (const type of ["playing", "waiting", "pause", "ended"]) video.addEventListener(type, showState);
  setUpControls(watch);
  repeat(60000, () => clock.sync());
  repeat(askPause, () => watch.ask());
  repeat(1000, tick);
}

/** For tests and the curious: the library's player object, the element, the page's state and its figures. */
Object.assign(window, {
  sluice: {
    get player() {
      return watch.player?.engine;
    },
    video,
    state: () => watch.state(),
    stats: () => watch.stats(),
  },
});

if (name) setUp();
else {
  setNotice(byId("fault"), "The address names no stream: a name has letters, digits, - and _, at most 64 of them.");
  for (const id of ["badge", "player", "stats"]) byId(id).hidden = true;
}
