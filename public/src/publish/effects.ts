// The part of a page that changes the camera's picture in this browser, before it is sent: the controls of pages/effects.html.

import { byId, setNotice, setText } from "../ui/dom.ts";
import { readLogo } from "./logo.ts";
import { isPlain, type Effect, type Look, type Place } from "./look.ts";
import { paintsHidden, paintTrack, type Painted, type Told } from "./painted.ts";

const effect = byId<HTMLSelectElement>("effect");
const text = byId<HTMLInputElement>("overlay-text");
const place = byId<HTMLSelectElement>("overlay-place");
const file = byId<HTMLInputElement>("logo");
const fault = byId("effects-fault");
const loading = byId<HTMLProgressElement>("effect-loading");

/** What each effect does. */
const hints: Record<Effect, string> = {
  "": "The video is sent as the camera gives it.",
  blur: "The whole picture is blurred.",
  monochrome: "Shades of grey.",
  faces: "The contours of up to four faces, found in this browser.",
};

let logo: ImageBitmap | undefined;
let changed: () => void = () => undefined;

/** The track that is painted, and what comes of it; neither while the picture is plain. */
let source: MediaStreamTrack | undefined;
let painted: Painted | undefined;
let sent: MediaStream | undefined; // with the painted track

const look = (): Look => ({ effect: effect.value as Effect, text: text.value.trim(), logo, place: place.value as Place });

/** Whether the picture has something in it that has to be read the right way round. */
export const hasOverlay = () => Boolean(look().text || logo);

/** Calls back when something else than before is to be sent. */
export function setUpEffects(onChange: () => void): void {
  changed = onChange;
  for (const control of [effect, text, place]) control.addEventListener("change", apply);
  file.addEventListener("change", () => takeLogo());
  byId("logo-remove").addEventListener("click", () => {
    clearLogo();
    apply();
    file.focus();
  });
  showHint();
}

/** What to send of a stream: it itself, with no canvas in between, or one with the painted picture. */
export function withEffects(media: MediaStream): MediaStream {
  const own = media.getVideoTracks()[0];
  const track = paintedTrack(own);
  if (!track || track === own) return media;
  if (sent?.getVideoTracks()[0] !== track) sent = new MediaStream([track, ...media.getAudioTracks()]);
  return sent;
}

/** What to send of a camera's track, in the same way. Without a track nothing is painted any more. */
export function paintedTrack(track: MediaStreamTrack | undefined): MediaStreamTrack | undefined {
  if (track && source === track && painted && !isPlain(look())) {
    painted.track.contentHint = track.contentHint;
    return painted.track;
  }
  stopPainting();
  if (track?.readyState !== "live" || isPlain(look())) return track;
  const { painting: paintingUrl = "", finding: findingUrl = "" } = byId("effects").dataset;
  const now: Painted = paintTrack({ track, look: look(), paintingUrl, findingUrl, tell: (told) => now === painted && follow(told) });
  painted = now;
  source = track;
  return now.track;
}

function stopPainting(): void {
  painted?.stop();
  painted = source = sent = undefined;
}

function apply(): void {
  setNotice(fault, "");
  loading.hidden = true;
  showHint();
  painted?.show(look());
  changed();
}

function showHint(found = ""): void {
  const hidden = isPlain(look()) || paintsHidden() ? "" : " Keep this page in front: in this browser few frames are sent while it is hidden.";
  setText(byId("effect-hint"), `${found || hints[effect.value as Effect]}${hidden}`);
}

async function takeLogo(): Promise<void> {
  const chosen = file.files?.[0];
  const read = chosen && (await readLogo(chosen).catch(() => undefined));
  if (chosen !== file.files?.[0]) return; // another one was chosen meanwhile
  if (read) setLogo(read);
  else clearLogo();
  apply();
  if (chosen && !read) setNotice(fault, "This browser cannot read the logo. Choose a PNG, JPEG, WebP or SVG file.");
}

function clearLogo(): void {
  file.value = "";
  setLogo(undefined);
}

function setLogo(now: ImageBitmap | undefined): void {
  const old = logo;
  logo = now;
  painted?.show(look()); // before the old one is freed, which may be in use
  old?.close();
  byId("logo-remove").hidden = !now;
}

function follow(told: Told): void {
  if (told.kind === "loading") {
    loading.hidden = false;
    loading.value = told.step / told.steps;
    showHint(`Loading the face detector: step ${told.step} of ${told.steps} …`);
    return;
  }
  loading.hidden = true;
  if (told.kind === "faces") showHint(told.faces.length > 0 ? `Faces outlined: ${told.faces.length}.` : "No face is found.");
  if (told.kind === "failed") giveUp(`Faces cannot be found: ${told.reason}. The video goes on without their contours.`);
  if (told.kind === "broken") {
    text.value = "";
    clearLogo();
    giveUp(`The effects have failed: ${told.reason}. The video is sent as the camera gives it.`);
  }
}

function giveUp(reason: string): void {
  effect.value = "";
  apply();
  setNotice(fault, reason);
}
