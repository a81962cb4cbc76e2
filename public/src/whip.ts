// A WHIP client (RFC 9725) that keeps publishing.

import { Connection, type ConnectionOptions } from "./connection.ts";
import { withStartBitrate } from "./sdp.ts";

export interface WhipOptions extends ConnectionOptions {
  /** What to send: at most one video and one audio track. */
  media: MediaStream;
  /** sendrecv asks the server to send back, as /echo does. */
  direction?: "sendonly" | "sendrecv";
}

/** Video's bit rate before the first estimate, in kbit/s. */
const startBitrate = 1500;

/** One publication. Use an object once: start, then stop. */
export class WhipClient extends Connection {
  private media: MediaStream;
  private readonly direction: "sendonly" | "sendrecv";

  constructor(options: WhipOptions) {
    super(options);
    this.media = options.media;
    this.direction = options.direction ?? "sendonly";
  }

  /** Sends other tracks from now on, without a new session. A kind that the session has no track for is left out. */
  async replace(media: MediaStream): Promise<void> {
    this.media = media;
    for (const { sender, receiver } of this.peer?.getTransceivers() ?? []) {
      await sender.replaceTrack(media.getTracks().find(({ kind }) => kind === receiver.track.kind) ?? null);
    }
  }

  protected override prepare(peer: RTCPeerConnection): void {
    for (const track of this.media.getTracks()) this.addTrack(peer, track);
  }

  protected override amend(answer: string): string {
    return withStartBitrate(answer, startBitrate);
  }

  /** VP8 first: it needs no licence and every server of this kind takes it; the rest stays offered. */
  private addTrack(peer: RTCPeerConnection, track: MediaStreamTrack): void {
    const transceiver = peer.addTransceiver(track, { direction: this.direction, streams: [this.media] });
    const codecs = RTCRtpReceiver.getCapabilities(track.kind)?.codecs ?? [];
    const preferred = track.kind === "video" ? "video/VP8" : "audio/opus";
    const rank = ({ mimeType }: { mimeType: string }) => (mimeType.toLowerCase() === preferred.toLowerCase() ? 0 : 1);
    if (codecs.length > 0) transceiver.setCodecPreferences?.([...codecs].sort((a, b) => rank(a) - rank(b)));
  }
}
