// The server's clock, from GET /time, so that latency does not depend on how this computer's clock is set.

import { at } from "../server/base.ts";
import { request } from "../server/problem.ts";

/** An answer that takes longer says too little of the time, in milliseconds. */
const longestTrip = 5000;

export class ServerClock {
  private offset = 0; // milliseconds to add to this computer's clock
  private trip = Infinity; // of the sample that the offset comes from

  /** base is that of the server, as for at. */
  constructor(private readonly base?: string) {}

  /** The server's time in milliseconds since 1970. */
  now(): number {
    return Date.now() + this.offset;
  }

  /** Asks a few times and keeps the answer with the shortest round trip. Failing to reach the server changes nothing. */
  async sync(count = 4): Promise<void> {
    this.trip *= 1.5; // an old sample must be beaten in the end, clocks drift
    for (let i = 0; i < count; i++) await this.sample().catch(() => undefined);
  }

  private async sample(): Promise<void> {
    const sent = performance.now();
    const response = await request(at("/time", this.base), { cache: "no-store" }, longestTrip);
    const trip = performance.now() - sent;
    const server = Date.parse((await response.text()).trim());
    if (Number.isNaN(server) || trip >= this.trip) return;
    this.trip = trip;
    this.offset = server + trip / 2 - Date.now();
  }
}
