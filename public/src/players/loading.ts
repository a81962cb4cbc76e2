// Notices a player that has stopped to load although there is more.

/** What a player leaves unloaded at most, in seconds and in parts, whichever is more. */
const slack = 0.3;
const slackParts = 1.4;

/** With so much buffered, in seconds, it may have reasons of its own. */
const enough = 4;

/** Milliseconds without loading after which it is stuck: what is buffered at the live edge lasts for that. */
const patience = 350;

/** Finds out by what is seen every now and then whether loading must be started anew. */
export class Loading {
  private since = NaN;

  /**
   * Tells that the player is stuck, once in each patience: `listed` is how many seconds of media the playlist has beyond the buffer,
   * `buffer` what waits to be played, `part` how long a part is, and `busy` whether something is being loaded, or has been since it was
   * last seen.
   */
  stuck(now: number, listed: number, buffer: number, part: number, busy: boolean): boolean {
    const wanting = !busy && listed > Math.max(slack, slackParts * part) && buffer < enough;
    if (!wanting) {
      this.since = NaN;
      return false;
    }
    if (Number.isNaN(this.since)) this.since = now;
    if (now - this.since < patience) return false;
    this.since = NaN;
    return true;
  }
}
