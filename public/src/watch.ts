// The watch page: shows what its player does, and what can be chosen.

import { ServerClock } from "./players/clock.ts";
import { setUpControls, showControls } from "./players/controls.ts";
import { playable } from "./players/open.ts";
import { Playback, type State } from "./players/playback.ts";
import type { Protocol } from "./players/player.ts";
import { save, snapshotAddress } from "./players/snapshot.ts";
import { findStream } from "./server/api.ts";
import { describe, type HttpError } from "./server/problem.ts";
import { LivePlot } from "./ui/chart.ts";
import { byId, repeat, setBadge, setNotice, setText } from "./ui/dom.ts";
import { bitrate, lag, size } from "./ui/format.ts";
import { withKey } from "./ui/key.ts";
import { nameFromPath } from "./ui/names.ts";

const name = nameFromPath(location.pathname);
const video = byId<HTMLVideoElement>("video");
const protocol = byId<HTMLSelectElement>("protocol");
const quality = byId<HTMLSelectElement>("quality");
const plot = new LivePlot(byId("latency-chart"), [
  { label: "Latency", color: "--accent", format: lag },
  { label: "Buffer", color: "--second", format: lag },
]);

/** How often the server is asked about the stream, in milliseconds. */
const askPause = 2000;

const clock = new ServerClock();

const watch = new Playback({
  name,
  video,
  clock,
  protocol: () => protocol.value as Protocol,
  fallBack: () => (protocol.value = "hls"),
  onLevels: showLevels,
  onReset: () => plot.clear(),
  onRefused: (error) => void askAgain(error),
});

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
  } catch (failed) {
    refusal = describe(failed);
  }
}

/** Why this viewer may not watch; empty: he may. */
let refusal = "";

/** What each state is called, and what is said over the picture in it; no words, no overlay. */
const words: Record<State, [badge: string, title: string, text: string]> = {
  waiting: ["Waiting", "Waiting for the stream", "It starts here by itself as soon as somebody is live."],
  starting: ["Starting", "Starting", "The first pictures are on their way."],
  buffering: ["Buffering", "Buffering", ""],
  playing: ["Live", "", ""],
  paused: ["Paused", "", ""],
  reconnecting: ["Reconnecting", "Reconnecting", ""],
  interrupted: ["Interrupted", "", ""],
  ended: ["Ended", "The stream has ended", "If it starts again, so does this page."],
  failed: ["Failed", "The stream has failed", ""],
};

/** The same for who may not watch. */
const refusedWords: (typeof words)[State] = ["No access", "You may not watch this", "Reload the page to enter a key, or ask for a link to it."];

/** The state's name for a badge's colour. */
const colour = (state: State) => (state === "playing" ? "live" : state === "waiting" ? "idle" : state);

function showState(): void {
  const state = watch.state();
  const [badge, title, text] = refusal ? refusedWords : words[state];
  setBadge(byId("badge"), refusal ? "failed" : colour(state), badge);
  const overlay = byId("overlay");
  overlay.hidden = title === "";
  overlay.classList.toggle("clear", video.readyState > 1);
  overlay.classList.toggle("still", refusal !== "" || state === "ended" || state === "failed");
  setText(byId("overlay-title"), title);
  byId("snapshot").hidden = ["waiting", "starting", "failed"].includes(state);
  setText(byId("overlay-text"), state === "failed" && !refusal ? watch.stream?.error || text : text);
  byId("away").hidden = state !== "interrupted";
  setNotice(byId("fault"), refusal || watch.fault());
  const encoded = protocol.value !== "webrtc"; // that one is sent as it comes
  setNotice(byId("reduced"), (encoded && watch.stream?.encoder?.reduced) || "");
}

function showStats(): void {
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

function showLevels(): void {
  const levels = watch.player?.levels() ?? [];
  const options = [new Option("Auto", ""), ...levels.map(({ id, label }) => new Option(label, id))];
  const same = options.map(({ text }) => text).join() === [...quality.options].map(({ text }) => text).join();
  if (!same) quality.replaceChildren(...options);
  quality.hidden = levels.length === 0;
}

/** Saves the picture that is seen; over WebRTC, where nobody knows which one that is, the newest. */
async function saveSnapshot(): Promise<void> {
  const seen = watch.player?.estimates ? NaN : clock.now() - watch.stats().latency * 1000;
  await save(snapshotAddress(name, seen)).then(
    () => setNotice(byId("snapshot-fault"), ""),
    (error: unknown) => setNotice(byId("snapshot-fault"), describe(error)),
  );
}

/** Keeps everything on the page going once a second. */
function tick(): void {
  watch.tend();
  showState();
  showLevels();
  showStats();
  showControls(watch);
}

/** Offers what the browser plays; the address may say what to begin with, and says what was chosen. */
function setUpProtocol(): void {
  const can = playable(video);
  for (const option of protocol.options) option.disabled = !can.includes(option.value as Protocol);
  const query = new URLSearchParams(location.search);
  protocol.value = can.find((known) => known === query.get("protocol")) ?? can[0] ?? "hls";
  protocol.addEventListener("change", () => {
    quality.replaceChildren(new Option("Auto", ""));
    const now = new URLSearchParams(location.search); // which may have lost its token
    now.set("protocol", protocol.value);
    history.replaceState(null, "", `?${now}`);
    watch.switch();
  });
}

function setUp(): void {
  document.title = `${name} · Sluice`;
  setText(byId("title"), name);
  setUpProtocol();
  quality.addEventListener("change", () => watch.player?.choose(quality.value));
  for (const type of ["playing", "waiting", "pause", "ended"]) video.addEventListener(type, showState);
  setUpControls(watch);
  const snapshot = byId<HTMLAnchorElement>("snapshot");
  snapshot.href = snapshotAddress(name, NaN);
  snapshot.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the newest, in another tab
    event.preventDefault();
    void saveSnapshot();
  });
  repeat(60000, () => clock.sync());
  repeat(askPause, () => watch.ask());
  repeat(1000, tick);
}

/** For tests and the curious: the library's player object, the element, the page's state and its figures. */
Object.assign(window, {
  sluice: {
    get player() {
      return watch.player?.engine;
    },
    video,
    state: () => watch.state(),
    stats: () => watch.stats(),
  },
});

if (name) setUp();
else {
  setNotice(byId("fault"), "The address names no stream: a name has letters, digits, - and _, at most 64 of them.");
  for (const id of ["badge", "player", "stats"]) byId(id).hidden = true;
}
