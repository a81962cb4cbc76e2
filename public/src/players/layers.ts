// What there is to choose of over WebRTC: the layers of a simulcast, by WHEP's extensions for events and for the choice of layers.

import { describe, request } from "../server/problem.ts";
import { levelLabel, type Rung } from "./levels.ts";
import type { Level } from "./player.ts";

/** What an event tells of a video, as far as it is used. */
export interface SectionLayers {
  layers: { encodingId?: string; bitrate?: number; width?: number; height?: number }[];
  sent?: { encodingId?: string };
}

/** Where a session's extensions are. */
interface Extended {
  extension(name: string): string | undefined;
}

/** First and longest pause before events that the server has refused are asked for again, in milliseconds. */
const firstPause = 1000;
const longestPause = 15000;

/** The layers of whatever session there is. A choice is made once more in each new one, until the server has taken it. */
export class Layers {
  private known: Rungs = new Map();
  private sent = "";
  private chosen = "";
  private untold = false; // what is chosen has not been taken
  private telling = false;
  private url: string | undefined; // where a choice is told
  private events: EventSource | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onChange: () => void) {}

  /** Goes on with another session. */
  follow(session: Extended): void {
    this.close();
    this.url = session.extension("core:layer");
    const events = session.extension("core:server-sent-events");
    if (!this.url || !events) return this.hear({});
    this.listen(events);
    this.untold = this.chosen !== "";
    if (this.untold) this.tell();
  }

  private listen(address: string, pause = firstPause): void {
    const events = new EventSource(address);
    this.events = events;
    events.addEventListener("layers", ({ data }) => this.hear(JSON.parse(data as string) as Record<string, SectionLayers>));
    events.addEventListener("error", () => {
      if (events !== this.events || events.readyState !== EventSource.CLOSED) return; // it comes back by itself
      this.timer = setTimeout(() => this.listen(address, Math.min(pause * 2, longestPause)), pause * (1 + Math.random() / 4));
    });
  }

  close(): void {
    clearTimeout(this.timer);
    this.events?.close();
    this.events = undefined;
  }

  levels(): Level[] {
    return levelsOf(this.known);
  }

  /** What the layer is called that is received. */
  playing(): string {
    return this.levels().find(({ id }) => id === this.sent)?.label ?? "";
  }

  /** Has the server send one layer, or the best that the network carries. */
  choose(id: string): void {
    this.chosen = id;
    this.untold = true;
    this.tell();
  }

  /** Tells the server what is chosen. What it does not take, since it has not heard of the layer yet, say, is told again with the next event. */
  private tell(): void {
    if (!this.url || this.telling) return;
    const { url, chosen } = this;
    const body = JSON.stringify(chosen === "" ? {} : { encodingId: chosen });
    this.telling = true;
    request(url, { method: "POST", headers: { "Content-Type": "application/json" }, body })
      .then(
        () => (this.untold &&= url !== this.url || chosen !== this.chosen),
        (error: unknown) => console.warn(`sluice: the layer was not taken: ${describe(error)}`), // what fits is sent meanwhile
      )
      .finally(() => {
        this.telling = false;
        if (url !== this.url || chosen !== this.chosen) this.tell();
      });
  }

  private hear(sections: Record<string, SectionLayers>): void {
    const [section] = Object.values(sections);
    this.known = rungsOf(section, this.chosen, this.known);
    this.sent = section?.sent?.encodingId ?? "";
    if (this.untold && section?.layers.some(({ encodingId }) => this.chosen === "" || encodingId === this.chosen)) this.tell();
    this.onChange();
  }
}

/** Layers by name, the best first. */
export type Rungs = Map<string, Rung>;

/** The layers that flow, and the chosen one as it was, if it has stopped: it is sent when it comes again. */
export function rungsOf(section: SectionLayers | undefined, chosen: string, before: Rungs): Rungs {
  const found: Rungs = new Map();
  for (const { encodingId = "", bitrate = 0, width = 0, height = 0 } of section?.layers ?? []) {
    if (encodingId && !found.has(encodingId)) found.set(encodingId, { bitrate, height: Math.min(width, height) });
  }
  const kept = before.get(chosen);
  if (kept && found.size > 0 && !found.has(chosen)) found.set(chosen, kept);
  return found;
}

/** What can be chosen; one layer alone is no choice. */
export function levelsOf(known: Rungs): Level[] {
  const all = [...known.values()];
  if (all.length < 2) return [];
  return [...known].map(([id, rung]) => ({ id, label: levelLabel(rung, all) }));
}
