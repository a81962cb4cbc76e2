// One participant's picture in a room.

import type { Participant } from "../server/api.ts";
import { el, setText } from "../ui/dom.ts";
import { bitrate, size } from "../ui/format.ts";
import type { Flow } from "./meeting.ts";

export class Tile {
  readonly root: HTMLElement;
  private readonly video = el("video", { autoplay: true, playsInline: true });
  private readonly plate = el("div", { className: "plate" });
  private readonly screen = el("div", { className: "screen" }, this.video, this.plate);
  private readonly name = el("span");
  private readonly facts = el("span", { className: "quiet" });

  constructor(
    participant: Participant,
    private readonly own: boolean,
  ) {
    this.video.muted = own;
    this.video.dataset.participant = participant.id;
    this.root = el("figure", { className: "tile" }, this.screen, el("figcaption", {}, this.name, this.facts));
    this.update(participant);
  }

  update({ name, speaking, video, away, onAir }: Participant): void {
    setText(this.name, `${name}${this.own ? " (you)" : ""}${onAir ? " · broadcast" : ""}${away ? " · reconnecting" : ""}`);
    this.screen.dataset.speaking = String(Boolean(speaking));
    this.video.setAttribute("aria-label", `Video of ${name}`);
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
    this.video.srcObject = null;
    this.root.remove();
  }
}
