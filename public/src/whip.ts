// A WHIP client (RFC 9725) that keeps publishing: trickle ICE, ICE restarts, and a new session where those do not help.

import { HttpError, request } from "./problem.ts";
import { sleep } from "./dom.ts";
import { applyRestart, iceFragment, iceServers, withStartBitrate, type Candidate } from "./sdp.ts";

export type WhipState = "connecting" | "connected" | "reconnecting" | "failed" | "closed";

export interface WhipOptions {
  /** Where to POST the offer. */
  url: string;
  /** What to send: at most one video and one audio track. */
  media: MediaStream;
  /** sendrecv asks the server to send back, as /echo does. */
  direction?: "sendonly" | "sendrecv";
  /** The stream key for each request; empty for none. */
  key?(): string;
  /** Called at each change after start; error says why a state is failed, or what keeps it from being connected. */
  onState?(state: WhipState, error?: unknown): void;
  onTrack?(event: RTCTrackEvent): void;
}

/** How long a connection may be interrupted before it is mended, and how long mending may take, in milliseconds. */
const patience = 3000;
const connectTimeout = 10000;

/** How long a DELETE may take, in milliseconds; the connection is closed then in any case. */
const deleteTimeout = 2000;

/** Longest pause between attempts to start a new session, in milliseconds. */
const longestPause = 10000;

/** Video's bit rate before the first estimate, in kbit/s. */
const startBitrate = 1500;

/** Answers that do not get better by trying again. */
const final = new Set([400, 401, 403, 405, 413, 415, 422]);

/** One publication. Use an object once: start, then stop. */
export class WhipClient {
  private session: Session | undefined;
  private media: MediaStream;
  private state: WhipState = "closed";
  private stopped = false;
  private mending = false;

  constructor(private readonly options: WhipOptions) {
    this.media = options.media;
  }

  /** The connection in use, for statistics. */
  get peer(): RTCPeerConnection | undefined {
    return this.session?.peer;
  }

  /** Publishes; resolves when the server has answered, and throws what it said when that was no success. */
  async start(): Promise<void> {
    this.setState("connecting");
    await this.open();
  }

  /** Ends the session here and on the server. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.session?.close();
    this.setState("closed");
  }

  /** Sends other tracks from now on, without a new session. A kind that the session has no track for is left out. */
  async replace(media: MediaStream): Promise<void> {
    this.media = media;
    await this.session?.replace(media);
  }

  private async open(): Promise<void> {
    const servers = await this.servers();
    if (this.stopped) return;
    const session = new Session({ ...this.options, media: this.media }, servers, () => this.connectionChanged(session));
    this.session = session;
    try {
      await session.open();
    } catch (error) {
      await session.close();
      throw error;
    }
    if (this.stopped) await session.close();
  }

  /** Asks for the ICE servers, which only those who may publish are told (RFC 9725 §4.6). */
  private async servers(): Promise<RTCIceServer[]> {
    const { headers } = await request(this.options.url, { method: "OPTIONS", headers: authorization(this.options) });
    return iceServers(headers.get("Link"));
  }

  private setState(state: WhipState, error?: unknown): void {
    if (state === this.state && error === undefined) return;
    this.state = state;
    this.options.onState?.(state, error);
  }

  private connectionChanged(session: Session): void {
    if (this.stopped || session !== this.session) return;
    const { connectionState } = session.peer;
    if (connectionState === "connected") this.setState("connected");
    if (connectionState === "failed") void this.mend();
    if (connectionState === "disconnected") {
      this.setState("reconnecting");
      setTimeout(() => session.peer.connectionState === "disconnected" && this.mend(), patience);
    }
  }

  /** Brings a lost connection back: an ICE restart first, then new sessions with growing pauses between them. */
  private async mend(): Promise<void> {
    if (this.mending || this.stopped) return;
    this.mending = true;
    this.setState("reconnecting");
    if (!(await this.restart())) await this.reopen();
    this.mending = false;
  }

  private async restart(): Promise<boolean> {
    try {
      await this.session?.restart();
      return (await this.session?.connected(connectTimeout)) ?? false;
    } catch {
      return false; // the session is gone on the server, or it cannot restart: a new one is the answer to both
    }
  }

  private async reopen(): Promise<void> {
    for (let pause = 500; !this.stopped; pause = Math.min(pause * 2, longestPause)) {
      await this.session?.close();
      let wait = pause * (0.75 + Math.random() / 2);
      try {
        await this.open();
        if (await this.session?.connected(connectTimeout)) return;
      } catch (error) {
        if (error instanceof HttpError && final.has(error.status)) return this.setState("failed", error);
        if (error instanceof HttpError) wait = Math.max(wait, Math.min(error.retryAfter * 1000, longestPause));
        if (!this.stopped) this.setState("reconnecting", error);
      }
      await sleep(wait);
    }
  }
}

/** One WHIP session: a peer connection and its resource on the server. */
class Session {
  readonly peer: RTCPeerConnection;
  private resource = "";
  private etag = "";
  private trickles = true;
  private candidates: Candidate[] = [];
  private gathered = false;
  private requests: Promise<unknown> = Promise.resolve();
  private closed = false;
  private readonly onPageHide = () => this.release(true);

