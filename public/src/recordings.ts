// The recordings: what there is, played here or downloaded.

import { ServerClock } from "./players/clock.ts";
import { openPlayer } from "./players/open.ts";
import type { Player } from "./players/player.ts";
import { clipAddress, deleteClip, listRecordings, listStreams, recordingPath, type Recording, type Stream } from "./server/api.ts";
import { describe } from "./server/problem.ts";
import { withToken } from "./server/token.ts";
import { mayClip, openClip, setUpClips } from "./ui/clip.ts";
import { byId, el, repeat, setNotice, setText } from "./ui/dom.ts";
import { bytes, duration, size } from "./ui/format.ts";
import { NoKeyError, storedKey, withKey } from "./ui/key.ts";
import { guarded } from "./ui/poll.ts";
import { isRecorded, recordButton } from "./ui/record.ts";

const list = byId("list");
const video = byId<HTMLVideoElement>("video");
const fault = byId("fault");

/** How often the list is asked for, in milliseconds. */
const pause = 5000;

const stateWords: Record<string, string> = {
  recording: "Recording",
  finished: "Finished",
  interrupted: "Interrupted",
  failed: "Failed",
};

let player: Player | undefined;
let current: Recording | undefined; // that plays
let clips = false; // may be made and deleted here
let playing = "";
let shown = "";

/** The streams that are live now, each with a button to record it. */
function showLive(streams: Stream[]): void {
  byId("live").hidden = streams.length === 0;
  const rows = streams.map((stream) => {
    const recorded = isRecorded(stream);
    const text = el("div", { className: "recording-text" }, el("strong", {}, stream.name), el("p", { className: "quiet" }, recorded ? "Live, and recorded" : "Live, and not recorded"));
    return { text, button: recordButton(stream.name, recorded, byId("record-fault"), () => void guarded(fault, refresh)) };
  });
  const key = JSON.stringify(streams.map((stream) => [stream.name, isRecorded(stream)]));
  if (byId("live-list").dataset.shown === key) return; // leave the focus alone while nothing changes
  byId("live-list").dataset.shown = key;
  byId("live-list").replaceChildren(...rows.map(({ text, button }) => el("div", { className: "recording" }, text, el("div", { className: "actions" }, button))));
}

function show(recordings: Recording[]): void {
  const state = JSON.stringify([recordings, playing, clips]);
  if (state === shown) return; // leave focus and selection alone while nothing changes
  shown = state;
  const groups = groupBy(recordings, byStream);
  list.replaceChildren(...[...groups].map(([stream, items]) => group(stream, items)));
  byId("empty").hidden = recordings.length > 0;
  const total = recordings.reduce((sum, recording) => sum + recording.bytes, 0);
  const noun = recordings.length === 1 ? "recording" : "recordings";
  setText(byId("summary"), recordings.length === 0 ? "" : `${recordings.length} ${noun}, ${bytes(total)}`);
}

const byStream = ({ stream }: Recording) => stream;

