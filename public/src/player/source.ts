// Which stream of which service an address is of.

import type { Protocol } from "../players/player.ts";

/** What an address says. */
export interface Source {
  /** What paths of the service begin with: its origin, and the path below which it is shown. */
  base: string;
  name: string;
  protocol?: Protocol | undefined;
  token: string;
  /** Whether pictures over WebRTC are those that the stream's transform makes. */
  transformed: boolean;
}

export const protocols: readonly Protocol[] = ["hls", "dash", "webrtc"];

/** Reads a word as a protocol. */
export const readProtocol = (word: string | null | undefined) => protocols.find((known) => known === word);

/** A stream's address: of its watch page, the player alone, a playlist, an MPD or WHEP. */
const addresses = /^(.*)\/(watch|embed|live|whep)\/([A-Za-z0-9][A-Za-z0-9_-]{0,63})(?:\/|\/[^/]*\.(m3u8|mpd))?$/;

/** The protocol that an address is for by its form. */
const meant: Record<string, Protocol> = { m3u8: "hls", mpd: "dash", whep: "webrtc" };

/** Reads from an address's query whether transformed pictures are asked for, as the server reads it. */
export const readTransformed = (query: URLSearchParams) => query.has("transformed") && !["0", "false"].includes(query.get("transformed") ?? "");

/** Reads the address of a stream, as it stands in a page; undefined when it is none. */
export function readSource(address: string, page: string): Source | undefined {
  if (!URL.canParse(address, page)) return undefined;
  const { protocol, origin, pathname, searchParams } = new URL(address, page);
  const [found, prefix = "", kind = "", name = "", ending = ""] = addresses.exec(pathname) ?? [];
  if (found === undefined || !/^https?:$/.test(protocol)) return undefined;
  return {
    base: origin + prefix,
    name,
    protocol: readProtocol(searchParams.get("protocol")) ?? meant[ending] ?? meant[kind],
    token: searchParams.get("token") ?? "",
    transformed: readTransformed(searchParams),
  };
}
