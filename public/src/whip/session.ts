// A WebRTC session that is set up with one POST (WHIP, RFC 9725; WHEP): trickle ICE, ICE restarts, and its end.

import { HttpError, request } from "../server/problem.ts";
import { applyRestart, extensionIn, iceFragment, iceServers, type Candidate } from "./sdp.ts";

export interface SessionOptions {
  /** Where to POST the offer. */
  url: string;
  servers: RTCIceServer[];
  /** The stream key for each request; empty for none. */
  key?(): string;
  onTrack?(event: RTCTrackEvent): void;
  /** Adds what is to be sent and received. */
  prepare(peer: RTCPeerConnection): void;
  /** Changes the server's answer before the browser takes it. */
  amend?(answer: string): string;
}

/** How long a DELETE may take, in milliseconds; the connection is closed then in any case. */
const deleteTimeout = 2000;

/** How long the server may take to say whether it has a session, in milliseconds. */
const knownTimeout = 1000;

/** How long the browser may take to apply a description, in milliseconds. */
const applyTimeout = 15000;

/** One session: a peer connection and its resource on the server. */
export class Session {
  readonly peer: RTCPeerConnection;
  private resource = "";
  private links: string | null = null; // of the answer
  private etag = "";
  private trickles = true;
  private candidates: Candidate[] = [];
  private gathered = false;
  private requests: Promise<unknown> = Promise.resolve();
  private closed = false;
  private toldLater = false;
  private restarting: Promise<void> | undefined;
  private readonly waiting = new Set<() => void>();
  private readonly ends = new AbortController();
  private readonly onPageHide = () => this.release(true);

  constructor(
    private readonly options: SessionOptions,
    private readonly onConnection: () => void,
  ) {
    this.peer = new RTCPeerConnection({ iceServers: options.servers, bundlePolicy: "max-bundle" });
    this.peer.addEventListener("connectionstatechange", this.changed);
    this.peer.addEventListener("icecandidate", ({ candidate }) => this.gather(candidate));
    if (options.onTrack) this.peer.addEventListener("track", options.onTrack);
    options.prepare(this.peer);
    addEventListener("pagehide", this.onPageHide);
  }

  private readonly changed = () => {
    for (const check of [...this.waiting]) check();
    this.onConnection();
  };

  /** Whether the server has hung up: DTLS says so at once, ICE would take half a minute to notice, and until then it is "connected". */
  get hungUp(): boolean {
    return this.peer.getReceivers().some(({ transport }) => transport?.state === "closed");
  }

  /** Whether the answer named ICE servers that were not known before: they are used from the next restart on. */
  get hasNewServers(): boolean {
    return this.toldLater;
  }

  /** Whether media can flow. */
  get up(): boolean {
    return this.peer.connectionState === "connected" && !this.hungUp;
  }

  /** How many packets have come, of RTCP too; undefined where the browser does not say. */
  async received(): Promise<number | undefined> {
    let packets: number | undefined;
    for (const entry of (await this.peer.getStats()).values() as Iterable<{ type: string; packetsReceived?: number }>) {
      if (entry.type === "transport") packets = entry.packetsReceived;
    }
    return packets;
  }

  /** The status with which the server answers for the session: 404 where it has it no more; 0 where it does not answer. */
  async status(): Promise<number> {
    if (!this.resource) return 0;
    const asked = request(this.resource, { method: "HEAD", headers: this.headers() }, knownTimeout);
    return asked.then(
      ({ status }) => status,
      (error: unknown) => (error instanceof HttpError ? error.status : 0),
    );
  }

  /** Notes that the server has the session no more: there is nothing to delete. */
  forget(): void {
    this.resource = "";
  }

  /** Offers and takes the answer. */
  async open(): Promise<void> {
    await this.bounded(this.peer.setLocalDescription());
    const response = await this.send(this.options.url, "POST", "application/sdp", this.peer.localDescription?.sdp ?? "");
    const location = response.headers.get("Location");
    if (!location) throw new Error("The server's answer names no session (Location).");
    this.resource = new URL(location, response.url).href;
    this.links = response.headers.get("Link");
    this.etag = response.headers.get("ETag") ?? "";
    if (this.closed) return this.release(false);
    this.learnServers(response.headers.get("Link"));
    const answer = await response.text();
    const sdp = this.options.amend?.(answer) ?? answer;
    await this.bounded(this.peer.setRemoteDescription({ type: "answer", sdp }));
    for (const { transport } of this.peer.getReceivers()) transport?.addEventListener("statechange", this.changed);
    this.trickle();
  }

