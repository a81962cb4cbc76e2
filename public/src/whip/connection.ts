// What WHIP and WHEP clients share: a session that is kept up, by an ICE restart first and by new sessions after that.

import { HttpError, request } from "../server/problem.ts";
import { iceServers } from "./sdp.ts";
import { authorization, Session, type SessionOptions } from "./session.ts";
import type { Talk } from "./talk.ts";

export type ConnectionState = "connecting" | "connected" | "reconnecting" | "failed" | "closed";

export interface ConnectionOptions extends Pick<SessionOptions, "url" | "key" | "onTrack"> {
  /** Called at each change after start; error says why a state is failed, or what keeps it from being connected. */
  onState?(state: ConnectionState, error?: unknown): void;
  /** Called when the server has answered, with each new session. */
  onSession?(session: Session): void;
  /** What is written beside the media; without it there is no channel for that. */
  talk?: Talk;
}

/** How long a connection may be interrupted before it is mended, and how long mending may take, in milliseconds. */
const patience = 3000;
const connectTimeout = 10000;

/** How often is looked whether anything comes from a server that is sent to, and how long nothing may before it is asked, in milliseconds. */
const lookEvery = 500;
const quiet = 2000;

/** How long a first connection may take, which is not to be disturbed where a network is slow, in milliseconds. */
const startTimeout = 20000;

/** How long a viewer tries without the TURN servers that it has been told of, in milliseconds. */
const relayAfter = 2000;

/** First and longest pause between attempts to start a new session, and how long one must last for the next to be a first, in milliseconds. */
const firstPause = 500;
const longestPause = 10000;
const steady = 10000;

/** Answers that do not get better by trying again. */
const final = new Set([400, 401, 403, 405, 413, 415, 422]);

/** The answer to who has been taken over from, or was ended by the operator: coming back would undo that. */
const gone = 410;

/** The answer for a session that the server does not have. */
const missing = 404;

/** One connection. Use an object once: start or persist, then stop. */
export abstract class Connection {
  protected session: Session | undefined;
  private state: ConnectionState = "closed";
  private stopped = false;
  private mending = false;
  private pause = 0; // before the next attempt but one
  private wait = 0; // before the next
  private wake = () => {}; // ends it
  private readonly onOnline = () => this.wake();
  private readonly onPageShow = ({ persisted }: PageTransitionEvent) => persisted && void this.mend(); // which has ended the session when it was left

  constructor(private readonly options: ConnectionOptions) {
    addEventListener("online", this.onOnline);
    addEventListener("pageshow", this.onPageShow);
  }

  /** Adds to a new session's connection what is sent and received. */
  protected abstract prepare(peer: RTCPeerConnection): void;

  /** Whether media is sent, of which the server has to be heard by RTCP. */
  protected get sends(): boolean {
    return false;
  }

  /** Changes the server's answer before the browser takes it. */
  protected amend(answer: string): string {
    return answer;
  }

  /** The connection in use, for statistics. */
  get peer(): RTCPeerConnection | undefined {
    return this.session?.peer;
  }

  /** Connects; resolves when the server has answered, and throws what it said when that was no success. */
  async start(): Promise<void> {
    this.setState("connecting");
    const session = await this.open().catch((error: unknown) => {
      this.end();
      throw error;
    });
    void session?.connected(startTimeout).then((up) => {
      if (!up && session === this.session) void this.mend();
    });
  }

  /** Connects as start does, and goes on trying until that succeeds, is refused for good, or stop is called. */
  async persist(): Promise<void> {
    this.setState("connecting");
    await this.repair(() => this.reopen());
  }

  /** Ends the session here and on the server. */
  async stop(): Promise<void> {
    this.end();
    this.options.talk?.close();
    await this.session?.close();
    this.setState("closed");
  }

  private end(): void {
    this.stopped = true;
    removeEventListener("online", this.onOnline);
    removeEventListener("pageshow", this.onPageShow);
    this.wake();
  }

  /** It is over, since trying again would not help. */
  private fail(error: unknown): void {
    this.end();
    void this.session?.close();
    this.setState("failed", error);
  }

  /** Opens a new session; undefined when this was stopped meanwhile. */
  private async open(): Promise<Session | undefined> {
    const servers = await this.servers();
    if (this.stopped) return undefined;
    const { url, key, onTrack } = this.options;
    const prepare = (peer: RTCPeerConnection) => {
      this.prepare(peer);
      this.options.talk?.attach(peer);
    };
    const amend = (answer: string) => this.amend(answer);
    const session = new Session({ url, servers, key, onTrack, prepare, amend }, () => this.connectionChanged(session));
    this.session = session;
    try {
      await session.open();
    } catch (error) {
      await session.close();
      throw error;
    }
    if (this.stopped) await session.close();
    else this.options.onSession?.(session);
    if (!this.stopped && this.sends) void this.watch(session);
    if (!this.stopped && session.hasNewServers) void this.relay(session);
    return this.stopped ? undefined : session;
  }

