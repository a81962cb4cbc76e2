// The lines of a face, through the 68 points by which face landmarks are usually given (the annotation of iBUG 300-W).

/** A place in a picture, as shares of its width and height. */
export type Point = readonly [x: number, y: number];

/** The 68 points of one face. */
export type Face = readonly Point[];

export interface Line {
  points: Face;
  closed: boolean;
}

/** First point, the one after the last, and whether the line ends where it begins. */
const lines: readonly (readonly [from: number, to: number, closed: boolean])[] = [
  [0, 17, false], // from ear to ear along the jaw
  [17, 22, false], // eyebrows
  [22, 27, false],
  [27, 31, false], // bridge of the nose, and its lower edge
  [31, 36, false],
  [36, 42, true], // eyes
  [42, 48, true],
  [48, 60, true], // lips, outside and inside
  [60, 68, true],
];

/** The lines of a face; none for what are not 68 points. */
export function contours(face: Face): Line[] {
  if (face.length !== 68) return [];
  return lines.map(([from, to, closed]) => ({ points: face.slice(from, to), closed }));
}
