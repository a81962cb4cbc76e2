import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection, type ConnectionState } from "./connection.ts";
import { answered, fake, FakePeer, never, page, pass, restarted, type FakeServer } from "../fakes/fakes.ts";

class Client extends Connection {
  states: ConnectionState[] = [];
  errors: unknown[] = [];

  constructor() {
    super({
      url: "http://server.test/whep/cam",
      onState: (state, error) => {
        this.states.push(state);
        this.errors.push(error);
      },
    });
  }

  get now() {
    return this.states.at(-1);
  }

  protected override prepare(): void {}
}

const newest = () => FakePeer.made.at(-1) as FakePeer;
const isUp = () => newest().connectionState === "connected" && newest().dtls.state !== "closed";

/** A client whose session has lasted, among fakes. */
async function connected(): Promise<{ server: FakeServer; client: Client; first: FakePeer }> {
  const server = fake();
  const client = new Client();
  void client.persist();
  await pass(15000);
  assert.equal(client.now, "connected");
  return { server, client, first: newest() };
}

async function end(client: Client): Promise<void> {
  const stopped = client.stop();
  await pass(3000); // for a DELETE that is not answered
  await stopped;
}

/** Looks whether it has come back with another connection than the first. */
async function comesBack(client: Client, first: FakePeer, within: number): Promise<void> {
  await pass(within);
  assert.notEqual(newest(), first);
  assert.ok(isUp(), `${newest().connectionState}, ${newest().dtls.state}`);
  assert.equal(client.now, "connected");
  await end(client);
}

test("a session that the server has ended is followed by another one at once", async () => {
  const { client, first } = await connected();
  first.hangUp();
  await comesBack(client, first, 200);
  assert.deepEqual(client.states, ["connecting", "connected", "reconnecting", "connected", "closed"]);
});

test("a restart that was answered is of no use where the server has hung up, though the browser calls that connected", async () => {
  const { server, client, first } = await connected();
  server.answers.PATCH = restarted;
  first.hangUp();
  await comesBack(client, first, 300);
});

test("a session that ends as soon as it is there is no end of mending", async () => {
  const { client, first } = await connected();
  let ended = 0;
  FakePeer.onAnswer = (peer) => {
    if (ended++ < 3) peer.dtls.state = "closed"; // before anybody is told of the connection
    peer.become("connected");
    if (ended <= 3) peer.hangUp();
  };
  first.hangUp();
  await comesBack(client, first, 10000);
  assert.equal(ended, 4);
});

test("a session that ends while it is mended, at any moment, is mended again", async () => {
  for (let moment = 0; moment <= 400; moment += 50) {
    const { server, client, first } = await connected();
    for (const method of ["PATCH", "DELETE", "OPTIONS"]) server.answers[method] = async () => (await slow(60), answered(method === "PATCH" ? 404 : 200));
    first.hangUp();
    await pass(moment);
    newest().hangUp();
    await comesBack(client, first, 5000);
  }
});

const slow = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

for (const method of ["OPTIONS", "POST", "PATCH", "DELETE"]) {
  test(`a server that does not answer ${method} is asked again, and a restart is given up`, async () => {
    const { server, client, first } = await connected();
    server.answers[method] = never<Response>;
    first.hangUp();
    await pass(4000);
    server.answers[method] = undefined;
    await comesBack(client, first, 20000);
  });
}

test("a body that does not come is not waited for either", async () => {
  const { server, client, first } = await connected();
  let limit: AbortSignal | null | undefined;
  const { fetch } = server;
  globalThis.fetch = ((url: string, init: RequestInit) => ((limit = init.signal), fetch(url, init))) as typeof globalThis.fetch;
  server.answers.POST = async () => {
    const body = () => new Promise<string>((_, fail) => limit?.addEventListener("abort", () => fail(limit?.reason)));
    return Object.assign(await answered(201, "", { Location: "http://server.test/whep/cam/x" }), { text: body });
  };
  first.hangUp();
  await pass(1000);
  server.answers.POST = undefined;
  await comesBack(client, first, 20000);
});

test("a browser that never says that a description is applied is not waited for", async () => {
  const { client, first } = await connected();
  const apply = FakePeer.prototype.setRemoteDescription;
  FakePeer.prototype.setRemoteDescription = never;
  first.hangUp();
  await pass(1000);
  FakePeer.prototype.setRemoteDescription = apply;
  await comesBack(client, first, 25000);
});

test("a restart that is under way when the session is closed is given up", async () => {
  const { server, client, first } = await connected();
  server.answers.PATCH = async () => (await slow(100), restarted());
  first.become("failed");
  await pass(50);
  await (client as unknown as { session: { close(): Promise<void> } }).session.close();
  await comesBack(client, first, 1000);
});

