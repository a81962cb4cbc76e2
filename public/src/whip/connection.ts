// What WHIP and WHEP clients share: a session that is kept up, by an ICE restart first and by new sessions after that.

import { HttpError, request } from "../server/problem.ts";
import { sleep } from "../ui/dom.ts";
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

/** How long a viewer tries without the TURN servers that it has been told of, in milliseconds. */
const relayAfter = 2000;

/** First and longest pause between attempts to start a new session, in milliseconds. */
const firstPause = 500;
const longestPause = 10000;

/** Answers that do not get better by trying again. */
const final = new Set([400, 401, 403, 405, 413, 415, 422]);

/** The answer to who has been taken over from: coming back would be taking over in turn. */
const takenOver = 410;

/** One connection. Use an object once: start or persist, then stop. */
export abstract class Connection {
  protected session: Session | undefined;
  private state: ConnectionState = "closed";
  private stopped = false;
  private mending = false;

  constructor(private readonly options: ConnectionOptions) {}

  /** Adds to a new session's connection what is sent and received. */
  protected abstract prepare(peer: RTCPeerConnection): void;

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
    await this.open();
  }

  /** Connects as start does, and goes on trying until that succeeds, is refused for good, or stop is called. */
  async persist(): Promise<void> {
    this.setState("connecting");
    this.mending = true;
    await this.reopen();
    this.mending = false;
  }

  /** Ends the session here and on the server. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.options.talk?.close();
    await this.session?.close();
    this.setState("closed");
  }

  private async open(): Promise<void> {
    const servers = await this.servers();
    if (this.stopped) return;
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
    if (!this.stopped && session.hasNewServers) void this.relay(session);
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
    this.options.onState?.(state, error);
  }

  private connectionChanged(session: Session): void {
    if (this.stopped || session !== this.session) return;
    const { connectionState } = session.peer;
    if (connectionState === "connected" && !session.hungUp) this.setState("connected");
    if (connectionState === "failed" || session.hungUp) void this.mend();
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

  /** Returns whether there is nothing more to do. */
  private async restart(): Promise<boolean> {
    try {
      await this.session?.restart();
      return (await this.session?.connected(connectTimeout)) ?? false;
    } catch (error) {
      if (error instanceof HttpError && error.status === takenOver) {
        this.setState("failed", error);
        return true;
      }
      return false; // the session is gone on the server, or it cannot restart: a new one is the answer to both
    }
  }

  private async reopen(): Promise<void> {
    for (let pause = firstPause; !this.stopped; pause = Math.min(pause * 2, longestPause)) {
      await this.session?.close();
      let wait = pause;
      try {
        await this.open();
        if (await this.session?.connected(connectTimeout)) return;
      } catch (error) {
        if (error instanceof HttpError && final.has(error.status)) return this.setState("failed", error);
        if (!this.stopped) this.setState("reconnecting", error);
        wait = waitAfter(error, pause);
      }
      await sleep(wait * (1 + Math.random() / 4)); // many that were cut off together must not come back together
    }
  }
}

/** Milliseconds to wait after an error: what the server asks for, such as a 409 before anybody publishes, or the pause. */
function waitAfter(error: unknown, pause: number): number {
  const asked = error instanceof HttpError ? error.retryAfter * 1000 : 0;
  return asked > 0 ? Math.min(asked, longestPause) : pause;
}
