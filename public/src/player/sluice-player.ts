// <sluice-player src=… protocol=… token=… autoplay muted>: a stream, with controls, in any page. The watch page and /embed are made of it.

import { MediaUIEvents } from "media-chrome/dist/constants.js";
import { ServerClock } from "../players/clock.ts";
import { playable } from "../players/open.ts";
import { Playback, type State } from "../players/playback.ts";
import type { Player, Protocol } from "../players/player.ts";
import { streamUrls, type Service } from "../server/api.ts";
import type { HttpError } from "../server/problem.ts";
import { repeat, setNotice, setText } from "../ui/dom.ts";
import type { Talk } from "../whip/talk.ts";
import { ChoiceMenu, offersTransformed, protocolChoices, qualityChoices, transformedChoice } from "./choices.ts";
import { onKey, type Actions } from "./keys.ts";
import { readProtocol, readSource, type Source } from "./source.ts";
import { fill } from "./template.ts";
import { nothing, still, words, type Words } from "./words.ts";

/** How often the server is asked about the stream, in milliseconds; of who may not watch, less often. */
const askPause = 2000;
const refusedPause = 10000;

/** How often the server's clock is asked for, in milliseconds. */
const clockPause = 60000;

/** How far behind its target, in seconds, a player counts as live. */
const liveTolerance = 2;

/** What a page gives to a player of its own, before that is given its address. */
export interface Hosting {
  /** The token, in place of the attribute. */
  token?(): string;
  talk?: Talk;
  /** Keys are heard wherever they are pressed in the page. */
  keys?: boolean;
  /** The page says itself what is wrong. */
  faults?: boolean;
}

/**
 * The element. It takes a video from its page if there is one in it. Events: "statechange", "protocolchange", "transformedchange", "broadcast" when another one begins, and "refused" with the
 * HttpError as its detail, whenever the server says that this viewer may not watch.
 */
export class SluicePlayer extends HTMLElement {
  static readonly observedAttributes = ["src", "token", "protocol"];

  hosting: Hosting = {};
  clock = new ServerClock();
  playback: Playback | undefined;

  private readonly root = this.attachShadow({ mode: "open" });
  private readonly video: HTMLVideoElement;
  private readonly quality: ChoiceMenu;
  private readonly protocols: ChoiceMenu;
  private source: Source | undefined;
  private chosen: Protocol = "hls";
  private changed = false; // transformed
  private shown: State | undefined;
  private told: Player | undefined; // of what was chosen
  private halts: (() => void)[] = [];

  constructor() {
    super();
    fill(this.root);
    this.video = this.querySelector("video") ?? document.createElement("video");
    this.quality = new ChoiceMenu(this.root, "quality", "Quality", (id) => this.choose(id));
    this.protocols = new ChoiceMenu(this.root, "protocol", "Protocol", (word) => (this.protocol = readProtocol(word) ?? "hls"));
    this.connectControls();
  }

  connectedCallback(): void {
    const { video } = this;
    video.slot = "media";
    video.playsInline = true;
    video.crossOrigin = "anonymous"; // or a native player could not read what another origin sends
    if (!video.isConnected) this.append(video);
    if (!this.hasAttribute("tabindex")) this.tabIndex = -1; // a click makes its keys heard
    addEventListener("keydown", this.hear);
    this.start();
  }

  disconnectedCallback(): void {
    removeEventListener("keydown", this.hear);
    this.halt();
  }