test("sessions that end as soon as they are there are opened with growing pauses", async () => {
  const { server, client, first } = await connected();
  FakePeer.onAnswer = (peer) => {
    peer.become("connected");
    peer.hangUp();
  };
  const before = server.count("POST");
  first.hangUp();
  await pass(60000);
  const opened = server.count("POST") - before;
  assert.ok(opened >= 5 && opened <= 12, `${opened} sessions in a minute`);
  FakePeer.onAnswer = (peer) => peer.become("connected");
  await comesBack(client, first, 15000);
});

test("what a listener throws does not keep it from coming back", async () => {
  const { client, first } = await connected();
  const heard = client.states.push;
  const { error } = console;
  console.error = () => {};
  client.states.push = () => {
    throw new Error("a listener's own");
  };
  first.hangUp();
  await pass(300);
  console.error = error;
  client.states.push = heard;
  newest().become("connected");
  assert.ok(newest() !== first && isUp());
  await end(client);
});

test("what is refused for good is the end, and nothing is asked any more", async () => {
  for (const [method, status] of [["PATCH", 410], ["POST", 403]] as const) {
    const { server, client, first } = await connected();
    server.answers[method] = () => answered(status);
    first.hangUp();
    await pass(1000);
    assert.equal(client.now, "failed");
    const asked = server.asked.length;
    page.dispatchEvent(new Event("online"));
    newest().become("failed");
    await pass(30000);
    assert.equal(server.asked.length, asked);
    await end(client);
  }
});

test("a first connection that does not come up is mended", async () => {
  const server = fake();
  const client = new Client();
  FakePeer.onAnswer = () => {};
  await client.start();
  const first = newest();
  await pass(15000);
  assert.equal(newest(), first);
  FakePeer.onAnswer = (peer) => peer.become("connected");
  await comesBack(client, first, 10000);
  assert.equal(server.count("POST"), 2);
});

test("a first attempt that was refused is left alone", async () => {
  const server = fake();
  const client = new Client();
  server.answers.POST = () => answered(401);
  await assert.rejects(client.start());
  const asked = server.asked.length;
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await pass(30000);
  assert.equal(server.asked.length, asked);
});

test("a network that is there again, or a page that is shown again, is no reason to wait", async () => {
  const { server, client, first } = await connected();
  server.answers.OPTIONS = () => answered(503);
  first.hangUp();
  await pass(30000);
  server.answers.OPTIONS = undefined;
  page.dispatchEvent(new Event("online"));
  await pass(200);
  assert.equal(client.now, "connected");
  await pass(15000);
  const second = newest();
  page.dispatchEvent(new Event("pagehide"));
  await pass(100);
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await comesBack(client, second, 300);
});

test("the end is the end, also while it waits", async () => {
  const { server, client, first } = await connected();
  server.answers.OPTIONS = () => answered(503);
  first.hangUp();
  await pass(5000);
  await end(client);
  const asked = server.asked.length;
  await pass(30000);
  assert.equal(server.asked.length, asked);
  assert.equal(client.now, "closed");
});

/** A client that sends, of which the server is heard while hearing is true. */
class Sender extends Client {
  protected override get sends(): boolean {
    return true;
  }
}

async function sending(): Promise<{ server: FakeServer; client: Client; first: FakePeer; hear: (ms: number) => Promise<void> }> {
  const server = fake();
  const client = new Sender();
  void client.persist();
  await pass(1000);
  const first = newest();
  const hear = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 250) {
      newest().packets++;
      await pass(250);
    }
  };
  await hear(15000);
  return { server, client, first, hear };
}

test("a server of which nothing comes, and that knows the session no more, is left at once for another session", async () => {
  const { server, client, first, hear } = await sending();
  assert.equal(newest(), first);
  assert.equal(server.count("HEAD"), 0);
  server.answers.HEAD = () => answered(503);
  await pass(3000);
  assert.equal(newest(), first, "it may come back");
  server.answers.HEAD = () => answered(404);
  const deleted = server.count("DELETE");
  await pass(1000);
  assert.notEqual(newest(), first);
  assert.equal(server.count("DELETE"), deleted, "of what is not there");
  assert.equal(server.count("PATCH"), 0);
  await hear(3000);
  assert.equal(client.now, "connected");
  await end(client);
});

test("a server that has the session goes on with it, however quiet it is", async () => {
  const { server, client, first } = await sending();
  await pass(10000);
  assert.equal(newest(), first);
  assert.ok(server.count("HEAD") >= 2 && server.count("HEAD") <= 6, `${server.count("HEAD")}`);
  await end(client);
});
