// A plot of the last minutes that grows to the right.

import uPlot from "uplot";

export interface Line {
  label: string;
  /** Name of the custom property with the line's colour. */
  color: string;
  format(value: number): string;
}

const colorOf = (property: string) => getComputedStyle(document.documentElement).getPropertyValue(property).trim();

/** Leaves out labels that round to the one before. */
const once = (labels: string[]) => labels.map((label, i) => (label === labels[i - 1] ? "" : label));

/** Height of the drawing in CSS pixels, without the legend. */
const height = 150;

export class LivePlot {
  private readonly data: number[][];
  private readonly plot: uPlot;

  /** Draws lines over the last `span` seconds inside host. */
  constructor(
    host: HTMLElement,
    lines: Line[],
    private readonly span = 120,
  ) {
    this.data = [[], ...lines.map(() => [])];
    this.plot = new uPlot(this.options(host.clientWidth, lines), this.data as uPlot.AlignedData, host);
    new ResizeObserver(() => this.plot.setSize({ width: host.clientWidth, height })).observe(host);
    addEventListener("themechange", () => {
      this.plot.redraw(false);
      const marks = host.querySelectorAll<HTMLElement>(".u-marker");
      lines.forEach(({ color }, i) => marks[marks.length - lines.length + i]?.style.setProperty("border-color", colorOf(color)));
    });
  }

  /** Adds one value per line for this moment; NaN leaves a hole. */
  add(...values: number[]): void {
    const now = Date.now() / 1000;
    [now, ...values].forEach((value, i) => this.data[i]?.push(value));
    while ((this.data[0]?.[0] ?? now) < now - this.span) for (const column of this.data) column.shift();
    const holes = this.data.map((column) => column.map((value) => (Number.isFinite(value) ? value : null)));
    this.plot.setData(holes as uPlot.AlignedData, false);
    this.plot.batch(() => {
      this.plot.setScale("x", { min: now - this.span, max: now });
      this.plot.setScale("y", { min: 0, max: this.top() });
    });
  }

  /** Forgets what was drawn. */
  clear(): void {
    for (const column of this.data) column.length = 0;
    this.plot.setData(this.data as uPlot.AlignedData);
  }

  private top(): number {
    const values = this.data.slice(1).flat().filter(Number.isFinite);
    return Math.max(...values, 0) * 1.15 || 1;
  }

  /** An axis without data has no numbers to show. */
  private tick(line: Line | undefined, value: number): string {
    return line && this.data[1]?.some(Number.isFinite) ? line.format(value) : "";
  }

  private options(width: number, lines: Line[]): uPlot.Options {
    const axis: uPlot.Axis = {
      stroke: () => colorOf("--quiet"),
      grid: { stroke: () => colorOf("--line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    const ago = (t: number, now: number) => (t === now ? "now" : `−${Math.round(now - t)} s`);
    return {
      width,
      height,
      cursor: { show: false },
      legend: { show: lines.length > 1, live: false },
      scales: { x: { time: false }, y: { auto: false, range: (_u, min, max) => [min ?? 0, max ?? 1] } },
      axes: [
        {
          ...axis,
          size: 28,
          splits: (_u, _i, _min, max) => [4, 3, 2, 1, 0].map((i) => max - (i * this.span) / 4),
          values: (_u, ticks) => ticks.map((tick) => ago(tick, ticks.at(-1) ?? tick)),
        },
        { ...axis, size: 78, space: 32, values: (_u, ticks) => once(ticks.map((tick) => this.tick(lines[0], tick))) },
      ],
      series: [
        {},
        ...lines.map((line, i): uPlot.Series => ({
          label: line.label,
          stroke: () => colorOf(line.color),
          ...(i === 0 && { fill: () => `${colorOf(line.color)}1c` }),
          width: 2,
          points: { show: false },
        })),
      ],
    };
  }
}
