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

/** The layers of whatever session there is. A choice is made once more in each new one. */
export class Layers {
  private known: Rungs = new Map();
  private sent = "";
  private chosen = "";
  private url: string | undefined; // where a choice is told
  private events: EventSource | undefined;

  constructor(private readonly onChange: () => void) {}

  /** Goes on with another session. */
  follow(session: Extended): void {
    this.events?.close();
    this.url = session.extension("core:layer");
    const events = session.extension("core:server-sent-events");
    if (!this.url || !events) return this.hear({});
    this.events = new EventSource(events);
    this.events.addEventListener("layers", ({ data }) => this.hear(JSON.parse(data as string) as Record<string, SectionLayers>));
    if (this.chosen !== "") this.tell();
  }

  close(): void {
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
    this.tell();
  }

  private tell(): void {
    if (!this.url) return;
    const body = JSON.stringify(this.chosen === "" ? {} : { encodingId: this.chosen });
    request(this.url, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch((error: unknown) => {
      console.warn(`sluice: the layer was not taken: ${describe(error)}`); // another publisher's, say: what fits is sent
    });
  }

  private hear(sections: Record<string, SectionLayers>): void {
    const [section] = Object.values(sections);
    this.known = rungsOf(section, this.chosen, this.known);
    this.sent = section?.sent?.encodingId ?? "";
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
