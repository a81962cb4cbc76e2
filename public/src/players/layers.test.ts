import assert from "node:assert/strict";
import { test } from "node:test";
import { levelsOf, rungsOf, type SectionLayers } from "./layers.ts";

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
