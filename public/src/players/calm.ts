// Takes back, once there have been no stalls for a while, what they have added to the latency that a player aims at.

/** Milliseconds without a stall after which a player comes nearer again, and the seconds that it comes nearer by. */
const calm = 10000;
const step = 0.2;

/** Decides on the latency to aim at. */
export class Calm {
  private since = NaN;

  /** Playback has stalled. */
  stalled(now: number): void {
    this.since = now;
  }

  /** Returns the target to set now, undefined for none: `target` is what is aimed at, `least` what the stream asks for, in seconds. */
  next(now: number, target: number, least: number): number | undefined {
    if (!(target > least)) this.since = NaN;
    else if (Number.isNaN(this.since)) this.since = now;
    if (!(now - this.since >= calm)) return undefined;
    this.since = now;
    return Math.max(least, target - step);
  }
}
