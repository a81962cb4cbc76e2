// The watch page: shows what its player does, and what can be chosen.

import type { Playback, State } from "./players/playback.ts";
import { save, snapshotAddress } from "./players/snapshot.ts";
import "./player/sluice-player.ts"; // which defines the element
import type { SluicePlayer } from "./player/sluice-player.ts";
import { findStream } from "./server/api.ts";
import { describe, type HttpError } from "./server/problem.ts";
import { viewerToken } from "./server/token.ts";
import { LivePlot } from "./ui/chart.ts";
import { byId, repeat, setBadge, setNotice, setText } from "./ui/dom.ts";
import { mayClip, openClip, setUpClips } from "./ui/clip.ts";
import { bitrate, lag, size } from "./ui/format.ts";
import { NoKeyError, withKey } from "./ui/key.ts";
import { nameFromPath } from "./ui/names.ts";
import { Talk } from "./whip/talk.ts";

const name = nameFromPath(location.pathname);
const player = byId<SluicePlayer>("player");
const video = byId<HTMLVideoElement>("video");
const plot = new LivePlot(byId("latency-chart"), [
  { label: "Latency", color: "--accent", format: lag },
  { label: "Buffer", color: "--second", format: lag },
]);

let asking = false;

/** Asks for the key that it takes to watch, once. */
async function askAgain(error: HttpError): Promise<void> {
  if (asking) return;
  asking = true;
  const query = new URLSearchParams(location.search);
  if (query.has("token")) {
    query.delete("token"); // it is no good, or not any more
    history.replaceState(null, "", query.size > 0 ? `?${query}` : location.pathname);
  }
  let first: HttpError | undefined = error;
  try {
    await withKey(async () => {
      const refused = first;
      first = undefined;
      if (refused) throw refused;
      await findStream(name);
    });
    refusal = "";
    asking = false;
    await player.ask();
  } catch (failed) {
    asking = failed instanceof NoKeyError; // or the server is away for a moment, and says once more that it refuses
    refusal = asking ? describe(failed) : "";
  }
}

/** Why this viewer may not watch; empty: he may. */
let refusal = "";

/** The state's name for a badge's colour. */
const colours: Partial<Record<State, string>> = { playing: "live", ready: "live", waiting: "idle", refused: "failed" };

function showState(watch: Playback): void {
  const state = watch.state();
  setBadge(byId("badge"), colours[state] ?? state, player.words.badge);
  byId("snapshot").hidden = ["refused", "waiting", "starting", "failed"].includes(state);
  byId("clip").hidden = !clips || byId("snapshot").hidden;
  setNotice(byId("fault"), refusal || watch.fault());
  const encoded = player.protocol !== "webrtc"; // that one is sent as it comes
  setNotice(byId("reduced"), (encoded && watch.stream?.encoder?.reduced) || "");
}

function showStats(watch: Playback): void {
  const stats = watch.stats();
  const estimates = watch.player?.estimates ?? false;
  setText(byId("latency-label"), estimates ? "Latency (estimate)" : "Latency");
  setText(byId("latency"), estimates && stats.latency >= 0 ? `≈ ${lag(stats.latency)}` : lag(stats.latency));
  setText(byId("buffer"), lag(stats.buffer));
  setText(byId("picture"), size(stats.width, stats.height));
  setText(byId("dropped"), stats.decoded > 0 ? `${stats.dropped} of ${stats.decoded}` : "–");
  setText(byId("bandwidth"), bitrate(stats.bandwidth));
  setText(byId("engine"), stats.player || "–");
  if (watch.player) plot.add(stats.latency, stats.buffer);
}

/** Saves the picture that is seen; over WebRTC, where nobody knows which one that is, the newest. */
async function saveSnapshot(): Promise<void> {
  const { playback: watch, clock } = player;
  const seen = !watch || watch.player?.estimates ? NaN : clock.now() - watch.stats().latency * 1000;
  await save(snapshotAddress(name, seen)).then(
    () => setNotice(byId("snapshot-fault"), ""),
    (error: unknown) => setNotice(byId("snapshot-fault"), describe(error)),
  );
}

/** Whether this viewer may make clips. */
let clips = false;

/** Opens the dialog for a clip of what has just been seen; over WebRTC, where nobody knows when that was, up to now. */
function clip(): void {
  const { playback: watch, clock } = player;
  const seen = !watch || watch.player?.estimates ? NaN : clock.now() - watch.stats().latency * 1000;
  const to = Number.isFinite(seen) ? seen : clock.now();
  openClip(name, (seconds) => ({ from: new Date(to - seconds * 1000).toISOString(), to: new Date(to).toISOString() }));
}

/** Keeps everything on the page going once a second. */
function tick(): void {
  const { playback } = player;
  if (!playback) return;
  showState(playback);
  showStats(playback);
}

/** The address says what plays. */
function noteChoice(): void {
  const now = new URLSearchParams(location.search); // which may have lost its token
  now.set("protocol", player.protocol);
  if (player.transformed) now.set("transformed", "1");
  else now.delete("transformed");
  history.replaceState(null, "", `?${now}`);
}

function setUp(): void {
  document.title = `${name} · Sluice`;
  setText(byId("title"), name);
  player.hosting = { token: viewerToken, talk: new Talk("Publisher"), keys: true, faults: true };
  player.addEventListener("statechange", () => player.playback && showState(player.playback));
  player.addEventListener("protocolchange", noteChoice);
  player.addEventListener("transformedchange", noteChoice);
  player.addEventListener("broadcast", () => plot.clear());
  player.addEventListener("refused", (event) => void askAgain((event as CustomEvent<HttpError>).detail));
  player.setAttribute("src", location.href);
  setUpClips();
  byId("clip").addEventListener("click", clip);
  mayClip().then(
    (may) => (clips = may),
    () => undefined, // without an answer it is not offered
  );
  const snapshot = byId<HTMLAnchorElement>("snapshot");
  snapshot.href = snapshotAddress(name, NaN);
  snapshot.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the newest, in another tab
    event.preventDefault();
    void saveSnapshot();
  });
  repeat(1000, tick);
}

/** For tests and the curious: the library's player object, the element, the page's state and its figures. */
Object.assign(window, {
  sluice: {
    get player() {
      return player.playback?.player?.engine;
    },
    video,
    state: () => player.state,
    stats: () => player.playback?.stats(),
  },
});

if (name) setUp();
else {
  setNotice(byId("fault"), "The address names no stream: a name has letters, digits, - and _, at most 64 of them.");
  for (const id of ["badge", "player", "stats"]) byId(id).hidden = true;
}
