// What getStats (W3C webrtc-stats) says about sending, as rates.

/** A reading; numbers are NaN while they are not known. */
export interface Rates {
  bitrate: number; // bits per second, all media
  fps: number;
  width: number;
  height: number;
  rtt: number; // seconds
  loss: number; // share of packets, 0 to 1
  codec: string; // MIME type of the picture's
  limit: string; // what limits resolution and frame rate: none, cpu, bandwidth, other
}

/** The reading of nothing. */
export const noRates: Readonly<Rates> = { bitrate: NaN, fps: NaN, width: 0, height: 0, rtt: NaN, loss: NaN, codec: "", limit: "" };

/** The members of statistics that are read here. */
export interface Stat {
  type: string;
  id?: string;
  kind?: string;
  codecId?: string;
  mimeType?: string;
  timestamp: number;
  bytesSent?: number;
  framesPerSecond?: number;
  frameWidth?: number;
  frameHeight?: number;
  qualityLimitationReason?: string;
  fractionLost?: number;
  roundTripTime?: number;
  currentRoundTripTime?: number;
  nominated?: boolean;
}

/** Turns successive reports into rates. */
export class RateMeter {
  private bytes = 0;
  private at = 0;

  /** Reads one report; the first has no bit rate yet. */
  read(report: Iterable<Stat>): Rates {
    const stats = [...report];
    const rates: Rates = { ...noRates, codec: sentCodec(stats) };
    let bytes = 0;
    let at = this.at;
    for (const stat of stats) {
      if (stat.type === "outbound-rtp") {
        bytes += stat.bytesSent ?? 0;
        at = stat.timestamp;
        if (stat.kind === "video" && (stat.frameWidth ?? 0) >= rates.width) readVideo(stat, rates); // of several sizes the largest
      } else if (stat.type === "remote-inbound-rtp") {
        rates.loss = Math.max(stat.fractionLost ?? 0, rates.loss || 0);
        rates.rtt = stat.roundTripTime ?? rates.rtt;
      } else if (stat.type === "candidate-pair" && stat.nominated && Number.isNaN(rates.rtt)) {
        rates.rtt = stat.currentRoundTripTime ?? NaN;
      }
    }
    if (this.at > 0 && at > this.at && bytes >= this.bytes) rates.bitrate = ((bytes - this.bytes) * 8000) / (at - this.at);
    this.bytes = bytes;
    this.at = at;
    return rates;
  }
}

/** The MIME type of the codec that the picture is sent with; empty while none is. */
function sentCodec(stats: Stat[]): string {
  const used = stats.find(({ type, kind }) => type === "outbound-rtp" && kind === "video")?.codecId;
  return stats.find(({ type, id }) => type === "codec" && id !== undefined && id === used)?.mimeType ?? "";
}

function readVideo(stat: Stat, rates: Rates): void {
  rates.fps = stat.framesPerSecond ?? NaN;
  rates.width = stat.frameWidth ?? 0;
  rates.height = stat.frameHeight ?? 0;
  rates.limit = stat.qualityLimitationReason ?? "none";
}

/** What limits the encoder, in words. */
export function limitText(reason: string): string {
  return { "": "–", none: "nothing", cpu: "CPU", bandwidth: "bandwidth", other: "other" }[reason] ?? reason;
}
