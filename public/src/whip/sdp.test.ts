import assert from "node:assert/strict";
import { test } from "node:test";
import { applyRestart, extensionIn, iceFragment, iceServers, withStartBitrate } from "./sdp.ts";

const lines = (...all: string[]) => `${all.join("\r\n")}\r\n`;

const offer = lines(
  "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=mid:0",
  "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=mid:1",
);

const answer = lines(
  "v=0", "o=- 2 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=ice-ufrag:old", "a=ice-pwd:oldpwd", "a=mid:0",
  "a=candidate:1 1 udp 2130706431 192.0.2.1 8189 typ host", "a=end-of-candidates",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=ice-ufrag:old", "a=ice-pwd:oldpwd", "a=mid:1", "a=rtpmap:96 VP8/90000",
);

test("a fragment tells credentials, the bundle's first section and candidates", () => {
  const candidate = "candidate:1 1 udp 2122260223 192.0.2.2 5000 typ host";
  assert.equal(
    iceFragment(offer, [{ candidate, mid: "0" }], true),
    lines("a=group:BUNDLE 0 1", "a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901",
      "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", `a=${candidate}`, "a=end-of-candidates"),
  );
  assert.doesNotMatch(iceFragment(offer, [], false), /end-of-candidates/);
});

test("a restart replaces credentials and candidates and nothing else", () => {
  const fragment = lines("a=ice-ufrag:new", "a=ice-pwd:newpwd", "m=audio 9 RTP/AVP 0", "a=mid:0", "a=candidate:2 1 udp 1 192.0.2.9 8189 typ host");
  const got = applyRestart(answer, fragment);
  assert.equal(got.match(/a=ice-ufrag:new\r\n/g)?.length, 2);
  assert.equal(got.match(/a=ice-pwd:newpwd\r\n/g)?.length, 2);
  assert.doesNotMatch(got, /old|192\.0\.2\.1 /);
  assert.ok(got.indexOf("192.0.2.9") < got.indexOf("m=video"), "candidates belong to the first section");
  assert.match(got, /a=mid:1\r\na=rtpmap:96 VP8\/90000\r\n$/);
});

test("a restart takes fragments with bare line feeds, and refuses one without credentials", () => {
  assert.match(applyRestart(answer, "a=ice-ufrag:n\na=ice-pwd:p\n"), /a=ice-ufrag:n\r\n/);
  assert.throws(() => applyRestart(answer, "a=ice-ufrag:n\r\n"), /no credentials/);
});

test("the start bit rate goes to the first video payload only", () => {
  const got = withStartBitrate(answer, 1500);
  assert.match(got, /a=rtpmap:96 VP8\/90000\r\na=fmtp:96 x-google-start-bitrate=1500\r\n$/);
  assert.equal(got.replace("a=fmtp:96 x-google-start-bitrate=1500\r\n", ""), answer);
  const h264 = lines("v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rtpmap:96 H264/90000", "a=fmtp:96 packetization-mode=1");
  assert.match(withStartBitrate(h264, 900), /a=fmtp:96 packetization-mode=1;x-google-start-bitrate=900\r\n$/);
  assert.equal(withStartBitrate(got, 700), got.replace("1500", "700"), "what the server has asked for gives way");
});

test("an answer without video stays as it is", () => {
  const audio = lines("v=0", "s=-", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0");
  assert.equal(withStartBitrate(audio, 1500), audio);
});

const links: [name: string, header: string | null, want: RTCIceServer[]][] = [
  ["none", null, []],
  ["another relation", '<https://example.org/>; rel="help"', []],
  [
    "both kinds, a comma in the credential",
    '<stun:a.example:3478>; rel="ice-server", ' +
      '<turn:b.example?transport=udp>; rel="ice-server"; username="u"; credential="p,q"; credential-type="password"',
    [{ urls: "stun:a.example:3478" }, { urls: "turn:b.example?transport=udp", username: "u", credential: "p,q" }],
  ],
  ["TURN without credentials", '<turn:b.example>; rel="ice-server"', []],
];

for (const [name, header, want] of links) test(`ice servers: ${name}`, () => assert.deepEqual(iceServers(header), want));

test("extensions are found among the links", () => {
  const header =
    '<stun:a.example:3478>; rel="ice-server", </whep/cam/1/layer>; rel="urn:ietf:params:whep:ext:core:layer", ' +
    '</whep/cam/1/sse>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,layers"';
  assert.equal(extensionIn(header, "core:layer"), "/whep/cam/1/layer");
  assert.equal(extensionIn(header, "core:server-sent-events"), "/whep/cam/1/sse");
  assert.equal(extensionIn(header, "core:other"), undefined);
  assert.equal(extensionIn(null, "core:layer"), undefined);
});
