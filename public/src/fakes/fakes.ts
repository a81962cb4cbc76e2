// What tests have in the place of a browser and a server: peer connections and answers that do as a test says, and a clock that it moves.

import { mock } from "node:test";

/** What never comes. */
export const never = <T>() => new Promise<T>(() => {});

/** Everything that a browser tells the page. */
export const page = new EventTarget();

/** A peer connection, as far as sessions use it. */
export class FakePeer extends EventTarget {
  static made: FakePeer[] = [];
  /** What becomes of one that has been given an answer. */
  static onAnswer: (peer: FakePeer) => void = (peer) => peer.become("connected");

  connectionState = "new";
  signalingState = "stable";
  localDescription: { sdp: string } | null = null;
  remoteDescription: { sdp: string } | null = null;
  readonly dtls = Object.assign(new EventTarget(), { state: "new" });

  constructor() {
    super();
    FakePeer.made.push(this);
  }

  /** Packets that have come, of RTCP too. */
  packets = 0;
  getStats = async () => new Map([["T", { type: "transport", packetsReceived: this.packets }]]);

  getReceivers = () => [{ track: { kind: "video" }, transport: this.dtls }];
  getConfiguration = () => ({});
  setConfiguration() {}
  createOffer = () => (this.connectionState === "closed" ? never() : Promise.resolve({ sdp: this.sdp() }));

  setLocalDescription(): Promise<void> {
    if (this.connectionState === "closed") return never(); // as the specification has it
    this.localDescription = { sdp: this.sdp() };
    this.signalingState = "have-local-offer";
    return Promise.resolve();
  }

  async setRemoteDescription(description: { sdp: string }): Promise<void> {
    if (this.connectionState === "closed") return never();
    this.remoteDescription = description;
    this.signalingState = "stable";
    setTimeout(() => FakePeer.onAnswer(this), 50);
  }

  close(): void {
    this.connectionState = "closed";
    this.dtls.state = "closed";
  }

  become(state: string): void {
    if (this.connectionState === "closed") return;
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }

  /** The server ends the session: the state stays what it was, as in Chromium. */
  hangUp(): void {
    this.dtls.state = "closed";
    this.dtls.dispatchEvent(new Event("statechange"));
  }

  private sdp = () => "v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n";
}

/** A server: its answer to a method, never() for none. It counts what it is asked. */
export class FakeServer {
  asked: string[] = [];
  answers: Record<string, (() => Promise<Response>) | undefined> = {};
  private sessions = 0;

  readonly fetch = (url: string, init: RequestInit = {}): Promise<Response> => {
    const method = init.method ?? "GET";
    this.asked.push(method);
    const answer = (this.answers[method] ?? (() => this.usual(method, url)))();
    const givenUp = new Promise<Response>((_, fail) => init.signal?.addEventListener("abort", () => fail(init.signal?.reason)));
    return Promise.race([answer, givenUp]);
  };

  count = (method: string) => this.asked.filter((asked) => asked === method).length;

  private async usual(method: string, url: string): Promise<Response> {
    if (method !== "POST") return answered(method === "PATCH" ? 404 : 200);
    return answered(201, "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", { Location: `${url}/${++this.sessions}`, ETag: '"1"' });
  }
}

export async function answered(status: number, body: string | null = null, headers: Record<string, string> = {}): Promise<Response> {
  return Object.defineProperty(new Response(body, { status, headers }), "url", { value: "http://server.test/whep/cam" });
}

/** An answer to a restart of ICE. */
export const restarted = () => answered(200, "a=ice-ufrag:v\r\na=ice-pwd:q\r\n", { ETag: '"2"' });

/** Has a test run among fakes. */
export function fake(): FakeServer {
  const server = new FakeServer();
  FakePeer.made = [];
  FakePeer.onAnswer = (peer) => peer.become("connected");
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  Object.assign(globalThis, {
    RTCPeerConnection: FakePeer,
    fetch: server.fetch,
    addEventListener: page.addEventListener.bind(page),
    removeEventListener: page.removeEventListener.bind(page),
  });
  return server;
}

/** Lets milliseconds pass, with all that happens meanwhile. */
export async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    mock.timers.tick(50);
    await new Promise((done) => setImmediate(done));
  }
}
