// One participant's picture in a room.

import type { Participant } from "../server/api.ts";
import { byId, el, setText } from "../ui/dom.ts";
import { bitrate, size } from "../ui/format.ts";
import type { Flow } from "./meeting.ts";
import type { Viewed } from "./views.ts";

/** A tile that is scrolled out of sight by less than so much of the window's height is sent, so that it is there when it comes into sight. */
const nearby = 0.5;

/** Where a window of the browser's own may show a video of a hidden page and nobody says so (Firefox), the smallest layer is sent to it. */
const hiddenSize = "pictureInPictureEnabled" in document ? 0 : 1;

export interface TileOptions {
  own: boolean;
  /** It is to be large, or not any more. */
  onLarge: (large: boolean) => void;
  /** It may be shown in another size. */
  onSize: () => void;
}

export class Tile {
  readonly root: HTMLElement;
  private readonly video = el("video", { autoplay: true, playsInline: true });
  private readonly plate = el("div", { className: "plate" });
  private readonly screen = el("div", { className: "screen" }, this.video, this.plate);
  private readonly name = el("span");
  private readonly facts = el("span", { className: "quiet" });
  private readonly enlarge = el("button", { className: "icon-button", type: "button", "aria-pressed": "false" });
  private readonly sizes = new ResizeObserver(() => this.options.onSize());
  private readonly own: boolean;
  private window: PictureInPictureWindow | undefined; // that shows it in place of the page

  constructor(
    private readonly participant: string,
    private readonly options: TileOptions,
  ) {
    this.own = options.own;
    this.video.muted = this.own;
    this.video.dataset.participant = participant;
    this.enlarge.append(byId<HTMLTemplateElement>("enlarge").content.cloneNode(true));
    this.enlarge.onclick = () => options.onLarge(this.root.dataset.large !== "true");
    this.screen.append(this.enlarge);
    this.root = el("figure", { className: "tile" }, this.screen, el("figcaption", {}, this.name, this.facts));
    this.video.addEventListener("enterpictureinpicture", (event) => this.showIn((event as PictureInPictureEvent).pictureInPictureWindow));
    this.video.addEventListener("leavepictureinpicture", () => this.showIn(undefined));
    this.sizes.observe(this.video);
  }

  private showIn(window: PictureInPictureWindow | undefined): void {
    this.window?.removeEventListener("resize", this.options.onSize);
    this.window = window;
    window?.addEventListener("resize", this.options.onSize);
    this.options.onSize();
  }

  /** In which size somebody else is shown now. */
  viewed(): Viewed {
    const { width, height } = this.seen();
    return { participant: this.participant, width: width * devicePixelRatio, height: height * devicePixelRatio };
  }

  private seen(): { width: number; height: number } {
    if (this.window) return this.window;
    if (document.hidden) return { width: hiddenSize, height: hiddenSize };
    const { width, height, top, bottom } = this.video.getBoundingClientRect();
    const near = innerHeight * nearby;
    const covered = document.fullscreenElement && document.fullscreenElement !== this.video;
    return covered || bottom < -near || top > innerHeight + near ? { width: 0, height: 0 } : { width, height };
  }

  set large(large: boolean) {
    this.root.dataset.large = String(large);
    this.enlarge.setAttribute("aria-pressed", String(large));
  }

  update({ name, speaking, video, away, onAir }: Participant): void {
    setText(this.name, `${name}${this.own ? " (you)" : ""}${onAir ? " · broadcast" : ""}${away ? " · reconnecting" : ""}`);
    this.screen.dataset.speaking = String(Boolean(speaking));
    this.video.setAttribute("aria-label", `Video of ${name}`);
    this.enlarge.setAttribute("aria-label", `Enlarge video of ${name}`);
    setText(this.plate, name);
    if (!this.own) this.plate.hidden = video;
  }

  show(media: MediaStream | undefined): void {
    if (this.own) this.plate.hidden = Boolean(media?.getVideoTracks().length);
    if (!media || this.video.srcObject === media) return;
    this.video.srcObject = media;
    // A page that was opened without a click may not play sound: then without, until there is one.
    this.video.play().catch(() => {
      this.video.muted = true;
      void this.video.play().catch(() => undefined);
      addEventListener("click", () => (this.video.muted = this.own), { once: true });
    });
  }

  measure(flow: Flow | undefined): void {
    setText(this.facts, flow && !this.own ? `${size(flow.width, flow.height)} · ${Math.round(flow.fps)} fps · ${bitrate(flow.bitrate)}` : "");
  }

  remove(): void {
    this.sizes.disconnect();
    this.video.srcObject = null;
    this.root.remove();
  }
}
