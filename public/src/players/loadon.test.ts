import type Hls from "hls.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { watchLoading } from "./loadon.ts";

interface Part {
  end: number;
  loaded: boolean;
  gap: boolean;
  fragment: { end: number };
}

/** What hls.js has of a medium: the end of its buffer, that of its playlist, what it does, and parts. */
interface Has {
  end: number;
  edge: number;
  state?: string;
  parts?: Part[];
}

/** Looks for a while at hls.js, whose playing position is 9; returns what it was told. */
function look(main: Has, audio?: Has): string[] {
  const told: string[] = [];
  const details = ({ edge, parts = [] }: Has) => ({ live: true, edge, fragments: [], partList: parts });
  const info = ({ end }: Has) => ({ end, len: end - 9 });
  const frag = (type: string) => ({ type, stats: {} });
  const hls = {
    media: {},
    on() {},
    trigger: (event: string, { frag: { type } }: { frag: { type: string } }) => told.push(`${event} ${type}`),
    latestLevelDetails: details(main),
    mainForwardBufferInfo: info(main),
    audioTracks: audio ? [{ details: details(audio) }] : [],
    audioTrack: audio ? 0 : -1,
    audioForwardBufferInfo: info(audio ?? main),
    inFlightFragments: {
      main: { frag: frag("main"), state: main.state ?? "IDLE" },
      audio: { frag: audio ? frag("audio") : null, state: audio?.state ?? "IDLE" },
    },
  };
  const watch = watchLoading(hls as unknown as Hls, { paused: false } as HTMLVideoElement);
  for (const now of [0, 200, 400]) watch(now);
  return told;
}

const [pictures, sound] = ["hlsFragLoadEmergencyAborted main", "hlsFragBuffered audio"];

const cases: [name: string, main: Has, audio: Has | undefined, told: string[]][] = [
  ["has all", { end: 11, edge: 11 }, { end: 11, edge: 11 }, []],
  ["forgets pictures", { end: 10, edge: 11 }, { end: 11, edge: 11 }, [pictures]],
  ["forgets sound", { end: 11, edge: 11 }, { end: 10, edge: 11, state: "PARSED" }, [sound]],
  ["forgets both", { end: 10, edge: 11 }, { end: 10, edge: 11 }, [pictures, sound]],
  ["has sound wait for pictures", { end: 10, edge: 11 }, { end: 10, edge: 11, state: "PARSED" }, [pictures]],
  ["cannot place the sound yet", { end: 11, edge: 11 }, { end: 10, edge: 11, state: "WAITING_INIT_PTS" }, []],
  ["loads sound", { end: 11, edge: 11 }, { end: 10, edge: 11, state: "FRAG_LOADING" }, []],
  ["knows no more sound", { end: 11, edge: 11 }, { end: 10, edge: 10 }, []],
  ["forgets what has no sound", { end: 10, edge: 11 }, undefined, [pictures]],
  ["has all of what has no sound", { end: 11, edge: 11 }, undefined, []],
];

for (const [name, main, audio, told] of cases) {
  test(`load on: hls.js ${name}`, () => assert.deepEqual(look(main, audio), told));
}

test("load on: parts left out of the segment that the buffer ends with are no longer waited for", () => {
  const part = (end: number, loaded: boolean, segment: number) => ({ end, loaded, gap: false, fragment: { end: segment } });
  const parts = [part(9.2, false, 10.000002), part(10.000002, true, 10.000002), part(10.2, false, 11)];
  look({ end: 11, edge: 11 }, { end: 10, edge: 11, parts });
  assert.deepEqual(parts.map(({ gap }) => gap), [true, false, false]);
});
