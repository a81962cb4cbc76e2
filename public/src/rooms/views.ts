// In which size the page shows each of the others. The server is told, so that it sends no larger pictures than that, and none that nobody sees.

/** In which size somebody is shown, in pixels of the screen; 0: not at all. */
export interface Viewed {
  participant: string;
  width: number;
  height: number;
}

/** How long sizes have to stand still before they are told, in milliseconds: windows are dragged, and pages scrolled. */
const settled = 200;

/** Sizes are told in steps of so many pixels: less makes no other layer. */
const step = 16;

/** As many as one event may have. */
const most = 64;

export class Views {
  private readonly told = new Map<string, Viewed>();
  private waiting: ReturnType<typeof setTimeout> | undefined;

  /** measure says how all others are shown now. */
  constructor(
    private readonly measure: () => Viewed[],
    private readonly tell: (views: Viewed[]) => void,
  ) {}

  /** Something may be shown in another size: tells it once that is over. */
  readonly look = (): void => {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.update(), settled);
  };

  /** Tells what is shown in another size than has been told. */
  update(): void {
    clearTimeout(this.waiting);
    const now = this.measure().map(({ participant, width, height }) => ({ participant, width: inSteps(width), height: inSteps(height) }));
    const changed = now.filter((view) => !same(view, this.told.get(view.participant)));
    this.told.clear();
    for (const view of now) this.told.set(view.participant, view);
    for (let i = 0; i < changed.length; i += most) this.tell(changed.slice(i, i + most));
  }

  /** Forgets what has been told: to a server that knows nothing of it. */
  forget(): void {
    clearTimeout(this.waiting);
    this.told.clear();
  }
}

const inSteps = (pixels: number) => Math.ceil(pixels / step) * step;

const same = (a: Viewed, b: Viewed | undefined) => a.width === b?.width && a.height === b.height;
