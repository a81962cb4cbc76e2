// A time stamp as a strip of black and white blocks, drawn into a picture and read back from it after it has been
// through an encoder: 24 bits of milliseconds and 8 bits of CRC, in two rows of sixteen. Blocks are large and
// sampled in the middle, so scaling and compression leave them readable; the CRC refuses what is not.

export const columns = 16;
export const rows = 2;

/** Height of the strip as a share of the picture's height; it lies along the bottom edge. */
export const stripHeight = 1 / 8;

/** Stamps wrap after this many milliseconds (4.6 hours). */
const period = 1 << 24;

/** Samples per block edge in the picture that readBits looks at. */
export const samples = 4;

/** Least difference of brightness (0 to 255) between the lightest and the darkest block that counts as a strip. */
const minContrast = 60;

/** CRC-8 with polynomial x⁸+x²+x+1 over the three bytes of a stamp, starting from 0xff so that black is not valid. */
function crc8(stamp: number): number {
  let crc = 0xff;
  for (let shift = 16; shift >= 0; shift -= 8) {
    crc ^= (stamp >> shift) & 0xff;
    for (let i = 0; i < 8; i++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1;
  }
  return crc;
}

/** Returns the 32 blocks, row by row, for a time in milliseconds; true is white. */
export function encodeStamp(ms: number): boolean[] {
  const stamp = Math.floor(ms) % period;
  const word = stamp * 256 + crc8(stamp);
  return Array.from({ length: columns * rows }, (_, i) => Math.floor(word / 2 ** (31 - i)) % 2 === 1);
}

/** Returns the milliseconds in the blocks, or undefined when their CRC is wrong. */
export function decodeStamp(bits: boolean[]): number | undefined {
  if (bits.length !== columns * rows) return undefined;
  const word = bits.reduce((sum, bit) => sum * 2 + (bit ? 1 : 0), 0);
  const stamp = Math.floor(word / 256);
  return crc8(stamp) === word % 256 ? stamp : undefined;
}

/** Milliseconds from a stamp to now, over the wrap. */
export function elapsed(now: number, stamp: number): number {
  return (((now - stamp) % period) + period) % period;
}

/** Draws the strip for a time along the bottom of a picture. */
export function drawStamp(ctx: CanvasRenderingContext2D, ms: number): void {
  const { width, height } = ctx.canvas;
  const top = Math.round(height * (1 - stripHeight));
  const cellWidth = width / columns;
  const cellHeight = (height - top) / rows;
  ctx.fillStyle = "#000";
  ctx.fillRect(0, top, width, height - top);
  ctx.fillStyle = "#fff";
  encodeStamp(ms).forEach((white, i) => {
    if (white) ctx.fillRect((i % columns) * cellWidth, top + Math.floor(i / columns) * cellHeight, cellWidth, cellHeight);
  });
}

/**
 * Reads the blocks from the RGBA pixels of a strip that was scaled to columns × samples by rows × samples; undefined
 * when it has too little contrast to be one.
 */
export function readBits(pixels: ArrayLike<number>): boolean[] | undefined {
  const stride = columns * samples * 4;
  const light = Array.from({ length: columns * rows }, (_, i) => {
    const left = (i % columns) * samples + samples / 2 - 1;
    const top = Math.floor(i / columns) * samples + samples / 2 - 1;
    let sum = 0;
    for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]] as const) {
      sum += pixels[(top + dy) * stride + (left + dx) * 4 + 1] ?? 0; // green carries most of the brightness
    }
    return sum / 4;
  });
  const low = Math.min(...light);
  const high = Math.max(...light);
  if (high - low < minContrast) return undefined;
  return light.map((value) => value > (low + high) / 2);
}
