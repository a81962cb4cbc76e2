// One peer connection of a room, to the server or to another participant: perfect negotiation (WebRTC 1.0 §10.7).

import { reshape, type Sending, type Shape } from "../sending/sending.ts";
import type { RoomEvent } from "./events.ts";

export interface LinkOptions {
  /** Gives way where both sides have offered. */
  polite: boolean;
  /** Begins; the other side waits for the first offer. */
  begins: boolean;
  iceServers: RTCIceServer[];
  media: MediaStream;
  /** How the picture is sent to who takes it in layers; nothing while that is not known. */
  sending: () => Sending | undefined;
  send: (event: RoomEvent) => void;
  onTrack: (event: RTCTrackEvent) => void;
}

export class Link {
  readonly peer: RTCPeerConnection;
  private making = false;
  private ignored = false;
  private attached = false;
  private early: (RTCIceCandidateInit | null)[] = [];
  private hearing: Promise<void> = Promise.resolve();

  constructor(private readonly options: LinkOptions) {
    this.peer = new RTCPeerConnection({ iceServers: options.iceServers, bundlePolicy: "max-bundle" });
    this.peer.onnegotiationneeded = () => void this.offer();
    this.peer.onicecandidate = ({ candidate }) => options.send({ event: "candidate", candidate: candidate?.toJSON() ?? null });
    this.peer.ontrack = options.onTrack;
    this.peer.onconnectionstatechange = () => {
      if (this.peer.connectionState === "failed" && options.begins) this.peer.restartIce(); // of a link to the server, the session ends
    };
    if (options.begins) this.attach();
  }

  close(): void {
    this.peer.close();
  }

  /** Sends another track of a kind, or none, without negotiating where it has been sent before. */
  async replace(kind: "audio" | "video", track: MediaStreamTrack | null): Promise<void> {
    if (!this.attached) return; // it is attached with the rest
    const sender = this.senders.get(kind);
    if (sender) await sender.replaceTrack(track);
    else if (track) this.senders.set(kind, this.peer.addTrack(track, this.options.media));
    if (kind === "video" && track) await this.shape();
  }

  /** Has the picture go in as many layers as it is large enough for, where the other side has offered to take some. */
  private async shape(): Promise<void> {
    const sender = this.senders.get("video");
    const sending = this.options.sending();
    if (!sender || !sending) return;
    const send = async (temporal: boolean) => {
      const parameters: RTCRtpSendParameters & { degradationPreference?: string } = sender.getParameters();
      const shapes = (parameters.encodings ?? []) as Shape[];
      if (shapes.length < 2) return;
      reshape(shapes, sending, temporal);
      parameters.degradationPreference = "maintain-resolution";
      await sender.setParameters(parameters);
    };
    // A browser that knows no temporal layers, or refuses all of it, sends as it likes.
    await send(true).catch(() => send(false)).catch((error: unknown) => console.warn("layers:", error));
  }

  private readonly senders = new Map<string, RTCRtpSender>();

  /** Sends what there is. It is called after the first offer of the other side has been applied, so that its sections are used. */
  private attach(): void {
    if (this.attached) return;
    this.attached = true;
    for (const track of this.options.media.getTracks()) this.senders.set(track.kind, this.peer.addTrack(track, this.options.media));
    // A link without a track would have nothing to offer: it can receive all the same.
    if (this.options.begins) for (const kind of ["audio", "video"]) if (!this.senders.has(kind)) this.peer.addTransceiver(kind, { direction: "recvonly" });
  }

  private async offer(): Promise<void> {
    try {
      this.making = true;
      await this.peer.setLocalDescription();
      this.describe();
    } finally {
      this.making = false;
    }
  }

  /** Offers once more what has not been answered: the offer, or the answer, may have been lost with the connection. */
  repeat(): void {
    if (this.peer.signalingState === "have-local-offer") this.describe();
  }

  private describe(answers?: number): void {
    const description = this.peer.localDescription;
    if (description) this.options.send({ event: description.type, sdp: description.sdp, answers });
  }

  /** Hears an offer, an answer or a candidate, one after the other. */
  hear(event: RoomEvent): Promise<void> {
    this.hearing = this.hearing.then(() => this.take(event)).catch((error: unknown) => console.warn(`${event.event}:`, error));
    return this.hearing;
  }

  private async take(event: RoomEvent): Promise<void> {
    if (event.event === "candidate") return this.takeCandidate(event.candidate ?? null);
    const offered = event.event === "offer";
    const collision = offered && (this.making || this.peer.signalingState !== "stable");
    this.ignored = collision && !this.options.polite;
    if (this.ignored) return;
    await this.peer.setRemoteDescription({ type: offered ? "offer" : "answer", sdp: event.sdp ?? "" });
    for (const candidate of this.early.splice(0)) await this.takeCandidate(candidate);
    if (!offered) return;
    this.attach();
    await this.shape();
    await this.peer.setLocalDescription();
    this.describe(event.id);
  }

  /** Candidates that come before their description wait for it. */
  private async takeCandidate(candidate: RTCIceCandidateInit | null): Promise<void> {
    if (!this.peer.remoteDescription) {
      this.early.push(candidate);
      return;
    }
    await this.peer.addIceCandidate(candidate ?? undefined).catch((error: unknown) => {
      if (!this.ignored) throw error;
    });
  }
}
