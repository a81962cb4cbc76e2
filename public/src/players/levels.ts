// Renditions and what they are called.

/** What is known of a rendition. */
export interface Rung {
  height: number;
  bitrate: number;
  /** As RFC 6381 writes it. */
  codec?: string | undefined;
}

/** Codecs that not every browser decodes, by the first element of their names: the others are H.264. */
const codings: Record<string, string> = { vp09: "VP9", av01: "AV1", hvc1: "H.265" };

const coding = ({ codec = "" }: Rung) => codings[codec.split(".")[0] ?? ""] ?? "";

/** Whether two renditions are of one codec. */
export const sameCoding = (a: Rung, b: Rung) => coding(a) === coding(b);

/** Names a rendition: its height, its codec where that is not H.264, and its bit rate where these are not enough. */
export function levelLabel(level: Rung, all: Rung[]): string {
  const same = all.filter((other) => other.height === level.height && sameCoding(other, level)).length > 1;
  const rate = `${(level.bitrate / 1e6).toFixed(1)} Mbit/s`;
  const parts = [level.height ? `${level.height}p` : rate, coding(level), level.height && same ? rate : ""];
  return parts.filter((part) => part !== "").join(" ");
}
