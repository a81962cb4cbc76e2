// The page of a room: those who are in it, messages, and who is on air.

import { captureError } from "./publish/capture.ts";
import { setUpEffects } from "./publish/effects.ts";
import { OwnMedia, type Kind } from "./publish/own.ts";
import type { RoomEvent } from "./rooms/events.ts";
import { Meeting } from "./rooms/meeting.ts";
import { note, say } from "./rooms/messages.ts";
import { showRooms } from "./rooms/rooms.ts";
import { Tile } from "./rooms/tile.ts";
import { Views } from "./rooms/views.ts";
import type { Participant, Room } from "./server/api.ts";
import { at } from "./server/base.ts";
import { followPresence } from "./server/presence.ts";
import { describe, request } from "./server/problem.ts";
import { LivePlot } from "./ui/chart.ts";
import { byId, el, repeat, setBadge, setNotice, setText } from "./ui/dom.ts";
import { bitrate, milliseconds } from "./ui/format.ts";
import { storedKey, withKey } from "./ui/key.ts";
import { isStreamName, suggestName } from "./ui/names.ts";

const fault = byId("fault");
const roomInput = byId<HTMLInputElement>("room");
const nameInput = byId<HTMLInputElement>("name");
const stream = byId<HTMLInputElement>("stream");
const whom = byId<HTMLSelectElement>("whom");
const query = new URLSearchParams(location.search);

const here = new Map<string, Participant>();
const tiles = new Map<string, Tile>();
let meeting: Meeting | undefined;
const own = new OwnMedia((kind, track) => meeting?.replace(kind, track));
const others = () => [...tiles].filter(([id]) => id !== meeting?.self).map(([, tile]) => tile);
const views = new Views(() => others().map((tile) => tile.viewed()), (some) => meeting?.view(some));
let plot: LivePlot | undefined;
let air = "";
let entering = false;
let turning = false; // the camera or the microphone on or off

const roomFromPath = () => /\/rooms\/([^/]+)\/?$/.exec(location.pathname)?.[1] ?? "";

async function openOwn(mesh: boolean): Promise<void> {
  const camera = byId<HTMLInputElement>("with-camera").checked;
  try {
    await own.open({ camera, microphone: byId<HTMLInputElement>("with-microphone").checked, mesh });
  } catch (error) {
    setNotice(fault, `${captureError(error, camera ? "camera" : "audio")} Until then the others cannot see or hear you.`);
  }
}

async function enter(): Promise<void> {
  if (entering || meeting) return;
  entering = true;
  byId<HTMLButtonElement>("enter").disabled = true;
  await takeSeat().finally(() => {
    entering = false;
    byId<HTMLButtonElement>("enter").disabled = false;
  });
}

async function takeSeat(): Promise<void> {
  setNotice(fault, "");
  const room = roomInput.value.trim();
  const mesh = byId<HTMLInputElement>("mesh").checked;
  localStorage.setItem("sluice.name", nameInput.value.trim());
  setBadge(byId("badge"), "connecting", "Entering");
  wantRooms(false);
  await openOwn(mesh);
  try {
    await withKey(async () => {
      meeting = new Meeting({
        room, mesh, name: nameInput.value.trim(), key: storedKey, sse: query.get("signal") === "sse", media: own.media,
        sending: () => own.sending(), onEvent: take, onConnected: showConnected, onEnd: ended, onMedia: show,
      });
      await meeting.enter();
    });
  } catch (error) {
    ended(error instanceof Error ? error : new Error(describe(error)));
    return;
  }
  history.replaceState(null, "", at(`/rooms/${room}${mesh ? "?mesh=1" : ""}`));
  if (!stream.value) stream.value = room;
  setMeeting(true);
}

// Without the list one may still enter.
const wantRooms = followPresence(({ rooms }) => showRooms(rooms, choose), () => {});

