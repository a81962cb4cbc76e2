// What this browser does to the picture before it is sent, and where an overlay goes in it.

export type Effect = "" | "blur" | "monochrome" | "faces";

/** Where an overlay is. */
export type Place = `${"top" | "bottom"}-${"left" | "middle" | "right"}`;

export interface Look {
  effect: Effect;
  text: string;
  logo: ImageBitmap | undefined;
  place: Place;
}

/** Whether the picture stays as it is, so that nothing has to be painted. */
export const isPlain = ({ effect, text, logo }: Look) => !effect && !text && !logo;

export interface Size {
  width: number;
  height: number;
}

export interface Box extends Size {
  x: number;
  y: number;
}

/** Where the parts of an overlay are, and the size of its letters, in pixels of the picture. */
export interface Arrangement {
  logo: Box;
  plate: Box; // what the text stands on
  letters: number;
}

/** Shares of the picture's shorter side, so that a phone held upright gets the same overlay. */
const margin = 0.04;
const tallestLogo = 0.18;
const letters = 0.06;

/** Share of the width that a logo takes at most. */
const widestLogo = 0.4;

const nothing: Size = { width: 0, height: 0 };

/**
 * Puts a logo and, beside it, a text that is so many times as wide as its letters are high into a picture. A text that is too
 * long for one line gets smaller letters.
 */
export function arrange(picture: Size, logo: Size = nothing, ems: number, place: Place): Arrangement {
  const side = Math.min(picture.width, picture.height);
  const edge = side * margin;
  const room = picture.width - 2 * edge;
  const mark = fit(logo, { width: room * widestLogo, height: side * tallestLogo });
  const gap = mark.width > 0 && ems > 0 ? edge / 2 : 0;
  const size = Math.min(side * letters, (room - mark.width - gap) / (ems + 1));
  const plate = ems > 0 ? { width: (ems + 1) * size, height: 1.7 * size } : nothing;
  const width = mark.width + gap + plate.width;
  const height = Math.max(mark.height, plate.height);
  const x = { left: edge, middle: (picture.width - width) / 2, right: picture.width - edge - width }[place.split("-")[1] as "left"];
  const y = place.startsWith("top") ? edge : picture.height - edge - height;
  return {
    logo: { ...mark, x, y: y + (height - mark.height) / 2 },
    plate: { ...plate, x: x + mark.width + gap, y: y + (height - plate.height) / 2 },
    letters: size,
  };
}

/** The largest size of the same shape that fits; small pictures grow, too. */
export function fit({ width, height }: Size, bounds: Size): Size {
  if (width <= 0 || height <= 0) return nothing;
  const scale = Math.min(bounds.width / width, bounds.height / height);
  return { width: width * scale, height: height * scale };
}
