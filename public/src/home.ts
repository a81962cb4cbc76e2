// The first page: who is live, and going live.

import { listStreams, streamUrls, type Stream } from "./server/api.ts";
import { at } from "./server/base.ts";
import { describe } from "./server/problem.ts";
import { followPresence } from "./server/presence.ts";
import { byId, el, setBadge, setNotice, setText } from "./ui/dom.ts";
import { bitrate, duration, size } from "./ui/format.ts";
import { NoKeyError, withKey } from "./ui/key.ts";
import { suggestName } from "./ui/names.ts";

const list = byId("streams");
const name = byId<HTMLInputElement>("name");

/** How often a card's picture is fetched anew, in milliseconds. */
const thumbnailAge = 6000;

const stateWords: Record<Stream["state"], string> = {
  starting: "Starting",
  live: "Live",
  interrupted: "Interrupted",
  ended: "Ended",
  failed: "Failed",
};

/** A stream on the page; it stays the same element as long as the stream lives, so that nothing jumps. */
class Card {
  readonly root: HTMLElement;
  private readonly image = el("img", { alt: "", width: 320, height: 180, hidden: true });
  private readonly badge = el("span", { className: "badge" });
  private readonly facts = el("p", { className: "quiet" });
  private fetchedAt = 0;

  constructor(private stream: Stream) {
    const link = el("a", { href: streamUrls(stream.name).watch }, stream.name);
    this.root = el(
      "li",
      { className: "card" },
      el("div", { className: "thumb" }, this.image, this.badge),
      el(
        "div",
        { className: "card-body" },
        el("div", { className: "card-text" }, link, this.facts),
        el("span", { className: "button small", "aria-hidden": "true" }, "Watch"),
      ),
    );
    this.image.addEventListener("load", () => (this.image.hidden = false));
    this.update(stream);
  }

  update(stream: Stream): void {
    this.stream = stream;
    setBadge(this.badge, stream.state, stateWords[stream.state] ?? stream.state);
    setText(this.facts, this.describe());
    if (stream.state !== "starting" && Date.now() - this.fetchedAt > thumbnailAge) {
      this.fetchedAt = Date.now();
      const { thumbnail } = streamUrls(stream.name);
      this.image.src = `${thumbnail}${thumbnail.includes("?") ? "&" : "?"}t=${this.fetchedAt}`;
    }
  }

  private describe(): string {
    const { startedAt, publisher, error, state } = this.stream;
    if (state === "failed") return error || "The encoder failed";
    const facts = [];
    if (startedAt) facts.push(duration((Date.now() - Date.parse(startedAt)) / 1000));
    if (publisher?.video?.width) facts.push(size(publisher.video.width, publisher.video.height ?? 0));
    if (publisher?.bitrate) facts.push(bitrate(publisher.bitrate));
    return facts.join(" · ") || "No picture yet";
  }
}

const cards = new Map<string, Card>();

function show(streams: Stream[]): void {
  const present = streams.filter(({ state }) => state !== "ended");
  const names = new Set(present.map((stream) => stream.name));
  for (const [key, card] of cards) {
    if (names.has(key)) continue;
    card.root.remove();
    cards.delete(key);
  }
  for (const stream of present) {
    const card = cards.get(stream.name);
    if (card) card.update(stream);
    else {
      const added = new Card(stream);
      cards.set(stream.name, added);
      list.append(added.root);
    }
  }
  byId("empty").hidden = present.length > 0;
  setText(byId("summary"), present.length === 0 ? "" : present.length === 1 ? "1 stream" : `${present.length} streams`);
}

name.value = suggestName();
byId("suggest").addEventListener("click", () => (name.value = suggestName()));
byId("whip-url").textContent = location.origin + at("/whip/name");

/** Asks for a key where it takes one to be told of streams, and then follows them: an EventSource is not told why it is refused. */
async function begin(): Promise<void> {
  try {
    await withKey(async () => void (await listStreams()));
  } catch (error) {
    if (error instanceof NoKeyError) {
      setText(byId("summary"), "");
      return setNotice(byId("fault"), describe(error));
    } // or the server is away for a moment
  }
  followPresence(({ streams }) => show(streams), (text) => setNotice(byId("fault"), text));
}

void begin();
