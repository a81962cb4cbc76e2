// The dashboard: the traffic of the server, in both directions of every session.

import { findOrigin, type Room, type Session, type SessionList, type Stream } from "./server/api.ts";
import { at } from "./server/base.ts";
import { followPresence } from "./server/presence.ts";
import { LivePlot } from "./ui/chart.ts";
import { stayConnected } from "./ui/connection.ts";
import { byId, el, setNotice, setText } from "./ui/dom.ts";
import { forwardRows } from "./ui/forwards.ts";
import { isRecorded, recordButton } from "./ui/record.ts";
import { bitrate, bytes, duration, lag, milliseconds, percent, size } from "./ui/format.ts";

const plot = new LivePlot(byId("flow-chart"), [
  { label: "Received", color: "--accent", format: bitrate },
  { label: "Sent over WebRTC", color: "--second", format: bitrate },
  { label: "Slowest viewer’s bandwidth", color: "--live", format: bitrate },
]);

/** Sessions are told of each second: what has been silent for so long is lost, in milliseconds. */
const silence = 20000;

const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);

function show(sessions: Session[]): void {
  const received = sum(sessions.map((s) => s.received.bitrate));
  const sent = sum(sessions.map((s) => s.sent.bitrate));
  setText(byId("received"), bitrate(received));
  setText(byId("sent"), bitrate(sent));
  setText(byId("session-count"), String(sessions.length));
  setText(byId("nacks"), String(sum(sessions.map((s) => s.received.nacks + s.sent.nacks))));
  setText(byId("plis"), String(sum(sessions.map((s) => s.received.plis + s.sent.plis))));
  const estimates = sessions.map((s) => s.bandwidth?.estimate ?? 0).filter((estimate) => estimate > 0);
  plot.add(received, sent, estimates.length ? Math.min(...estimates) : NaN);
  fill("sessions", sessions.map(sessionCells), "No sessions.");
}

function sessionCells(s: Session): string[] {
  const picture = s.media.find((m) => m.kind === "video");
  const share = (lost: number, of: number) => (of ? `${((100 * lost) / of).toFixed(1)} %` : "–");
  const seconds = (Date.now() - Date.parse(s.since)) / 1000;
  return [
    `${s.kind} ${s.name}`.trim(),
    s.address,
    s.state,
    duration(Math.max(0, seconds)),
    s.media.length ? bitrate(s.received.bitrate) : "–",
    picture?.fps ? `${picture.width ? `${size(picture.width, picture.height)}, ` : ""}${Math.round(picture.fps)} fps` : "–",
    s.sent.packets ? bitrate(s.sent.bitrate) + (s.bandwidth?.estimate ? ` of ${bitrate(s.bandwidth.estimate)}` : "") : "–",
    s.sent.packets ? share(s.sent.lost, s.sent.packets) : share(s.received.lost, s.received.packets + s.received.lost),
    milliseconds(s.sent.rtt || s.rtt || NaN),
  ];
}

function streamCells(s: Stream): Cell[] {
  const video = s.publisher?.video;
  const renditions = (s.renditions ?? []).map((r) => r.id).join(", ");
  return [
    s.name,
    s.fault || s.error || s.state,
    { text: recordingText(s), control: recordButton(s.name, isRecorded(s), byId("record-fault")) },
    viewers(s),
    reported(s, () => lag(s.audience.latency || NaN)),
    reported(s, () => percent(s.audience.rebuffering.share)),
    s.publisher ? `${[video?.codec, video && size(video.width ?? 0, video.height ?? 0)].filter(Boolean).join(" ")} ${bitrate(s.publisher.bitrate ?? NaN)}` : "–",
    renditions || "–",
    s.encoder ? `${s.encoder.speed.toFixed(2)} × real time${s.encoder.reduced ? `; ${s.encoder.reduced}` : ""}` : "–",
  ];
}

/** Shows how the targets stand that streams are forwarded to, where there are any. */
function showForwards(streams: Stream[]): void {
  const rows = forwardRows(streams, Date.now());
  byId("forwarding").hidden = rows.length === 0;
  fill("forwards", rows, "No targets.");
}

/** What the recording of a stream takes, or why there is none. */
function recordingText({ recording }: Stream): string {
  if (!recording) return "";
  return recording.state === "recording" ? bytes(recording.bytes) : (recording.error ?? recording.state);
}

/** How many watch, and over which protocols. */
function viewers({ audience }: Stream): string {
  const all: [number, string][] = [[audience.webrtc, "WebRTC"], [audience.hls, "HLS"], [audience.dash, "DASH"]];
  const parts = all.filter(([n]) => n > 0).map(([n, name]) => `${n} ${name}`);
  return parts.length > 1 ? `${audience.viewers} (${parts.join(", ")})` : (parts[0] ?? "0");
}

/** What players tell, where any do. */
const reported = ({ audience }: Stream, text: () => string) => (audience.reporting > 0 ? text() : "–");

/** What a cell of a table has: text, and maybe something to press behind it. */
type Cell = string | { text: string; control: HTMLElement };

function fillCell(cell: HTMLElement, content: Cell): void {
  if (typeof content === "string") return setText(cell, content);
  if (content.control.parentElement !== cell) cell.replaceChildren(el("span", { className: "quiet" }), content.control);
  setText(cell.firstElementChild as HTMLElement, content.text);
}

/** Fills the rows of a table, each with its cells; the first heads its row. */
function fill(id: string, rows: Cell[][], none: string): void {
  const body = byId(id);
  if (rows.length === 0) {
    body.replaceChildren(el("tr", {}, el("td", { colSpan: 9, className: "quiet" }, none)));
    return;
  }
  while (body.childElementCount > rows.length) body.lastElementChild?.remove();
  rows.forEach((cells, i) => {
    let row = body.children[i];
    if (row?.childElementCount !== cells.length) {
      row = el("tr", {}, ...cells.map((_, n) => (n === 0 ? el("th", { scope: "row" }) : el("td"))));
      if (body.children[i]) body.children[i].replaceWith(row);
      else body.append(row);
    }
    cells.forEach((content, n) => fillCell(row.children[n] as HTMLElement, content));
  });
}

function showRooms(rooms: Room[]): void {
  const items = rooms.map((room) => {
    const people = room.participants.map((p) => `${p.name}${p.speaking ? " (speaking)" : ""}`).join(", ");
    return el("li", {}, el("a", { href: at(`/rooms/${room.name}${room.mode === "mesh" ? "?mesh=1" : ""}`) }, room.name), el("span", { className: "quiet" }, `${people}${room.onAir ? ` · broadcast as ${room.onAir}` : ""}`));
  });
  byId("rooms").replaceChildren(...(items.length ? items : [el("li", { className: "quiet" }, "No room is open.")]));
}

followPresence(
  ({ streams, rooms }) => {
    fill("streams", streams.map(streamCells), "No live streams.");
    showForwards(streams);
    showRooms(rooms);
  },
  (text) => setNotice(byId("fault"), text),
);
void stayConnected("/api/v1/sessions/events", (data) => data.slice(-1).forEach((text) => show((JSON.parse(text) as SessionList).sessions)), silence);
findOrigin().then(
  (origin) => setNotice(byId("relay"), origin ? `This is a relay of ${origin}: its streams are shown, and its sessions.` : ""),
  () => undefined, // without an answer nothing is known of it
);