  private hear = (event: KeyboardEvent) => {
    if (this.hosting.keys || event.composedPath().includes(this)) onKey(event, this.actions);
  };

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (before === now || !this.isConnected || this.shown === undefined) return;
    if (name === "protocol") this.protocol = readProtocol(now) ?? this.chosen;
    else this.start();
  }

  /** What plays: a change of it switches, and is told by "protocolchange". */
  get protocol(): Protocol {
    return this.chosen;
  }

  set protocol(protocol: Protocol) {
    if (protocol === this.chosen) return;
    this.chosen = protocol;
    this.protocols.mark(protocol);
    this.quality.forget();
    this.dispatchEvent(new CustomEvent("protocolchange", { detail: protocol }));
    this.playback?.switch();
  }

  /** Whether pictures over WebRTC are those that the stream's transform makes. A change is told by "transformedchange". */
  get transformed(): boolean {
    return this.changed;
  }

  set transformed(transformed: boolean) {
    if (transformed === this.changed) return;
    this.changed = transformed;
    this.dispatchEvent(new CustomEvent("transformedchange", { detail: transformed }));
    if (this.chosen === "webrtc") this.playback?.switch();
  }

  /** Chooses a rendition, or the pictures that are transformed. */
  private choose(id: string): void {
    const transformed = id === transformedChoice;
    if (transformed === this.transformed) this.playback?.player?.choose(id);
    else this.transformed = transformed; // which opens a player that is told what is chosen
  }

  get state(): State {
    return this.playback?.state() ?? "waiting";
  }

  /** What is said of the state. */
  get words(): Words {
    return this.playback ? words[this.state] : nothing;
  }

  /** Asks the server again at once, such as after a key was given. */
  ask(): Promise<void> {
    return this.playback?.ask() ?? Promise.resolve();
  }

  private start(): void {
    this.halt();
    const { video } = this;
    this.source = readSource(this.getAttribute("src") ?? "", document.baseURI);
    const can = playable(video);
    const wanted = readProtocol(this.getAttribute("protocol")) ?? this.source?.protocol;
    this.chosen = can.find((known) => known === wanted) ?? can[0] ?? "hls";
    this.protocols.offer(protocolChoices(can));
    this.protocols.mark(this.chosen);
    this.quality.offer([]);
    this.changed = this.source?.transformed ?? false;
    this.shown = "waiting";
    if (!this.hasAttribute("src")) return; // it may come yet
    if (!this.source) return this.show();
    video.muted = this.hasAttribute("muted");
    this.begin(this.source, video);
  }

  private begin({ base, name, token }: Source, video: HTMLVideoElement): void {
    const server: Service = { base, token: () => this.hosting.token?.() ?? (this.getAttribute("token") || token) };
    const autoplay = this.hasAttribute("autoplay");
    const clock = (this.clock = new ServerClock(base));
    this.playback = new Playback({
      name,
      server,
      video,
      clock,
      autoplay,
      talk: this.hosting.talk,
      protocol: () => this.chosen,
      transformed: () => this.changed,
      fallBack: () => this.fallBack(),
      onLevels: () => this.showLevels(),
      onReset: () => this.dispatchEvent(new CustomEvent("broadcast")),
      onRefused: (error: HttpError) => this.dispatchEvent(new CustomEvent("refused", { detail: error })),
    });
    const { playback } = this;
    let asked = 0;
    this.halts = [
      repeat(clockPause, () => clock.sync()),
      repeat(askPause, async () => {
        if (playback.refused && performance.now() - asked < refusedPause) return;
        asked = performance.now();
        await playback.ask();
        if (playback.state() === "ready" && !video.poster) showPicture(video, streamUrls(name, server.token(), base).thumbnail);
      }),
      repeat(1000, () => {
        playback.tend();
        this.showLevels();
        this.show();
      }),
    ];
  }

  private halt(): void {
    for (const halt of this.halts.splice(0)) halt();
    this.playback?.stop();
    this.playback = undefined;
  }

  /** HLS in place of what this browser cannot play; Playback switches by itself. */
  private fallBack(): void {
    this.chosen = "hls";
    this.protocols.mark("hls");
  }

  /** Shows what there is to choose, and what Auto has chosen. A player that takes the place of another plays what was chosen. */
  private showLevels(): void {
    const player = this.playback?.player;
    const levels = player?.levels() ?? [];
    const both = this.chosen === "webrtc" && (this.changed || offersTransformed(this.chosen, this.playback?.stream?.encoder.transform));
    this.quality.offer(qualityChoices(levels, both), this.quality.value === "" ? player?.playing() : "");
    if (both && this.changed !== (this.quality.value === transformedChoice)) this.quality.mark(this.changed ? transformedChoice : "");
    if (!player || levels.length === 0 || player === this.told) return;
    this.told = player;
    if (this.quality.value && !this.changed) player.choose(this.quality.value);
  }

  private piece = (id: string) => this.root.getElementById(id) as HTMLElement;

  /** Shows how it is. */
  private show(): void {
    const { playback, state, video } = this;
    const { title, text } = this.words;
    const overlay = this.piece("overlay");
    overlay.hidden = title === "";
    overlay.classList.toggle("clear", video.readyState > 1);
    overlay.classList.toggle("still", !playback || still.includes(state));
    setText(this.piece("title"), title);
    setText(this.piece("text"), (state === "failed" && playback?.stream?.error) || text);
    this.piece("away").hidden = state !== "interrupted" || !playback?.wanted;
    this.piece("begin").hidden = state !== "ready";
    const silent = video.muted || video.volume === 0;
    this.piece("unmute").hidden = !silent || video.paused;
    if (!this.hosting.faults) setNotice(this.piece("fault"), playback && !still.includes(state) ? playback.fault() : "");
    const behind = this.behind();
    setText(this.piece("behind"), behind > 0 ? `−${Math.round(behind)} s` : "");
    this.piece("edge").hidden = !playback?.player;
    if (state === this.shown) return;
    this.shown = state;
    this.dispatchEvent(new CustomEvent("statechange", { detail: state }));
  }

  /** Seconds that a viewer who has paused or gone back is behind; 0: it is live. */
  private behind(): number {
    const { player, following } = this.playback ?? {};
    const behind = player && !following ? player.latency() - player.target() : NaN;
    return behind > liveTolerance ? behind : 0;
  }

  private connectControls(): void {
    const { root, video } = this;
    const asked = (type: string, action: () => void) =>
      root.addEventListener(
        type,
        (event) => {
          event.stopPropagation(); // media-chrome would do it without knowing of the stream
          action();
          this.show();
        },
        true,
      );
    asked(MediaUIEvents.MEDIA_PLAY_REQUEST, () => this.playback?.play());
    asked(MediaUIEvents.MEDIA_PAUSE_REQUEST, () => this.playback?.pause());
    asked(MediaUIEvents.MEDIA_SEEK_TO_LIVE_REQUEST, () => this.playback?.toEdge());
    // What media-chrome asks for, to know whether it is live.
    Object.defineProperty(video, "liveEdgeStart", { configurable: true, get: () => (this.behind() > 0 ? Infinity : 0) });
    for (const type of ["play", "playing", "waiting", "pause", "ended", "volumechange"]) video.addEventListener(type, () => this.show());
    const { actions } = this;
    this.piece("begin").addEventListener("click", actions.toggle);
    this.piece("unmute").addEventListener("click", actions.mute);
    this.piece("controller").addEventListener("dblclick", (event) => {
      if (!event.composedPath().includes(this.piece("bar"))) actions.fullscreen();
    });
  }

  /** Asks media-chrome for something. */
  private request(type: string): void {
    this.piece("bar").dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true }));
  }

  private readonly actions: Actions = {
    toggle: () => (this.video.paused ? this.playback?.play() : this.playback?.pause()),
    mute: () => {
      const { video } = this;
      if (video.volume === 0) video.volume = 1;
      video.muted = !video.muted;
    },
    louder: (delta) => {
      const { video } = this;
      video.volume = Math.min(1, Math.max(0, (video.muted ? 0 : video.volume) + delta));
      video.muted = video.volume === 0;
    },
    fullscreen: () => this.request(document.fullscreenElement ? MediaUIEvents.MEDIA_EXIT_FULLSCREEN_REQUEST : MediaUIEvents.MEDIA_ENTER_FULLSCREEN_REQUEST),
    pip: () => this.request(document.pictureInPictureElement ? MediaUIEvents.MEDIA_EXIT_PIP_REQUEST : MediaUIEvents.MEDIA_ENTER_PIP_REQUEST),
    live: () => this.playback?.toEdge(),
    leap: (delta) => {
      if (delta < 0 && this.playback) this.playback.following = false;
      this.video.currentTime = Math.max(0, this.video.currentTime + delta);
    },
  };
}

/** Shows a picture in place of what does not play yet, once there is one. */
function showPicture(video: HTMLVideoElement, address: string): void {
  const picture = new Image();
  picture.onload = () => (video.poster = address);
  picture.src = address;
}

if (!customElements.get("sluice-player")) customElements.define("sluice-player", SluicePlayer);