function setMeeting(on: boolean): void {
  byId("entry").hidden = on;
  byId("rooms-section").hidden = on;
  byId("meeting").hidden = !on;
  byId(on ? "own" : "entry").after(byId("effects-panel"));
  wantRooms(!on);
  setText(byId("room-title"), on ? roomInput.value.trim() : "Rooms");
  if (on) plot ??= new LivePlot(byId("flow-chart"), [
    { label: "Sent", color: "--second", format: bitrate },
    { label: "Received", color: "--accent", format: bitrate },
  ]);
  showOwn();
}

function showConnected(connected: boolean): void {
  setBadge(byId("badge"), connected ? "running" : "interrupted", connected ? "In the room" : "Reconnecting");
}

function ended(error?: Error): void {
  meeting?.close();
  meeting = undefined;
  views.forget();
  own.stop();
  for (const tile of tiles.values()) tile.remove();
  tiles.clear();
  here.clear();
  air = "";
  setBadge(byId("badge"), error ? "failed" : "idle", error ? "Not in a room" : "Left");
  setNotice(fault, error ? describe(error) : "");
  setMeeting(false);
}

/** Follows what happens in the room. */
function take(event: RoomEvent): void {
  switch (event.event) {
    case "authenticated":
      here.clear();
      if (!event.resumed) views.forget();
      for (const p of event.participants ?? []) here.set(p.id, p);
      break;
    case "joined":
    case "updated":
      if (event.participant) here.set(event.participant.id, event.participant);
      if (event.event === "joined") note(`${event.participant?.name} has joined.`);
      break;
    case "left":
      note(`${here.get(event.from ?? "")?.name ?? "Somebody"} has left.`);
      here.delete(event.from ?? "");
      break;
    case "message":
      say(here.get(event.from ?? "")?.name ?? "Somebody", event.text ?? "");
      return;
    case "error":
      setNotice(fault, event.detail ?? "");
      return;
  }
  showPeople();
}

/** Tiles and rows for all who are here. */
function showPeople(): void {
  for (const [id, tile] of tiles) {
    if (here.has(id)) continue;
    tile.remove();
    tiles.delete(id);
  }
  const rows: Node[] = [];
  air = "";
  for (const p of here.values()) {
    tileOf(p).update(p);
    rows.push(row(p));
    air ||= p.onAir ?? "";
  }
  byId("people").replaceChildren(...rows);
  const chosen = whom.value;
  whom.replaceChildren(new Option("Active speaker", ""), ...[...here.values()].map((p) => new Option(p.name, p.id)));
  whom.value = here.has(chosen) ? chosen : "";
  showAir();
  views.look();
}

function tileOf(p: Participant): Tile {
  let tile = tiles.get(p.id);
  if (!tile) {
    tile = new Tile(p.id, { own: p.id === meeting?.self, onLarge: (large) => enlarge(large ? p.id : ""), onSize: views.look });
    tiles.set(p.id, tile);
    byId("tiles").append(tile.root);
    show(p.id, p.id === meeting?.self ? own.media : meeting?.streamOf(p.id));
  }
  return tile;
}

/** Has one tile large, or none. */
function enlarge(id: string): void {
  for (const [other, tile] of tiles) tile.large = other === id;
  if (id) tiles.get(id)?.root.scrollIntoView({ block: "nearest" });
}

/** Shows the media of somebody. */
function show(id: string, of: MediaStream | undefined): void {
  tiles.get(id)?.show(of);
}

function row(p: Participant): HTMLElement {
  const state = [p.onAir && "broadcast", p.speaking && "speaking", p.away && "reconnecting", !p.audio && "no audio", !p.video && "no video"].filter(Boolean).join(", ");
  const item = el("li", {}, el("span", {}, `${p.name}${p.id === meeting?.self ? " (you)" : ""} `, el("span", { className: "quiet" }, state)));
  if (p.id !== meeting?.self) {
    const out = el("button", { className: "button small", type: "button", "aria-label": `Remove ${p.name}` }, "Remove");
    out.onclick = () => void act(`participants/${p.id}`, { method: "DELETE" });
    item.append(out);
  }
  return item;
}

