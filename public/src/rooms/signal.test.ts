import assert from "node:assert/strict";
import { test } from "node:test";
import { answered, fake, never, pass } from "../fakes/fakes.ts";
import { Signalling } from "./signal.ts";

/** A WebSocket, whose other side the test is. */
class Socket {
  static made: Socket[] = [];
  sent: string[] = [];
  closed = false;
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number; reason: string }) => void;

  constructor() {
    Socket.made.push(this);
  }

  send(text: string): void {
    this.sent.push((JSON.parse(text) as { event: string }).event);
  }

  /** The network may never say that it is closed. */
  close(): void {
    this.closed = true;
  }

  tell(event: object): void {
    this.onmessage?.({ data: JSON.stringify(event) });
  }

  admit(resumed = false): void {
    this.onopen?.();
    this.tell({ event: "authenticated", seat: "s", resumed });
  }
}

/** Events of a seat. */
class Source {
  static readonly CLOSED = 2;
  static made: Source[] = [];
  readyState = 1;
  onmessage?: (event: { data: string }) => void;
  onerror?: () => void;

  constructor() {
    Source.made.push(this);
  }

  close(): void {
    this.readyState = Source.CLOSED;
  }
}

function begin(sse = false) {
  const server = fake();
  Object.assign(globalThis, { WebSocket: Socket, EventSource: Source, location: { href: "http://server.test/rooms/den" } });
  Socket.made = [];
  Source.made = [];
  const connected: boolean[] = [];
  const ends: unknown[] = [];
  const signalling = new Signalling({
    path: "http://server.test/rooms/den", query: "", name: "Ann", key: () => "", simulcast: true, sse,
    onEvent: () => {}, onConnected: (now) => connected.push(now), onEnd: (error) => ends.push(error),
  });
  const outcome = { entered: false, error: undefined as unknown };
  signalling.enter().then(() => (outcome.entered = true), (error: unknown) => (outcome.error = error));
  return { server, signalling, connected, ends, outcome, socket: () => Socket.made.at(-1) as Socket, source: () => Source.made.at(-1) as Source };
}

test("a server that says nothing when it is dialled is dialled again, and then asked in another way", async () => {
  const { socket, source, outcome } = begin();
  socket().onopen?.();
  await pass(16000);
  assert.ok(Socket.made[0]?.closed);
  assert.equal(Socket.made.length, 2);
  socket().admit();
  await pass(100);
  assert.ok(outcome.entered);

  const blocked = begin();
  blocked.server.answers.POST = () => answered(200, '{"seat": "s"}');
  await pass(35000);
  assert.equal(Socket.made.length, 2);
  assert.ok(source());
  blocked.signalling.leave();
});

test("a connection in which nothing is heard any more is made again, in the same seat", async () => {
  const { socket, connected, signalling } = begin();
  socket().admit();
  const first = socket();
  for (let i = 0; i < 3; i++) {
    await pass(21000);
    first.tell({ event: "pong" });
  }
  assert.deepEqual(first.sent, ["authenticate", "ping", "ping", "ping"]);
  await pass(41000);
  assert.ok(first.closed);
  assert.deepEqual(connected, [true, false]);
  socket().admit(true);
  assert.deepEqual(connected, [true, false, true]);
  first.onclose?.({ code: 1006, reason: "" }); // at last, and nobody cares
  assert.deepEqual(connected, [true, false, true]);
  signalling.leave();
});

test("whatever ends it before one is in, nobody waits for ever", async () => {
  for (const end of [
    ({ signalling }: ReturnType<typeof begin>) => signalling.leave(),
    ({ socket }: ReturnType<typeof begin>) => socket().onclose?.({ code: 1000, reason: "" }),
    ({ socket }: ReturnType<typeof begin>) => socket().onclose?.({ code: 4403, reason: "no" }),
  ]) {
    const entering = begin();
    end(entering);
    await pass(100);
    assert.ok(entering.outcome.error instanceof Error);
    assert.deepEqual(entering.ends, []);
    await pass(30000);
    assert.equal(Socket.made.length, 1);
  }
});

test("events that stop are asked for again, also where the server does not answer meanwhile", async () => {
  const { server, source, signalling, outcome } = begin(true);
  server.answers.POST = () => answered(200, '{"seat": "s"}');
  await pass(1000);
  source().onmessage?.({ data: JSON.stringify({ event: "authenticated", seat: "s" }) });
  await pass(30000);
  assert.ok(outcome.entered);
  source().onmessage?.({ data: JSON.stringify({ event: "ping" }) });
  await pass(39000);
  assert.equal(Source.made.length, 1);
  server.answers.POST = never<Response>;
  await pass(18000);
  assert.equal(Source.made[0]?.readyState, Source.CLOSED);
  assert.equal(Source.made.length, 2);
  signalling.leave();
});
