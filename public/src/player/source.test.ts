import assert from "node:assert/strict";
import { test } from "node:test";
import { readSource } from "./source.ts";

const page = "https://other.example/a/page";

const cases: [address: string, base: string, name: string, protocol?: string, token?: string, transformed?: boolean][] = [
  ["https://live.example/watch/demo", "https://live.example", "demo"],
  ["https://live.example:8443/embed/demo?protocol=dash&token=a%2Bb", "https://live.example:8443", "demo", "dash", "a+b"],
  ["https://live.example/media/embed/demo/", "https://live.example/media", "demo"],
  ["https://live.example/live/demo/index.m3u8?token=x", "https://live.example", "demo", "hls", "x"],
  ["https://live.example/live/demo/manifest.mpd", "https://live.example", "demo", "dash"],
  ["https://live.example/live/watch/index.m3u8", "https://live.example", "watch", "hls"],
  ["https://live.example/live/watch/demo", "https://live.example/live", "demo"],
  ["https://live.example/whep/demo", "https://live.example", "demo", "webrtc"],
  ["https://live.example/whep/demo?transformed", "https://live.example", "demo", "webrtc", "", true],
  ["https://live.example/watch/demo?protocol=webrtc&transformed=1", "https://live.example", "demo", "webrtc", "", true],
  ["https://live.example/watch/demo?transformed=0", "https://live.example", "demo"],
  ["https://live.example/watch/demo?protocol=gopher", "https://live.example", "demo"],
  ["/watch/demo", "https://other.example", "demo"],
];

test("addresses of streams are read", () => {
  for (const [address, base, name, protocol, token = "", transformed = false] of cases) {
    assert.deepEqual(readSource(address, page), { base, name, protocol, token, transformed }, address);
  }
});

test("other addresses are none of a stream", () => {
  for (const address of ["", "https://live.example/", "https://live.example/watch/", "https://live.example/watch/-x", "https://live.example/publish", "https://[", "javascript:/watch/demo", "https://live.example/watch/a/b"]) {
    assert.equal(readSource(address, page), undefined, address);
  }
});
