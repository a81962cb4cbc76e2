// The events of a room (or of the echo), over a WebSocket; over server-sent events and POST where WebSockets do not get through.

import { Pauses } from "../server/pauses.ts";
import { HttpError, problemText, request } from "../server/problem.ts";
import type { RoomEvent } from "./events.ts";

export interface SignallingOptions {
  /** Of the room, such as /rooms/den. */
  path: string;
  /** What is added to addresses, such as mesh=1. */
  query: string;
  name: string;
  key: () => string;
  /** The picture is sent in layers, if the server asks for them. */
  simulcast: boolean;
  /** Goes over server-sent events at once. */
  sse: boolean;
  onEvent: (event: RoomEvent) => void;
  /** The connection is there, or is being made again. */
  onConnected: (connected: boolean) => void;
  /** It is over for good; without an error because somebody wanted that. */
  onEnd: (error?: Error) => void;
}

/** Closes of a WebSocket that are no accident. */
const normal = 1000;
const lost = 1006; // as browsers have it
const replaced = 4000;
const removed = 4002;
const expired = 4003;
const refusal = 4400; // and above: 4000 and an HTTP status
const gone = 410;

/** First and longest pause between two attempts to connect, in milliseconds. */
const firstPause = 300;
const longestPause = 5000;

/** How long a connection may take until the server knows whose it is, in milliseconds. */
const connectLimit = 15000;

/**
 * Whoever has heard nothing for so long asks whether the server is there, and takes the connection for lost when nothing comes then either, in
 * milliseconds: where a phone leaves a network, nobody says so. The server itself says something every 15 s where events are all that it can send.
 */
const askAfter = 20000;
const lostAfter = 40000;

/** Attempts to post an event. */
const attempts = 5;

/** Events that are kept for the next connection. */
const mostUnsent = 200;

/** Attempts with WebSockets that never opened before the other way is taken. */
const patience = 2;

