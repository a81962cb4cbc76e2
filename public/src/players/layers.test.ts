import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { answered, fake, pass } from "../fakes/fakes.ts";
import { Layers, levelsOf, rungsOf, type SectionLayers } from "./layers.ts";

const layer = (encodingId: string, width: number, height: number, bitrate: number) => ({ encodingId, width, height, bitrate });
const f = [layer("f", 1280, 720, 1_700_000), layer("f", 1280, 720, 900_000)]; // two temporal layers
const h = layer("h", 640, 360, 600_000);
const q = layer("q", 320, 180, 200_000);

test("each layer of a simulcast is one choice, by its height", () => {
  const known = rungsOf({ layers: [...f, h, q] }, "", new Map());
  assert.deepEqual(levelsOf(known), [{ id: "f", label: "720p" }, { id: "h", label: "360p" }, { id: "q", label: "180p" }]);
});

test("upright pictures are called by their width, those of unknown size by their bit rate", () => {
  assert.equal(levelsOf(rungsOf({ layers: [layer("f", 720, 1280, 1e6), h] }, "", new Map()))[0]?.label, "720p");
  assert.equal(levelsOf(rungsOf({ layers: [{ encodingId: "f", bitrate: 1_700_000 }, h] }, "", new Map()))[0]?.label, "1.7 Mbit/s");
});

test("one encoding, with temporal layers or without a name, is no choice", () => {
  for (const section of [undefined, { layers: [] }, { layers: f }, { layers: [{ bitrate: 1 }, { bitrate: 2 }] }] as (SectionLayers | undefined)[]) {
    assert.deepEqual(levelsOf(rungsOf(section, "", new Map())), []);
  }
});

test("what was chosen stays while it has stopped, and no longer than the simulcast", () => {
  const before = rungsOf({ layers: [...f, h, q] }, "f", new Map());
  const without = rungsOf({ layers: [h, q] }, "f", before);
  assert.deepEqual(levelsOf(without).map(({ label }) => label), ["360p", "180p", "720p"]);
  assert.equal(rungsOf({ layers: [h, q] }, "h", before).size, 2);
  assert.equal(rungsOf({ layers: [] }, "f", without).size, 0);
});

/** The events of a session. */
class Events extends EventTarget {
  static readonly CLOSED = 2;
  static made: Events[] = [];
  readyState = 1;

  constructor() {
    super();
    Events.made.push(this);
  }

  tell(...layers: SectionLayers["layers"]): void {
    this.dispatchEvent(Object.assign(new Event("layers"), { data: JSON.stringify({ 1: { layers } }) }));
  }

  refuse(): void {
    this.readyState = Events.CLOSED;
    this.dispatchEvent(new Event("error"));
  }

  close(): void {
    this.readyState = Events.CLOSED;
  }
}

function begin() {
  const server = fake();
  Object.assign(globalThis, { EventSource: Events });
  mock.method(console, "warn", () => {});
  Events.made = [];
  return { server, layers: new Layers(() => {}), session: { extension: (name: string) => `http://server.test/${name}` } };
}

test("a choice that a new session has not taken is told again once its layer is there, and no more when it is taken", async () => {
  const { server, layers, session } = begin();
  layers.choose("q");
  server.answers.POST = () => answered(422); // it has not heard of layers yet
  layers.follow(session);
  await pass(100);
  Events.made[0]?.tell(h);
  await pass(100);
  assert.equal(server.count("POST"), 1);
  server.answers.POST = () => answered(200);
  for (let i = 0; i < 3; i++) {
    Events.made[0]?.tell(h, q);
    await pass(100);
  }
  assert.equal(server.count("POST"), 2);
});

test("of two choices in quick succession the second is the last that is told", async () => {
  const { server, layers, session } = begin();
  layers.follow(session);
  server.answers.POST = async () => (await new Promise((done) => setTimeout(done, 200)), answered(200));
  for (const id of ["q", "h", "q", "h"]) layers.choose(id);
  await pass(1000);
  assert.equal(server.count("POST"), 2);
});

test("events that the server has refused are asked for again, with growing pauses, and of the newest session alone", async () => {
  const { layers, session } = begin();
  layers.follow(session);
  for (let i = 0; i < 4; i++) {
    Events.made.at(-1)?.refuse();
    await pass(1250 * 2 ** i);
    assert.equal(Events.made.length, i + 2);
  }
  Events.made.at(-1)?.refuse();
  layers.follow(session);
  await pass(60000);
  assert.equal(Events.made.length, 6);
  Events.made.at(-1)?.refuse();
  layers.close();
  await pass(60000);
  assert.equal(Events.made.length, 6);
});
