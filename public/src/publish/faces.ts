// Asks a worker where the faces are in the pictures that are painted.

import type { Face } from "./contours.ts";
import { fit, type Size } from "./look.ts";

/** What the worker in finding.ts says. */
export type Finding =
  | { kind: "loading"; step: number; steps: number }
  | { kind: "ready" }
  | { kind: "faces"; faces: Face[] }
  | { kind: "failed"; reason: string };

/** The longest side of the pictures that are searched: enough for faces at arm's length, and for the lines in them. */
const searched: Size = { width: 320, height: 320 };

/**
 * One search for faces, in a worker of its own, so that pictures do not wait for it: the newest picture is searched when the one
 * before is done. Close it to free the models.
 */
export class FaceFinder {
  /** Those of the newest picture that was searched. */
  faces: readonly Face[] = [];

  private readonly worker: Worker;
  private readonly context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true, alpha: false }) as OffscreenCanvasRenderingContext2D;
  private ready = false;

  constructor(url: string, private readonly tell: (finding: Finding) => void) {
    this.worker = new Worker(url, { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.told(data as Finding));
    this.worker.addEventListener("error", ({ message }) => this.told({ kind: "failed", reason: message || "its script does not load" }));
  }

  /** Searches a picture if none is searched. */
  offer(picture: CanvasImageSource, size: Size): void {
    if (!this.ready) return;
    this.ready = false;
    const { width, height } = fit(size, searched);
    const { canvas } = this.context;
    canvas.width = Math.max(1, Math.round(width));
    canvas.height = Math.max(1, Math.round(height));
    this.context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const pixels = this.context.getImageData(0, 0, canvas.width, canvas.height);
    this.worker.postMessage(pixels, [pixels.data.buffer]);
  }

  close(): void {
    this.worker.terminate();
  }

  private told(finding: Finding): void {
    if (finding.kind === "ready" || finding.kind === "faces") this.ready = true;
    if (finding.kind === "faces") this.faces = finding.faces;
    this.tell(finding);
  }
}
