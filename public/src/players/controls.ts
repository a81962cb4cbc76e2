// The player's buttons and keys.

import { byId, setText } from "../ui/dom.ts";
import { tryPlay } from "./element.ts";

/** What the controls act on. */
export interface ControlTarget {
  following: boolean;
  readonly player: { latency(): number; target(): number } | undefined;
  toEdge(): void;
}

/** Seconds that the arrow keys move, and how far behind its target a player counts as live. */
const leap = 5;
const liveTolerance = 2;

/** Controls hide after so many milliseconds without a move of the pointer. */
const idleAfter = 3000;

const video = byId<HTMLVideoElement>("video");
const root = byId("player");

/** Connects buttons and keys. */
export function setUpControls(target: ControlTarget): void {
  const actions = {
    play: () => togglePlay(target),
    mute: toggleMute,
    unmute: toggleMute,
    edge: () => target.toEdge(),
    fullscreen: toggleFullscreen,
    pip: togglePictureInPicture,
  };
  for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
  const volume = byId<HTMLInputElement>("volume");
  volume.addEventListener("input", () => setVolume(Number(volume.value)));
  video.addEventListener("click", actions.play);
  video.addEventListener("dblclick", toggleFullscreen);
  for (const type of ["play", "pause", "volumechange"]) video.addEventListener(type, () => showControls(target));
  addEventListener("keydown", (event) => onKey(event, target));
  byId("pip").hidden = !hasPictureInPicture();
  hideWhenIdle();
  showControls(target);
}

/** Shows what the video and the player do. */
export function showControls(target: ControlTarget): void {
  const silent = video.muted || video.volume === 0;
  root.classList.toggle("playing", !video.paused);
  root.classList.toggle("silent", silent);
  byId("play").setAttribute("aria-label", video.paused ? "Play" : "Pause");
  byId("mute").setAttribute("aria-label", silent ? "Unmute" : "Mute");
  byId("mute").setAttribute("aria-pressed", String(silent));
  byId("unmute").hidden = !silent || video.paused;
  byId<HTMLInputElement>("volume").value = String(silent ? 0 : video.volume);
  const behind = target.player ? target.player.latency() - target.player.target() : NaN;
  const far = !target.following && behind > liveTolerance;
  byId("edge").classList.toggle("at-edge", target.player !== undefined && !far && !video.paused);
  setText(byId("behind"), far ? `−${Math.round(behind)} s` : "");
}

function togglePlay(target: ControlTarget): void {
  if (video.paused) return tryPlay(video);
  target.following = false;
  video.pause();
}

function toggleMute(): void {
  if (video.volume === 0) video.volume = 1;
  video.muted = !video.muted;
}

function setVolume(volume: number): void {
  video.volume = Math.min(1, Math.max(0, volume));
  video.muted = video.volume === 0;
}

function toggleFullscreen(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else if (root.requestFullscreen) void root.requestFullscreen();
  else (video as { webkitEnterFullscreen?(): void }).webkitEnterFullscreen?.(); // iPhone: only the video itself
}

/** Firefox has a button of its own for that, and no way for a page to ask. */
const hasPictureInPicture = () => document.pictureInPictureEnabled && "requestPictureInPicture" in video;

function togglePictureInPicture(): void {
  if (!hasPictureInPicture()) return;
  if (document.pictureInPictureElement) void document.exitPictureInPicture();
  else video.requestPictureInPicture().catch(() => undefined); // not before there is a picture
}

function leapBy(delta: number, target: ControlTarget): void {
  if (delta < 0) target.following = false;
  video.currentTime = Math.max(0, video.currentTime + delta);
}

function onKey(event: KeyboardEvent, target: ControlTarget): void {
  const on = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || on.closest("input, select, textarea, dialog")) return;
  if (event.key === " " && on.closest("button, a")) return; // it presses what has the focus
  const keys: Record<string, () => void> = {
    " ": () => togglePlay(target),
    k: () => togglePlay(target),
    m: toggleMute,
    f: toggleFullscreen,
    p: togglePictureInPicture,
    l: () => target.toEdge(),
    ArrowLeft: () => leapBy(-leap, target),
    ArrowRight: () => leapBy(leap, target),
    ArrowUp: () => setVolume((video.muted ? 0 : video.volume) + 0.1),
    ArrowDown: () => setVolume((video.muted ? 0 : video.volume) - 0.1),
  };
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function hideWhenIdle(): void {
  let timer = 0;
  const wake = () => {
    root.classList.remove("idle");
    clearTimeout(timer);
    timer = window.setTimeout(() => root.classList.toggle("idle", !video.paused), idleAfter);
  };
  for (const type of ["pointermove", "pointerdown", "keydown", "focusin"]) root.addEventListener(type, wake);
  video.addEventListener("pause", wake);
  wake();
}
