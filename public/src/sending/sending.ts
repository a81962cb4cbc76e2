// How a picture is sent: the codec that is offered first, the most bits it may take, and how many it begins with.

/** What to prefer and how much to send. */
export interface Sending {
  /** The codec to offer first, as in video/NAME; empty: the default, VP8. */
  codec: string;
  /** Bits per second that the picture may take at most, in all its sizes together. */
  maxBitrate: number;
  /** In how many sizes it is sent at once, each half the one before (a simulcast); 1 or 3. */
  sizes: number;
  /** The picture's own size, where it is known. */
  width?: number;
  height?: number;
  /** Offer sound with redundancy (RED, RFC 2198) before sound without. */
  redundancy: boolean;
}

/** The names of the layers of a simulcast, the smallest first as Chromium wants them. */
const rids = ["q", "h", "f"] as const;

/** What of the bit rate the layers get, where there are so many, the smallest first. */
const shares: readonly (readonly number[])[] = [[1], [0.26, 0.74], [0.08, 0.24, 0.68]];

/**
 * Pixels from which on Chromium, and Safari by the same library, sends two layers of a picture, and three (libwebrtc's table of formats
 * for simulcast). Of more layers than that it leaves out the last: the largest.
 */
const enough = [0, 480 * 270, 960 * 540];

/** In how many sizes a picture is sent. */
export function countLayers({ sizes, width, height }: Pick<Sending, "sizes" | "width" | "height">): number {
  if (sizes === 1 || !width || !height) return sizes;
  return Math.min(sizes, enough.filter((pixels) => width * height >= pixels).length);
}

/** One size of a picture. */
export interface Shape {
  rid?: string;
  /** Whether it is sent; it is where that is left out. */
  active?: boolean;
  scaleResolutionDownBy?: number;
  maxBitrate: number;
  scalabilityMode?: string;
}

/** Three temporal layers, of which the server leaves some out where a viewer's network is slow. Of H.264 it cannot tell them apart. */
const temporal = (codec: string) => (codec === "H264" ? {} : { scalabilityMode: "L1T3" });

/**
 * What a picture is sent as, for addTransceiver. Of a small one the last layers are negotiated and not sent, so that the last that is
 * sent is the whole picture, and another camera may have more.
 */
export function encodings(sending: Sending): Shape[] {
  const { codec, maxBitrate, sizes } = sending;
  if (sizes === 1) return [{ maxBitrate }];
  const count = countLayers(sending);
  return rids.map((rid, i) => {
    const share = shares[count - 1]?.[Math.min(i, count - 1)] ?? 1;
    return { rid, active: i < count, scaleResolutionDownBy: 2 ** Math.max(0, count - 1 - i), maxBitrate: Math.round(maxBitrate * share), ...temporal(codec) };
  });
}

/**
 * Has what is sent already go on as it would begin now, with its temporal layers where that is said. What a browser has left out of its
 * encodings stays so.
 */
export function reshape(present: Shape[], sending: Sending, temporal = false): void {
  const shapes = encodings(sending);
  present.forEach((encoding, i) => {
    const { rid: _, maxBitrate, scalabilityMode, ...size } = shapes.find(({ rid }) => rid === encoding.rid) ?? shapes[i] ?? { maxBitrate: sending.maxBitrate };
    Object.assign(encoding, { maxBitrate, ...size, ...(temporal && scalabilityMode && { scalabilityMode }) });
  });
}

/** The same for a browser that does not know temporal layers, or not these. */
export const withoutTemporal = (shapes: Shape[]) => shapes.map(({ scalabilityMode: _, ...shape }) => shape);

/**
 * Whether the picture keeps its size where bits or CPU are few, and comes less often instead. Codecs but VP8 may be passed on to
 * viewers as they are, who notice each change of size as a short break. In a simulcast a picture that shrinks loses its largest layer too:
 * of 1280x720 on a busy machine Chromium would send 320x180 at most.
 */
export const keepsSize = (sending: Sending | undefined) => sending !== undefined && (sending.sizes > 1 || (sending.codec !== "" && sending.codec !== "VP8"));

/** Codecs that a page may choose, in the order in which it shows them, with what people call them. */
const known: readonly (readonly [codec: string, label: string])[] = [
  ["VP8", "VP8"],
  ["H264", "H.264"],
  ["VP9", "VP9"],
  ["AV1", "AV1"],
];

interface Format {
  mimeType: string;
}

const named = (codec: string) => ({ mimeType }: Format) => mimeType.toLowerCase() === codec.toLowerCase();

/** Those that this browser can send, by its own list. */
export function sendable(formats: readonly Format[]): { codec: string; label: string }[] {
  return known.filter(([codec]) => formats.some(named(`video/${codec}`))).map(([codec, label]) => ({ codec, label }));
}

/** What people call a codec of that MIME type or name. */
export function codecLabel(name: string): string {
  const bare = name.replace(/^\w+\//, "");
  return known.find(([codec]) => codec.toLowerCase() === bare.toLowerCase())?.[1] ?? bare;
}

/** Puts the formats of one MIME type first and leaves the browser's order otherwise: the rest stays offered. */
export function preferring<T extends Format>(formats: readonly T[], mimeType: string): T[] {
  const first = named(mimeType);
  return [...formats.filter(first), ...formats.filter((format) => !first(format))];
}

/** Bits per second that 1280x720 at 30 fps takes, and the bounds of what is chosen without being asked. */
const reference = 2_500_000;
const least = 300_000;
const most = 8_000_000;

/**
 * The bit rate for a picture that nobody has chosen one for: Chromium's own at 720p, and more for more, where Chromium stays at
 * that. Detail does not grow as fast as the picture does.
 */
export function automaticBitrate(width: number, height: number, fps: number): number {
  const share = (width * height * fps) / (1280 * 720 * 30);
  const rate = Math.min(Math.max(reference * share ** 0.6, least), most);
  return Math.round(rate / 1e5) * 1e5;
}

/**
 * Bits per second to begin with before the network was measured. Chromium fits the first pictures to it: with three fifths of
 * the most, a camera at 720p began with 640x360 and stayed there for four seconds, with all of it with 960x540. More than most
 * uplinks carry would be lost.
 */
export const startBitrate = (maxBitrate: number) => Math.min(maxBitrate, 2_500_000);
