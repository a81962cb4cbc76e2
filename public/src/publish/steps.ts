// The steps from pressing "Go live" to a stream that others can watch.

const order = ["connecting", "sending", "encoding", "playable"] as const;

export type Step = (typeof order)[number];

/** Shows progress in a list whose items carry data-step. A step reached says that those before it are done. */
export class Steps {
  private done = 0; // how many are done
  private current: Step | undefined;

  constructor(private readonly list: HTMLElement) {
    this.show();
  }

  /** Back to nothing begun. */
  reset(): void {
    this.done = 0;
    this.current = undefined;
    this.show();
  }

  /** This step is under way and those behind it are open again. */
  enter(step: Step): void {
    this.done = order.indexOf(step);
    this.current = step;
    this.show();
  }

  /** This step is done, and the next is under way. */
  reach(step: Step): void {
    this.done = Math.max(this.done, order.indexOf(step) + 1);
    this.current = order[this.done];
    this.show();
  }

  reached(step: Step): boolean {
    return this.done > order.indexOf(step);
  }

  /** The step under way has failed. */
  fail(): void {
    this.show("failed");
  }

  private show(now = "now"): void {
    order.forEach((step, i) => {
      const item = this.list.querySelector<HTMLElement>(`[data-step=${step}]`);
      if (!item) return;
      item.dataset.state = i < this.done ? "done" : step === this.current ? now : "open";
      if (step === this.current) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
  }
}
