// A WHEP client: receives what somebody publishes, waits for a publisher, and keeps the connection up.

import { Connection, type ConnectionOptions } from "./connection.ts";

export interface WhepOptions extends Omit<ConnectionOptions, "onTrack"> {
  /** Called with what is received; again with another object when a new session takes the place of the last. */
  onMedia(media: MediaStream): void;
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
    for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
  }
}
