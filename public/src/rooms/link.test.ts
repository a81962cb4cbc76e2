import assert from "node:assert/strict";
import { test } from "node:test";
import type { Shape } from "../sending/sending.ts";
import type { RoomEvent } from "./events.ts";
import { Link } from "./link.ts";

/** A sender of what a browser has agreed to. */
class Sender {
  refuses: (all: Shape[]) => boolean = () => false;

  constructor(
    public encodings: Shape[],
    public track: MediaStreamTrack | null,
  ) {}

  getParameters = () => ({ encodings: structuredClone(this.encodings) });

  setParameters = async ({ encodings }: { encodings: Shape[] }) => {
    if (this.refuses(encodings)) throw new Error("no");
    this.encodings = encodings;
  };

  replaceTrack = async (track: MediaStreamTrack | null) => void (this.track = track);
}

/** A connection whose pictures go in the layers that the other side has offered to take. */
class Peer {
  static made: Peer[] = [];
  signalingState = "stable";
  remoteDescription: { sdp: string } | null = null;
  localDescription: { type: string; sdp: string } | null = null;
  senders: Sender[] = [];
  answered: Shape[] | undefined; // what there was when it was answered
  refuses: Sender["refuses"] = () => false;

  constructor() {
    Peer.made.push(this);
  }

  async setRemoteDescription(description: { sdp: string }) {
    this.remoteDescription = description;
  }

  async setLocalDescription() {
    this.localDescription = { type: "answer", sdp: "" };
    this.answered = structuredClone(this.senders.find(({ track }) => track?.kind === "video")?.encodings);
  }

  addTrack(track: MediaStreamTrack) {
    const rids = track.kind === "video" ? (this.remoteDescription?.sdp.split(" ").filter(Boolean) ?? []) : [];
    const sender = new Sender(rids.length ? rids.map((rid) => ({ rid }) as Shape) : [{ active: true } as Shape], track);
    sender.refuses = this.refuses;
    this.senders.push(sender);
    return sender;
  }
}

const track = (kind: string) => ({ kind }) as MediaStreamTrack;
const sending = { codec: "", maxBitrate: 1_000_000, sizes: 3, width: 640, height: 480, redundancy: false };

async function answer(sdp: string, tracks: MediaStreamTrack[], prepare: (peer: Peer) => void = () => {}) {
  Object.assign(globalThis, { RTCPeerConnection: Peer });
  const sent: RoomEvent[] = [];
  const media = { getTracks: () => tracks } as MediaStream;
  const link = new Link({ polite: true, begins: false, iceServers: [], media, sending: () => sending, send: (event) => sent.push(event), onTrack: () => {} });
  const peer = Peer.made.at(-1) as Peer;
  prepare(peer);
  await link.hear({ event: "offer", id: 7, sdp });
  assert.equal(sent.at(-1)?.answers, 7);
  return { link, peer };
}

const brief = (all: Shape[] | undefined) => all?.map(({ rid, active, scaleResolutionDownBy: scale, scalabilityMode: mode }) => [rid, active, scale, mode]);

test("a picture goes in as many layers as it is large enough for, from the answer on", async () => {
  const { peer } = await answer("q h f", [track("audio"), track("video")]);
  assert.deepEqual(brief(peer.answered), [["q", true, 2, "L1T3"], ["h", true, 1, "L1T3"], ["f", false, 1, "L1T3"]]);
});

test("where nobody takes layers the picture is sent as the browser likes", async () => {
  const { peer } = await answer("", [track("video")]);
  assert.deepEqual(peer.answered, [{ active: true }]);
});

test("a browser without temporal layers sends layers, and one that refuses all sends as it likes", async () => {
  const without = await answer("q h f", [track("video")], (peer) => (peer.refuses = (all) => all.some(({ scalabilityMode }) => scalabilityMode)));
  assert.deepEqual(brief(without.peer.answered)?.[0], ["q", true, 2, undefined]);
  const none = await answer("q h f", [track("video")], (peer) => (peer.refuses = () => true));
  assert.deepEqual(none.peer.answered, [{ rid: "q" }, { rid: "h" }, { rid: "f" }]);
});

test("a camera that is turned on later, or is another one, is sent in layers too", async () => {
  const { link, peer } = await answer("q h f", []);
  await link.replace("video", track("video"));
  const [sender] = peer.senders;
  assert.deepEqual(brief(sender?.encodings)?.[1], ["h", true, 1, "L1T3"]);
  await link.replace("video", null);
  Object.assign(sending, { width: 1280, height: 720 });
  await link.replace("video", track("video"));
  assert.deepEqual(brief(sender?.encodings)?.map(([, active]) => active), [true, true, true]);
});