/** A seat in a room, and the connection to it. */
export class Signalling {
  private seat = "";
  private last = 0;
  private socket: WebSocket | undefined;
  private source: EventSource | undefined;
  private sse: boolean;
  private readonly pauses = new Pauses(firstPause, longestPause);
  private watching: ReturnType<typeof setTimeout> | undefined; // whether anything is heard
  private refused = 0; // WebSockets that did not open, while none ever has
  private opened = false;
  private over = false;
  private seated = false; // the connection is there, and the server knows whose it is
  private unsent: string[] = [];
  private posting: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: SignallingOptions) {
    this.sse = options.sse;
  }

  /** Takes a seat; rejects where it is refused. */
  async enter(): Promise<void> {
    await new Promise<void>((done, fail) => {
      this.entered = { done, fail };
      void this.connect();
    });
  }

  private entered: { done: () => void; fail: (error: Error) => void } | undefined;

  /** Sends an event, or keeps it until the connection is there again. */
  send(event: RoomEvent): void {
    const text = JSON.stringify(event);
    if (!this.seated) this.unsent.push(text);
    else if (this.source) this.post(text);
    else this.socket?.send(text);
    if (this.unsent.length > mostUnsent) this.unsent.shift();
  }

  /** How events come. */
  get transport(): string {
    return this.sse ? "SSE" : "WebSocket";
  }

  /** Leaves the room. */
  leave(): void {
    this.over = true;
    clearTimeout(this.watching);
    this.send({ event: "leave" });
    this.socket?.close(normal);
    this.source?.close();
    this.entered?.fail(new Error("The room was left."));
    this.entered = undefined;
  }

  private connect(): Promise<void> | void {
    if (this.over) return;
    return this.sse ? this.listen() : this.dial();
  }

  private address(what: string, extra = ""): string {
    const query = [this.options.query, extra].filter(Boolean).join("&");
    return `${this.options.path}/${what}${query && `?${query}`}`;
  }

  private entry(): RoomEvent & Record<string, unknown> {
    const { name, key, simulcast } = this.options;
    return this.seat ? { event: "authenticate", seat: this.seat, last: this.last } : { event: "authenticate", name, token: key(), simulcast };
  }

  private dial(): void {
    const url = new URL(this.address("ws"), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, "sluice-room");
    this.socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = this.opened = true;
      socket.send(JSON.stringify(this.entry()));
    };
    const end = (code: number, reason: string) => {
      if (socket !== this.socket) return; // it is given up, and its end comes when the network says so
      this.socket = undefined;
      if (!opened && !this.opened && ++this.refused >= patience) this.sse = true;
      this.closed(code, reason);
    };
    const giveUp = () => {
      end(lost, "");
      socket.close();
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.watch(askAfter, () => {
        socket.send(JSON.stringify({ event: "ping" }));
        this.watch(lostAfter - askAfter, giveUp);
      });
      this.hear(JSON.parse(String(data)) as RoomEvent);
    };
    socket.onclose = ({ code, reason }) => end(code, reason);
    this.watch(connectLimit, giveUp);
  }

  /** Does what is to be done when nothing has been heard for so long. */
  private watch(limit: number, task: () => void): void {
    clearTimeout(this.watching);
    this.watching = setTimeout(task, limit);
  }

  private async listen(): Promise<void> {
    try {
      if (!this.seat) {
        const answer = await request(this.address("messages"), { method: "POST", body: JSON.stringify(this.entry()) });
        this.seat = ((await answer.json()) as { seat: string }).seat;
      }
    } catch (error) {
      if (error instanceof HttpError && !this.mayRetry(error.status)) this.end(error);
      else await this.retry();
      return;
    }
    if (this.over) return;
    const source = new EventSource(this.address("events", `seat=${this.seat}${this.last ? `&last=${this.last}` : ""}`));
    this.source = source;
    const giveUp = () => (source.close(), this.lose());
    source.onmessage = ({ data }) => {
      this.watch(lostAfter, giveUp);
      this.hear(JSON.parse(String(data)) as RoomEvent);
    };
    source.onopen = () => this.seated && this.options.onConnected(true);
    source.onerror = () => {
      if (this.over || source !== this.source) return;
      this.options.onConnected(false);
      if (source.readyState === EventSource.CLOSED) this.lose(); // else it comes back by itself
    };
    this.watch(lostAfter, giveUp);
  }

  /** The events have ended, nobody knows why. */
  private lose(): void {
    clearTimeout(this.watching);
    this.source = undefined;
    this.seated = false;
    this.options.onConnected(false);
    void this.probe();
  }

  /** Finds out whether the seat has been given up: an EventSource does not say why it was refused. */
  private async probe(): Promise<void> {
    try {
      await request(this.address("messages", `seat=${this.seat}`), { method: "POST", body: JSON.stringify({ event: "pong" }) });
    } catch (error) {
      if (error instanceof HttpError && error.status === gone) this.forget();
    }
    await this.retry();
  }

  private forget(): void {
    this.seat = "";
    this.last = 0;
  }

  /** Of what a server or a proxy says while it is starting or busy, nothing is final for who has been in already. */
  private mayRetry(status: number): boolean {
    if (status === gone) this.forget();
    return status === 0 || status === gone || (!this.entered && (status === 429 || status >= 500));
  }

  /** One after the other, so that a candidate does not overtake its offer. */
  private post(text: string): void {
    const send = () => request(this.address("messages", `seat=${this.seat}`), { method: "POST", body: text, keepalive: text.length < 60000 });
    this.posting = this.posting.then(async () => {
      const pauses = new Pauses(500, 8000);
      for (let attempt = 0; attempt < (this.over ? 1 : attempts); attempt++) { // who leaves says so once
        try {
          return await send();
        } catch (error) {
          if (error instanceof HttpError && error.status !== 429 && error.status > 0 && error.status < 500) return; // the stream of events tells of it
          await pauses.pass();
        }
      }
    });
  }

  private hear(event: RoomEvent): void {
    if (event.id && event.id <= this.last) return; // that came before
    if (event.id) this.last = event.id;
    switch (event.event) {
      case "ping":
      case "pong":
        return;
      case "authenticated":
        this.seat = event.seat ?? "";
        this.pauses.reset();
        this.seated = true;
        if (!event.resumed) this.unsent = []; // it was meant for another room, so to speak
        for (const text of this.unsent.splice(0)) this.source ? this.post(text) : this.socket?.send(text);
        this.options.onConnected(true);
        this.entered?.done();
        this.entered = undefined;
        break;
      case "error":
        if (this.source && (event.code === normal || (event.code ?? 0) >= replaced)) {
          this.source.close(); // the last event of a seat
          return this.closed(event.code ?? 0, event.detail ?? "");
        }
    }
    this.options.onEvent(event);
  }

  private closed(code: number, reason: string): void {
    clearTimeout(this.watching);
    this.seated = false;
    if (this.over) return;
    this.options.onConnected(false);
    switch (true) {
      case code === normal:
        return this.end();
      case code === replaced:
        return this.end(new Error("This seat was taken over from another tab."));
      case code === removed:
        return this.end(new Error("Somebody has sent you out of the room."));
      case code === expired:
        this.forget(); // enter anew
        break;
      case code >= refusal && this.mayRetry(code - 4000):
        break;
      case code >= refusal:
        return this.end(new HttpError(code - 4000, problemText(code - 4000, "json", JSON.stringify({ detail: reason }))));
    }
    void this.retry();
  }

  private async retry(): Promise<void> {
    await this.pauses.pass();
    await this.connect();
  }

  private end(error?: Error): void {
    this.over = true;
    clearTimeout(this.watching);
    if (this.entered) this.entered.fail(error ?? new Error("The server has closed the room."));
    else this.options.onEnd(error);
    this.entered = undefined;
  }
}
