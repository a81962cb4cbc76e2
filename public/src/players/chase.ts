// Keeps playback near a target latency by playing a little faster, as far as the buffer allows.

/** Buffer that catching up leaves untouched, in seconds and in parts, whichever is less: what the network and this computer may be late by. */
const reserve = 0.3;
const reservedParts = 1.5;

/** Readings of the buffer that its low-water mark is taken from, and the milliseconds between two. */
const remembered = 10;
export const chasePause = 200;

/** Further behind than this, in seconds, a viewer who does not follow the live edge has gone back on purpose. */
const reach = 3;

/** Most that playback is sped up by, and what each second to catch up speeds it up by. */
const most = 0.15;
const eagerness = 0.6;

/**
 * Decides on the rate of playback. A buffer of low-latency media swings by a part and more between two arrivals, so it
 * is its low-water mark that says what can be spared: a slow network or computer keeps a viewer further from the edge.
 */
export class Chase {
  private readonly lows: number[] = [];

  /** Returns the rate for now: behind is the latency beyond the target, part the length of a part, all in seconds. */
  rate(behind: number, buffer: number, part: number, following: boolean): number {
    this.lows.push(buffer);
    if (this.lows.length > remembered) this.lows.shift();
    const kept = part > 0 ? Math.min(reserve, reservedParts * part) : reserve;
    const spare = Math.min(behind, Math.min(...this.lows) - kept);
    if (!(spare > 0) || (behind > reach && !following)) return 1;
    return 1 + Math.min(most, Math.round(spare * eagerness * 50) / 50);
  }
}