function groupBy<T>(items: T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

function group(stream: string, items: Recording[]): HTMLElement {
  const newest = items.sort((a, b) => b.started.localeCompare(a.started));
  const head = el("div", { className: "section-head" }, el("h2", {}, stream));
  return el("section", { className: "panel group", "aria-label": stream }, head, ...newest.map(row));
}

function row(recording: Recording): HTMLElement {
  const { stream, started, state, mp4 } = recording;
  const path = recordingPath(recording);
  const when = new Date(started).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  const title = recording.clip ? recording.clip.title || "Clip" : when;
  const badge = el("span", { className: "badge", "data-state": state }, recording.clip && state === "finished" ? "Clip" : (stateWords[state] ?? state));
  const actions = el("div", { className: "actions" });
  if (recording.duration > 0) {
    const name = `Play ${stream}, ${title}`;
    const play = el("button", { className: "button primary small", type: "button", "aria-label": name }, "Play");
    play.addEventListener("click", () => void open(recording, title));
    actions.append(play);
  }
  if (mp4) actions.append(download(withToken(`${path}video.mp4`), "MP4", `${stream}-${recording.name}.mp4`));
  const sources = recording.sources ?? [];
  sources.forEach((name) => {
    const label = sourceLabel(name, sources);
    actions.append(download(withToken(path + name), label, `${stream}-${recording.name}-${name}`));
  });
  if (recording.clip && state === "finished") actions.append(...clipActions(recording, title));
  const text = el("div", { className: "recording-text" }, el("strong", {}, title), el("p", { className: "quiet" }, recording.clip ? `${when} · ${facts(recording)}` : facts(recording)));
  const node = el("div", { className: "recording" }, text, badge, actions);
  if (path === playing) node.setAttribute("aria-current", "true");
  return node;
}

/** What is done with a clip: its link is copied, and who may deletes it. */
function clipActions(recording: Recording, title: string): HTMLElement[] {
  const share = el("button", { className: "button small", type: "button", "aria-label": `Copy the link to ${title}` }, "Copy link");
  share.addEventListener("click", () => {
    navigator.clipboard.writeText(clipAddress(recording)).then(
      () => setText(share, "Copied"),
      () => setNotice(fault, `Its link is ${clipAddress(recording)}`), // no clipboard without HTTPS
    );
  });
  if (!clips) return [share];
  const remove = el("button", { className: "button small", type: "button", "aria-label": `Delete ${title}` }, "Delete");
  remove.addEventListener("click", () => {
    if (!confirm(`Delete the clip “${title}”?`)) return;
    if (playing === recordingPath(recording)) close();
    withKey(() => deleteClip(recording, storedKey())).then(refresh, (error: unknown) => {
      if (!(error instanceof NoKeyError)) setNotice(fault, describe(error));
    });
  });
  return [share, remove];
}

/** Of "source-2.ivf" beside other sources "Source 2 IVF". */
function sourceLabel(name: string, sources: string[]): string {
  const [, number = "1", ending = ""] = /^source-(\d+)\.(\w+)$/.exec(name) ?? [];
  const label = sources.every((other) => other.startsWith("source-1.")) ? "Source" : `Source ${number}`;
  const container = { ivf: "IVF", ogg: "Ogg" }[ending];
  return container ? `${label} ${container}` : label;
}

function facts({ duration: length, bytes: total, video: picture, error }: Recording): string {
  const all = [duration(length), bytes(total)];
  if (picture) all.push(size(picture.width, picture.height));
  if (error) all.push(error);
  return all.join(" · ");
}

const download = (href: string, text: string, name: string) =>
  el("a", { className: "button small", href, download: name, "aria-label": `Download ${text}` }, text);

/** Plays a recording on top of the page; a finished one from its start, a running one too. */
async function open(recording: Recording, title: string): Promise<void> {
  close();
  current = recording;
  const path = recordingPath(recording);
  playing = path;
  byId("player").hidden = byId("now-playing").hidden = false;
  setText(byId("now-title"), `${recording.stream} · ${title}`);
  byId("clip").hidden = !clips;
  setNotice(fault, "");
  const opened = await openPlayer("hls", {
    video,
    url: withToken(`${path}index.m3u8`),
    clock: new ServerClock(),
    onLevels: () => undefined,
    onFatal: (reason) => setNotice(fault, `This recording cannot be played: ${reason}.`),
  });
  if (playing !== path) return opened.destroy();
  player = opened;
  byId("player").scrollIntoView({ block: "center" });
  await refresh();
}

function close(): void {
  player?.destroy();
  player = undefined;
  playing = "";
  byId("player").hidden = byId("now-playing").hidden = true;
}

/** What the address of the page names, once: "STREAM/NAME", as the link of a clip has it. */
let linked = new URLSearchParams(location.search).get("play") ?? "";

function playLinked(recordings: Recording[]): void {
  const found = recordings.find(({ stream, name }) => `${stream}/${name}` === linked);
  if (linked && !found) setNotice(fault, "The recording that this link names is not there any more, or not for you.");
  if (!found || found.duration === 0) return; // or it is yet being cut
  linked = "";
  setNotice(fault, "");
  void open(found, found.clip?.title || new Date(found.started).toLocaleString());
}

/** Opens the dialog for a clip of what has just been shown of the recording. */
function clip(): void {
  if (!current) return;
  const { stream, name } = current;
  const end = Math.max(1, video.currentTime);
  openClip(stream, (seconds) => ({ recording: name, start: Math.max(0, end - seconds), end }));
}

/** Once no key was given, it is not asked for again. */
let refused = false;

async function refresh(): Promise<void> {
  if (refused) throw new NoKeyError();
  try {
    await withKey(async () => {
      const [recordings, streams] = await Promise.all([listRecordings(), listStreams()]);
      showLive(streams);
      show(recordings);
      playLinked(recordings);
    });
  } catch (error) {
    refused = error instanceof NoKeyError;
    if (refused) setText(byId("summary"), "");
    throw error;
  }
}

setUpClips();
byId("clip").addEventListener("click", clip);
mayClip().then(
  (may) => (clips = may),
  () => undefined, // without an answer it is not offered
);
byId("close").addEventListener("click", () => {
  close();
  void guarded(fault, refresh);
});
repeat(pause, () => guarded(fault, refresh));
