// A WHIP client (RFC 9725) that keeps publishing.

import { Connection, type ConnectionOptions } from "./connection.ts";
import { withStartBitrate } from "./sdp.ts";
import { encodings, keepsSize, preferring, reshape, startBitrate, withoutTemporal, type Sending, type Shape } from "../sending/sending.ts";

export interface WhipOptions extends ConnectionOptions {
  /** What to send: at most one video and one audio track. */
  media: MediaStream;
  /** sendrecv asks the server to send back, as /echo does. */
  direction?: "sendonly" | "sendrecv";
  /** How to send; without it VP8 is preferred, the browser bounds the rate, and sound has no redundancy. */
  sending?: Sending;
}

/** Bits per second to begin with where nothing bounds them. */
const usualStart = 1_500_000;

/** One publication. Use an object once: start, then stop. */
export class WhipClient extends Connection {
  private media: MediaStream;
  private readonly direction: "sendonly" | "sendrecv";
  private readonly sending: Sending | undefined;

  constructor(options: WhipOptions) {
    super(options);
    this.media = options.media;
    this.direction = options.direction ?? "sendonly";
    this.sending = options.sending && { ...options.sending };
  }

  /** Sends other tracks from now on, without a new session. A kind that the session has no track for is left out. */
  async replace(media: MediaStream): Promise<void> {
    this.media = media;
    for (const { sender, receiver } of this.peer?.getTransceivers() ?? []) {
      await sender.replaceTrack(media.getTracks().find(({ kind }) => kind === receiver.track.kind) ?? null);
    }
  }

  /** Sends at most so many bits per second of a picture of that size from now on; what else there is of sending cannot be changed. */
  async limit({ maxBitrate, width, height }: Sending): Promise<void> {
    if (!this.sending) return;
    Object.assign(this.sending, { maxBitrate, width, height });
    for (const { sender, receiver } of this.peer?.getTransceivers() ?? []) {
      const parameters = sender.getParameters();
      if (receiver.track.kind !== "video" || !parameters.encodings?.length) continue; // Firefox before 110 has none
      reshape(parameters.encodings as Shape[], this.sending);
      await sender.setParameters(parameters);
    }
  }

  protected override get sends(): boolean {
    return true;
  }

  protected override prepare(peer: RTCPeerConnection): void {
    for (const track of this.media.getTracks()) this.addTrack(peer, track);
  }

  protected override amend(answer: string): string {
    return withStartBitrate(answer, Math.round(startBitrate(this.sending?.maxBitrate ?? usualStart) / 1000));
  }

  /** The chosen codecs first, or VP8: it needs no licence and every server of this kind takes it. The rest stays offered. */
  private addTrack(peer: RTCPeerConnection, track: MediaStreamTrack): void {
    const bounded = track.kind === "video" && this.sending;
    const add = (shapes?: Shape[]) =>
      peer.addTransceiver(track, { direction: this.direction, streams: [this.media], ...(shapes && { sendEncodings: shapes }) });
    const shapes = bounded ? encodings(bounded) : undefined;
    let transceiver: RTCRtpTransceiver;
    try {
      transceiver = add(shapes);
    } catch {
      transceiver = add(shapes && withoutTemporal(shapes));
    }
    const sound = this.sending?.redundancy ? "audio/red" : "audio/opus";
    const preferred = track.kind === "video" ? `video/${this.sending?.codec || "VP8"}` : sound;
    const codecs = RTCRtpReceiver.getCapabilities(track.kind)?.codecs ?? [];
    if (codecs.length > 0) transceiver.setCodecPreferences?.(preferring(codecs, preferred));
    if (track.kind === "video" && keepsSize(this.sending)) {
      const parameters: RTCRtpSendParameters & { degradationPreference?: string } = transceiver.sender.getParameters();
      parameters.degradationPreference = "maintain-resolution";
      transceiver.sender.setParameters(parameters).catch(() => {}); // a browser that knows no such thing sends as it likes
    }
  }
}
