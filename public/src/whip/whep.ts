// A WHEP client: receives what somebody publishes, waits for a publisher, and keeps the connection up.

import { Connection, type ConnectionOptions } from "./connection.ts";

export interface WhepOptions extends Omit<ConnectionOptions, "onTrack"> {
  /** Called with what is received; again with another object when a new session takes the place of the last. */
  onMedia(media: MediaStream): void;
}

/** What Chromium lets a page choose of header extensions (WebRTC Extensions §5.2). */
interface Negotiating {
  getHeaderExtensionsToNegotiate?(): { uri: string; direction: string }[];
  setHeaderExtensionsToNegotiate?(extensions: { uri: string; direction: string }[]): void;
}

/** Asks for what publishers tell of frames: without it Chromium decodes of AV1 in spatial layers the lowest alone. */
function takeDescriptors(transceiver: RTCRtpTransceiver & Negotiating): void {
  const all = transceiver.getHeaderExtensionsToNegotiate?.() ?? [];
  for (const extension of all) if (extension.uri.includes("dependency-descriptor")) extension.direction = "sendrecv";
  if (all.length > 0) transceiver.setHeaderExtensionsToNegotiate?.(all);
}

/** One viewer. Use an object once: persist, then stop. */
export class WhepClient extends Connection {
  private media = new MediaStream();

  constructor(options: WhepOptions) {
    super({
      ...options,
      onTrack: ({ track }) => {
        this.media.addTrack(track);
        options.onMedia(this.media);
      },
    });
  }

  protected override prepare(peer: RTCPeerConnection): void {
    this.media = new MediaStream();
    for (const kind of ["video", "audio"]) takeDescriptors(peer.addTransceiver(kind, { direction: "recvonly" }));
  }
}
