// What the dashboard tells of the targets that streams are forwarded to.

import type { Stream } from "../server/schema.ts";
import { bytes, duration } from "./format.ts";

/** The rows of the table: stream, target, state, since when, what was sent, parts dropped, tries, and why it does not go on. */
export function forwardRows(streams: Pick<Stream, "name" | "forwards">[], now: number): string[][] {
  return streams.flatMap((s) =>
    (s.forwards ?? []).map((f) => {
      const lasts = f.since ? duration(Math.max(0, (now - Date.parse(f.since)) / 1000)) : "–";
      return [s.name, f.target, f.state, lasts, bytes(f.bytes), String(f.dropped), String(f.retries), f.error || "–"];
    }),
  );
}
