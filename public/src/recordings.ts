// The recordings: what there is, played here or downloaded.

import { ServerClock } from "./players/clock.ts";
import { openPlayer } from "./players/open.ts";
import type { Player } from "./players/player.ts";
import { listRecordings, listStreams, recordingPath, type Recording, type Stream } from "./server/api.ts";
import { withToken } from "./server/token.ts";
import { byId, el, repeat, setNotice, setText } from "./ui/dom.ts";
import { bytes, duration, size } from "./ui/format.ts";
import { NoKeyError, withKey } from "./ui/key.ts";
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
  const state = JSON.stringify([recordings, playing]);
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
  const badge = el("span", { className: "badge", "data-state": state }, stateWords[state] ?? state);
  const actions = el("div", { className: "actions" });
  if (recording.duration > 0) {
    const name = `Play ${stream}, ${when}`;
    const play = el("button", { className: "button primary small", type: "button", "aria-label": name }, "Play");
    play.addEventListener("click", () => void open(recording, when));
    actions.append(play);
  }
  if (mp4) actions.append(download(withToken(`${path}video.mp4`), "MP4", `${stream}-${recording.name}.mp4`));
  const sources = recording.sources ?? [];
  sources.forEach((name) => {
    const label = sourceLabel(name, sources);
    actions.append(download(withToken(path + name), label, `${stream}-${recording.name}-${name}`));
  });
  const text = el("div", { className: "recording-text" }, el("strong", {}, when), el("p", { className: "quiet" }, facts(recording)));
  const node = el("div", { className: "recording" }, text, badge, actions);
  if (path === playing) node.setAttribute("aria-current", "true");
  return node;
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
async function open(recording: Recording, when: string): Promise<void> {
  close();
  const path = recordingPath(recording);
  playing = path;
  byId("player").hidden = byId("now-playing").hidden = false;
  setText(byId("now-title"), `${recording.stream} · ${when}`);
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

/** Once no key was given, it is not asked for again. */
let refused = false;

async function refresh(): Promise<void> {
  if (refused) throw new NoKeyError();
  try {
    await withKey(async () => {
      const [recordings, streams] = await Promise.all([listRecordings(), listStreams()]);
      showLive(streams);
      show(recordings);
    });
  } catch (error) {
    refused = error instanceof NoKeyError;
    if (refused) setText(byId("summary"), "");
    throw error;
  }
}

byId("close").addEventListener("click", () => {
  close();
  void guarded(fault, refresh);
});
repeat(pause, () => guarded(fault, refresh));
