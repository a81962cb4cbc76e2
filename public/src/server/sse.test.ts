import assert from "node:assert/strict";
import test from "node:test";
import { answered, fake, pass } from "../fakes/fakes.ts";
import { followEvents, splitEvents } from "./sse.ts";

test("whole events are found, and what is left waits for its end", () => {
  assert.deepEqual(splitEvents("retry: 2000\n\nevent: statistics\ndata: [1]\n\ndata: [2]\n\ndata: [3"), { data: ["[1]", "[2]"], rest: "data: [3" });
  assert.deepEqual(splitEvents("data: [3" + "]\n\n"), { data: ["[3]"], rest: "" });
  assert.deepEqual(splitEvents(""), { data: [], rest: "" });
});

test("events go on for as long as they come, and are lost when nothing does", async () => {
  const server = fake();
  let say = (_: string) => {};
  globalThis.fetch = (async (_: string, { signal }: RequestInit) => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        say = (text) => controller.enqueue(new TextEncoder().encode(text));
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
    });
    return new Response(body);
  }) as typeof fetch;
  const heard: string[] = [];
  let end: unknown;
  followEvents("http://server.test/events", "", () => heard.push("begun"), (data) => heard.push(...data), 10000).catch((error: unknown) => (end = error));
  for (let i = 0; i < 5; i++) {
    await pass(8000);
    say(`data: ${i}\n\n`);
    await pass(100);
  }
  assert.deepEqual([heard, end], [["begun", "0", "1", "2", "3", "4"], undefined]);
  await pass(10500);
  assert.match(String(end), /does not answer/);

  globalThis.fetch = server.fetch as typeof fetch;
  server.answers.GET = () => new Promise(() => {});
  end = undefined;
  followEvents("http://server.test/events", "", () => {}, () => {}).catch((error: unknown) => (end = error));
  await pass(16000);
  assert.match(String(end), /does not answer/);
  server.answers.GET = () => answered(403);
  await assert.rejects(followEvents("http://server.test/events", "", () => {}, () => {}), { status: 403 });
});
