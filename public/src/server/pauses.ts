// Pauses between attempts to reach a server that is away.

/** Pauses in milliseconds, each twice the one before. Many that were cut off together must not come back together, so each is up to a quarter longer. */
export class Pauses {
  private next = 0;

  constructor(
    private readonly first: number,
    private readonly longest: number,
  ) {}

  /** Waits for the next one, no longer than until the browser finds a network again. */
  async pass(): Promise<void> {
    this.next = Math.min(Math.max(this.next * 2, this.first), this.longest);
    const length = this.next * (1 + Math.random() / 4);
    await new Promise<void>((done) => {
      const end = () => {
        clearTimeout(timer);
        removeEventListener("online", end);
        done();
      };
      const timer = setTimeout(end, length);
      addEventListener("online", end);
    });
  }

  /** The next one is the first again. */
  reset(): void {
    this.next = 0;
  }
}