  /** Restarts ICE with the servers that the answer named where the connection does not come up without them. */
  private async relay(session: Session): Promise<void> {
    if ((await session.connected(relayAfter)) || session !== this.session || this.stopped) return;
    await session.restart().catch(() => undefined); // what comes of it the connection's own state tells
  }

  /** Asks for the ICE servers, which only those who may use the endpoint are told (RFC 9725 §4.6). */
  private async servers(): Promise<RTCIceServer[]> {
    const { headers } = await request(this.options.url, { method: "OPTIONS", headers: authorization(this.options) });
    return iceServers(headers.get("Link"));
  }

  private setState(state: ConnectionState, error?: unknown): void {
    if (state === this.state && error === undefined) return;
    this.state = state;
    try {
      this.options.onState?.(state, error);
    } catch (thrown) {
      console.error(thrown); // whoever is told must not keep the connection from coming back
    }
  }

  private connectionChanged(session: Session): void {
    if (this.stopped || session !== this.session) return;
    const { connectionState } = session.peer;
    if (session.up) this.setState("connected");
    if (connectionState === "failed" || session.hungUp) void this.mend();
    if (connectionState === "disconnected") {
      this.setState("reconnecting");
      setTimeout(() => session.peer.connectionState === "disconnected" && this.mend(), patience);
    }
  }

  /** Finds out that a server has gone of which nothing comes any more, which ICE would take half a minute to notice, as soon as it can be known. */
  private async watch(session: Session): Promise<void> {
    for (let heard: number | undefined, silent = 0; ; ) {
      await new Promise((done) => setTimeout(done, lookEvery));
      if (this.stopped || session !== this.session || session.peer.connectionState === "closed") return;
      const packets = await session.received().catch(() => undefined);
      if (packets === undefined) return;
      silent = packets === heard || this.mending ? silent + lookEvery : 0;
      heard = packets;
      if (silent < quiet || this.mending) continue;
      const status = await session.status();
      if (status >= 200 && status < 300) silent = 0;
      if (status !== missing || session !== this.session) continue;
      session.forget();
      return this.mend(true);
    }
  }

  /** Brings a lost connection back: an ICE restart first, unless the session is known to have gone, then new sessions with growing pauses between them. */
  private async mend(lost = false): Promise<void> {
    if (this.mending || this.stopped) return;
    this.setState("reconnecting");
    await this.repair(async () => {
      if (lost || !(await this.restart())) await this.reopen();
    });
  }

  /** Does what brings the connection back, once at a time, and looks then whether it has been lost again meanwhile, which nobody says once more. */
  private async repair(work: () => Promise<void>): Promise<void> {
    this.mending = true;
    await work().finally(() => (this.mending = false));
    if (this.session) this.connectionChanged(this.session);
  }

  /** Returns whether there is nothing more to do. */
  private async restart(): Promise<boolean> {
    try {
      await this.session?.restart();
      return (await this.session?.connected(connectTimeout)) ?? false;
    } catch (error) {
      if (error instanceof HttpError && error.status === gone) {
        this.fail(error);
        return true;
      }
      return false; // the session is gone on the server, or it cannot restart: a new one is the answer to both
    }
  }

  private async reopen(): Promise<void> {
    while (!this.stopped) {
      await this.session?.close();
      await this.rest();
      if (this.stopped) return;
      this.pause = this.wait = Math.min(Math.max(this.pause * 2, firstPause), longestPause);
      try {
        const session = await this.open();
        if (await session?.connected(connectTimeout)) return this.settle(session);
      } catch (error) {
        if (error instanceof HttpError && final.has(error.status)) return this.fail(error);
        if (!this.stopped) this.setState("reconnecting", error);
        this.wait = waitAfter(error, this.pause);
      }
    }
  }

  /** Waits before another attempt, no longer than until the browser finds a network again. */
  private rest(): Promise<void> {
    if (this.wait === 0 || this.stopped) return Promise.resolve();
    return new Promise((done) => {
      this.wake = done;
      setTimeout(done, this.wait * (1 + Math.random() / 4)); // many that were cut off together must not come back together
    });
  }

  /** Has the next attempt be a first one once the session has lasted: one that is ended at once, again and again, would be opened as often. */
  private settle(session: Session | undefined): void {
    setTimeout(() => {
      if (session === this.session && session?.up) this.pause = this.wait = 0;
    }, steady);
  }
}

/** Milliseconds to wait after an error: what the server asks for, such as a 409 before anybody publishes, or the pause. */
function waitAfter(error: unknown, pause: number): number {
  const asked = error instanceof HttpError ? error.retryAfter * 1000 : 0;
  return asked > 0 ? Math.min(asked, longestPause) : pause;
}
