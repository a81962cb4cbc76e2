// Paints pictures as they shall look, in a worker or in a page.

import { contours, type Face } from "./contours.ts";
import { FaceFinder, type Finding } from "./faces.ts";
import { arrange, type Look, type Size } from "./look.ts";

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/**
 * Milliseconds after which a picture is painted again when no newer one comes, as of a screen that shows nothing new: viewers who come
 * need one, and what is changed shall be seen.
 */
export const longestPause = 250;

/** A blurred picture is halved until its height is below this, and then doubled again. */
const blurredTo = 40;

const font = "system-ui, sans-serif";
const lineColor = "#4ad7c5";
const plateColor = "rgb(5 10 11 / 72%)";

/** Paints on one canvas, which takes the size of the pictures. */
export class Painter {
  private readonly context: Context;
  private readonly steps: OffscreenCanvasRenderingContext2D[] = []; // smaller and smaller ones, for the blur
  private finder: FaceFinder | undefined;
  private look: Look = { effect: "", text: "", logo: undefined, place: "bottom-left" };

  constructor(
    private readonly canvas: OffscreenCanvas | HTMLCanvasElement,
    private readonly findingUrl: string,
    private readonly tell: (finding: Finding) => void,
  ) {
    this.context = canvas.getContext("2d", { alpha: false }) as Context;
  }

  /** Paints like that from the next picture on. */
  show(look: Look): void {
    this.look = look;
    if (look.effect === "faces") this.finder ??= new FaceFinder(this.findingUrl, this.tell);
    else this.closeFinder();
    if (look.effect !== "blur") this.steps.length = 0;
  }

  paint(picture: CanvasImageSource, size: Size): void {
    const { context, look } = this;
    resize(this.canvas, size);
    if (look.effect === "blur") this.blur(picture, size);
    else context.drawImage(picture, 0, 0, size.width, size.height);
    if (look.effect === "monochrome") desaturate(context, size);
    this.finder?.offer(picture, size);
    for (const face of this.finder?.faces ?? []) drawFace(context, size, face);
    if (look.text || look.logo) drawOverlay(context, size, look);
  }

  close(): void {
    this.closeFinder();
    this.steps.length = 0;
  }

  private closeFinder(): void {
    this.finder?.close();
    this.finder = undefined;
  }

  /**
   * Halves the picture again and again, which takes the mean of four pixels each time, and doubles it as often, which smooths what is
   * left. All browsers can, and it costs less than a filter as wide as that.
   */
  private blur(picture: CanvasImageSource, size: Size): void {
    let from = picture;
    let { width, height } = size;
    let depth = 0;
    for (; height > blurredTo && width > 1; depth++) {
      [width, height] = [Math.ceil(width / 2), Math.ceil(height / 2)];
      from = drawScaled(this.step(depth), from, { width, height });
    }
    for (depth -= 2; depth >= 0; depth--) from = drawScaled(this.step(depth), from, this.step(depth).canvas);
    this.context.drawImage(from, 0, 0, size.width, size.height);
  }

  private step(depth: number): OffscreenCanvasRenderingContext2D {
    return (this.steps[depth] ??= new OffscreenCanvas(1, 1).getContext("2d", { alpha: false }) as OffscreenCanvasRenderingContext2D);
  }
}

/** Setting a canvas's size clears it, so it is left alone when it is right. */
function resize(canvas: OffscreenCanvas | HTMLCanvasElement, { width, height }: Size): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

function drawScaled(context: OffscreenCanvasRenderingContext2D, picture: CanvasImageSource, { width, height }: Size): OffscreenCanvas {
  resize(context.canvas, { width, height });
  context.drawImage(picture, 0, 0, width, height);
  return context.canvas;
}

/** Takes the saturation of black, which is none, and leaves the luminosity (W3C Compositing and Blending §13.3). */
function desaturate(context: Context, { width, height }: Size): void {
  context.globalCompositeOperation = "saturation";
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "source-over";
}

function drawFace(context: Context, { width, height }: Size, face: Face): void {
  context.strokeStyle = lineColor;
  context.lineWidth = Math.max(2, Math.min(width, height) / 160);
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  for (const { points, closed } of contours(face)) {
    points.forEach(([x, y], i) => (i === 0 ? context.moveTo(x * width, y * height) : context.lineTo(x * width, y * height)));
    if (closed) context.closePath();
  }
  context.stroke();
}

/** Letters as high as this are measured to know how wide a text is for its height. */
const measured = 100;

function drawOverlay(context: Context, size: Size, { text, logo, place }: Look): void {
  context.font = `600 ${measured}px ${font}`;
  const { logo: mark, plate, letters } = arrange(size, logo, context.measureText(text).width / measured, place);
  if (logo) context.drawImage(logo, mark.x, mark.y, mark.width, mark.height);
  if (!text) return;
  context.fillStyle = plateColor;
  context.beginPath();
  context.roundRect(plate.x, plate.y, plate.width, plate.height, letters / 3);
  context.fill();
  context.fillStyle = "#fff";
  context.font = `600 ${letters}px ${font}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, plate.x + plate.width / 2, plate.y + plate.height / 2);
}