  /** Takes the ICE servers that viewers are told with the answer (RFC 9725 §4.6). */
  private learnServers(links: string | null): void {
    const servers = iceServers(links);
    this.toldLater = this.options.servers.length === 0 && servers.length > 0;
    if (this.toldLater) this.peer.setConfiguration({ ...this.peer.getConfiguration(), iceServers: servers });
  }

  /** Where an extension of the protocol is, such as core:layer; undefined where the server has none. */
  extension(name: string): string | undefined {
    const target = extensionIn(this.links, name);
    return target && this.resource && new URL(target, this.resource).href;
  }

  /** Restarts ICE inside the session (RFC 9725 §4.3.3), once at a time; throws where the server does not do that. */
  restart(): Promise<void> {
    return (this.restarting ??= this.restartOnce().finally(() => (this.restarting = undefined)));
  }

  private async restartOnce(): Promise<void> {
    if (!this.resource) throw new Error("the session has ended");
    const offer = await this.bounded(this.peer.createOffer({ iceRestart: true }));
    await this.requests; // a trickle request with the old ETag must not come after this one
    this.candidates = [];
    this.gathered = false;
    await this.bounded(this.peer.setLocalDescription(offer));
    const response = await this.patch("*", this.candidates.splice(0));
    if (response.status !== 200) throw new Error(`the ICE restart was answered by ${response.status}`);
    this.etag = response.headers.get("ETag") ?? "";
    this.trickles = true;
    const sdp = applyRestart(this.peer.remoteDescription?.sdp ?? "", await response.text());
    await this.bounded(this.peer.setRemoteDescription({ type: "answer", sdp }));
    this.trickle();
  }

  /** Waits for what the browser does with the connection: of one that is closed meanwhile it never says that it is done (WebRTC 1.0, “chain”). */
  private bounded<T>(work: Promise<T>): Promise<T> {
    return new Promise((done, fail) => {
      const end = (what: string) => fail(new Error(what));
      const timer = setTimeout(end, applyTimeout, "the browser does not get on with the connection");
      this.ends.signal.addEventListener("abort", () => end("the session is closed"), { once: true });
      if (this.closed) end("the session is closed");
      work.then(done, fail).finally(() => clearTimeout(timer));
    });
  }

  /** Resolves to whether the connection is up within so many milliseconds; to false as soon as it has failed, or either side has ended it. */
  connected(timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (up: boolean) => {
        clearTimeout(timer);
        this.waiting.delete(check);
        resolve(up);
      };
      const check = () => {
        if (this.up) finish(true);
        else if (this.hungUp || this.closed || this.peer.connectionState === "failed") finish(false);
      };
      const timer = setTimeout(() => finish(false), timeout);
      this.waiting.add(check);
      if (this.up || this.hungUp || this.closed) check(); // that it has failed may be from before a restart
    });
  }

  /**
   * Deletes the resource, then closes the connection: closing first would end the session on the server too. Never
   * throws: a server that cannot be told finds out by itself.
   */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    removeEventListener("pagehide", this.onPageHide);
    this.ends.abort();
    for (const check of [...this.waiting]) check();
    await this.release(false);
    this.peer.close();
  }

  /** Deletes the resource; keepalive lets the request outlive the page. */
  private async release(keepalive: boolean): Promise<void> {
    if (!this.resource) return;
    const url = this.resource;
    this.resource = "";
    await request(url, { method: "DELETE", headers: this.headers(), keepalive }, deleteTimeout).catch(() => undefined);
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

/** The header that carries the key. */
export function authorization(options: { key?(): string }): Record<string, string> {
  const key = options.key?.() ?? "";
  return key ? { Authorization: `Bearer ${key}` } : {};
}
