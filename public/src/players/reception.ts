// What getStats (W3C webrtc-stats) says about receiving, as figures for the watch page.

/** A reading; numbers are NaN while they are not known. */
export interface Reception {
  bitrate: number; // bits per second, all media
  rtt: number; // seconds
  buffer: number; // seconds in the jitter buffer
  latency: number; // seconds from the server to the screen: an estimate
}

/** The reading of nothing. */
export const noReception: Readonly<Reception> = { bitrate: NaN, rtt: NaN, buffer: NaN, latency: NaN };

/** The members of statistics that are read here; the totals are seconds. */
export interface ReceptionStat {
  type: string;
  kind?: string;
  timestamp: number;
  bytesReceived?: number;
  jitterBufferDelay?: number;
  jitterBufferEmittedCount?: number;
  totalDecodeTime?: number;
  framesDecoded?: number;
  nominated?: boolean;
  currentRoundTripTime?: number;
}

/** Sums since the session's start. */
interface Totals {
  at: number;
  bytes: number;
  waited: number; // seconds that all emitted frames or samples were in the jitter buffer
  emitted: number;
  decoding: number; // seconds
  decoded: number;
}

/** Turns successive reports into figures. */
export class ReceptionMeter {
  private last: Totals | undefined;

  /** Reads one report; the first gives nothing but the round trip. */
  read(report: Iterable<ReceptionStat>): Reception {
    const stats = [...report];
    const now = totals(stats);
    const last = this.last;
    this.last = now;
    const pair = stats.find(({ type, nominated }) => type === "candidate-pair" && nominated);
    const rtt = pair?.currentRoundTripTime ?? NaN;
    if (!last || now.at <= last.at || now.bytes < last.bytes) return { ...noReception, rtt };
    const buffer = (now.waited - last.waited) / (now.emitted - last.emitted);
    const decoding = now.decoded > last.decoded ? (now.decoding - last.decoding) / (now.decoded - last.decoded) : 0;
    const bitrate = ((now.bytes - last.bytes) * 8000) / (now.at - last.at);
    return { bitrate, rtt, buffer, latency: rtt / 2 + buffer + decoding };
  }
}

function totals(stats: ReceptionStat[]): Totals {
  const inbound = stats.filter(({ type }) => type === "inbound-rtp");
  const shown = inbound.find(({ kind }) => kind === "video") ?? inbound[0]; // sound waits for the picture
  return {
    at: shown?.timestamp ?? 0,
    bytes: inbound.reduce((sum, { bytesReceived = 0 }) => sum + bytesReceived, 0),
    waited: shown?.jitterBufferDelay ?? 0,
    emitted: shown?.jitterBufferEmittedCount ?? 0,
    decoding: shown?.totalDecodeTime ?? 0,
    decoded: shown?.framesDecoded ?? 0,
  };
}