  constructor(
    private readonly options: WhipOptions,
    servers: RTCIceServer[],
    onConnection: () => void,
  ) {
    this.peer = new RTCPeerConnection({ iceServers: servers, bundlePolicy: "max-bundle" });
    this.peer.addEventListener("connectionstatechange", onConnection);
    this.peer.addEventListener("icecandidate", ({ candidate }) => this.gather(candidate));
    if (options.onTrack) this.peer.addEventListener("track", options.onTrack);
    for (const track of options.media.getTracks()) this.addTrack(track);
    addEventListener("pagehide", this.onPageHide);
  }

  /** Offers and takes the answer. */
  async open(): Promise<void> {
    await this.peer.setLocalDescription();
    const response = await this.send(this.options.url, "POST", "application/sdp", this.peer.localDescription?.sdp ?? "");
    const location = response.headers.get("Location");
    if (!location) throw new Error("The server's answer names no session (Location).");
    this.resource = new URL(location, response.url).href;
    this.etag = response.headers.get("ETag") ?? "";
    if (this.closed) return this.release(false);
    const sdp = withStartBitrate(await response.text(), startBitrate);
    await this.peer.setRemoteDescription({ type: "answer", sdp });
    this.trickle();
  }

  /** Restarts ICE inside the session (RFC 9725 §4.3.3); throws where the server does not do that. */
  async restart(): Promise<void> {
    const offer = await this.peer.createOffer({ iceRestart: true });
    await this.requests; // a trickle request with the old ETag must not come after this one
    this.candidates = [];
    this.gathered = false;
    await this.peer.setLocalDescription(offer);
    const response = await this.patch("*", this.candidates.splice(0));
    if (response.status !== 200) throw new Error(`the ICE restart was answered by ${response.status}`);
    this.etag = response.headers.get("ETag") ?? "";
    this.trickles = true;
    const sdp = applyRestart(this.peer.remoteDescription?.sdp ?? "", await response.text());
    await this.peer.setRemoteDescription({ type: "answer", sdp });
    this.trickle();
  }

  /** Resolves to whether the connection is up within so many milliseconds. */
  connected(timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const check = () => this.peer.connectionState === "connected" && finish(true);
      const finish = (up: boolean) => {
        clearTimeout(timer);
        this.peer.removeEventListener("connectionstatechange", check);
        resolve(up);
      };
      const timer = setTimeout(() => finish(false), timeout);
      this.peer.addEventListener("connectionstatechange", check);
      check();
    });
  }

  async replace(media: MediaStream): Promise<void> {
    for (const { sender, receiver } of this.peer.getTransceivers()) {
      await sender.replaceTrack(media.getTracks().find(({ kind }) => kind === receiver.track.kind) ?? null);
    }
  }

  /**
   * Deletes the resource, then closes the connection: closing first would end the session on the server too. Never
   * throws: a server that cannot be told finds out by itself.
   */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    removeEventListener("pagehide", this.onPageHide);
    await this.release(false);
    this.peer.close();
  }

  /** Deletes the resource; keepalive lets the request outlive the page. */
  private async release(keepalive: boolean): Promise<void> {
    if (!this.resource) return;
    const url = this.resource;
    this.resource = "";
    const signal = AbortSignal.timeout(deleteTimeout);
    await fetch(url, { method: "DELETE", headers: this.headers(), keepalive, signal }).catch(() => undefined);
  }

  /** VP8 first: it needs no licence and every server of this kind takes it; the rest stays offered. */
  private addTrack(track: MediaStreamTrack): void {
    const { direction = "sendonly", media } = this.options;
    const transceiver = this.peer.addTransceiver(track, { direction, streams: [media] });
    const codecs = RTCRtpReceiver.getCapabilities(track.kind)?.codecs ?? [];
    const preferred = track.kind === "video" ? "video/VP8" : "audio/opus";
    const rank = ({ mimeType }: { mimeType: string }) => (mimeType.toLowerCase() === preferred.toLowerCase() ? 0 : 1);
    if (codecs.length > 0) transceiver.setCodecPreferences?.([...codecs].sort((a, b) => rank(a) - rank(b)));
  }

  private gather(candidate: RTCIceCandidate | null): void {
    if (candidate?.candidate) this.candidates.push({ candidate: candidate.candidate, mid: candidate.sdpMid ?? "0" });
    else if (!candidate) this.gathered = true;
    this.trickle();
  }

  /** Tells the server new candidates, one request at a time; what comes meanwhile goes together into the next. */
  private trickle(): void {
    this.requests = this.requests.then(async () => {
      const ready = this.resource && this.etag && this.trickles && this.peer.signalingState === "stable";
      if (!ready || this.candidates.length === 0) return;
      try {
        await this.patch(this.etag, this.candidates.splice(0));
      } catch {
        this.trickles = false; // it does not trickle, or has gone: the connection's own state tells which
      }
    });
  }

  private patch(ifMatch: string, candidates: Candidate[]): Promise<Response> {
    const fragment = iceFragment(this.peer.localDescription?.sdp ?? "", candidates, this.gathered);
    return this.send(this.resource, "PATCH", "application/trickle-ice-sdpfrag", fragment, { "If-Match": ifMatch });
  }

  private send(url: string, method: string, type: string, body: string, headers = {}): Promise<Response> {
    return request(url, { method, body, headers: { ...this.headers(), "Content-Type": type, ...headers } });
  }

  private headers(): Record<string, string> {
    return authorization(this.options);
  }
}

function authorization(options: WhipOptions): Record<string, string> {
  const key = options.key?.() ?? "";
  return key ? { Authorization: `Bearer ${key}` } : {};
}