/** Asks the server for something about the room, with a key where it wants one. */
async function act(what: string, init: RequestInit): Promise<void> {
  setNotice(fault, "");
  try {
    await withKey(async () => {
      const key = storedKey();
      await request(at(`/api/v1/rooms/${roomInput.value.trim()}/${what}`), { ...init, headers: key ? { Authorization: `Bearer ${key}` } : {} });
    });
  } catch (error) {
    setNotice(fault, describe(error));
  }
}

function showAir(): void {
  setBadge(byId("air-badge"), air ? "live" : "idle", air || "Off");
  byId("air-off").hidden = byId("air-watch").hidden = !air;
  byId<HTMLAnchorElement>("air-watch").href = at(`/watch/${air}`);
  byId("air").hidden = meeting?.mode === "mesh";
}

/** The buttons for one's own microphone and camera. */
function showOwn(): void {
  for (const [id, kind] of [["microphone", "audio"], ["camera", "video"]] as const) {
    const on = own.has(kind);
    byId(id).setAttribute("aria-pressed", String(on));
    setText(byId(id).querySelector("span") as HTMLElement, `${kind === "audio" ? "Microphone" : "Camera"} ${on ? "on" : "off"}`);
  }
}

/** Turns the microphone or the camera on or off. */
async function toggle(kind: Kind): Promise<void> {
  if (turning) return;
  turning = true;
  const of = meeting;
  await own
    .turn(kind, () => of === meeting) // or left meanwhile
    .catch((error: unknown) => setNotice(fault, captureError(error, kind === "audio" ? "audio" : "camera")))
    .finally(() => (turning = false));
  show(meeting?.self ?? "", own.media);
  showOwn();
}

async function measure(): Promise<void> {
  const now = meeting;
  if (!now) return;
  views.update(); // whatever has not been told of: a window on another screen, an image that has come above
  const flow = await now.measure();
  setText(byId("sent"), bitrate(flow.sent));
  setText(byId("received"), bitrate(flow.received));
  setText(byId("rtt"), milliseconds(flow.rtt));
  setText(byId("transport"), now.transport);
  plot?.add(flow.sent, flow.received);
  for (const [id, tile] of tiles) tile.measure(flow.of.get(id));
}

/** Puts a room into the form. */
function choose(room: Room): void {
  roomInput.value = room.name;
  byId<HTMLInputElement>("mesh").checked = room.mode === "mesh";
  nameInput.focus();
}

roomInput.value = isStreamName(roomFromPath()) ? roomFromPath() : suggestName();
nameInput.value = query.get("name") ?? localStorage.getItem("sluice.name") ?? "";
byId<HTMLInputElement>("mesh").checked = query.get("mesh") === "1";
if (roomFromPath() && !isStreamName(roomFromPath())) setNotice(fault, "This is not a valid room name: use letters, digits, - and _, beginning with a letter or digit.");
byId("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  void enter();
});
byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId<HTMLInputElement>("text");
  if (!text.value.trim()) return;
  meeting?.say(text.value.trim());
  say("You", text.value.trim());
  text.value = "";
});
byId("air-form").addEventListener("submit", (event) => {
  event.preventDefault();
  void act("air", { method: "PUT", body: JSON.stringify({ stream: stream.value.trim(), participant: whom.value }) });
});
byId("air-off").onclick = () => void act("air", { method: "DELETE" });
setUpEffects(() => void own.paint());
byId("microphone").onclick = () => void toggle("audio");
byId("camera").onclick = () => void toggle("video");
byId("leave").onclick = () => {
  meeting?.leave();
  ended();
};
for (const kind of ["resize", "scroll"]) addEventListener(kind, views.look, { passive: true });
for (const kind of ["visibilitychange", "fullscreenchange"]) document.addEventListener(kind, views.look);
addEventListener("pagehide", () => meeting?.leave());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) ended(); // the browser has kept the page, which has left the room
});
repeat(1000, measure);
Object.assign(window, { sluice: { room: () => meeting, here } });
