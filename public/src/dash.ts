// DASH by dash.js.

import { MediaPlayer, type ErrorEvent, type MediaPlayerClass, type Representation } from "dashjs";
import { bufferAhead, levelLabel, type Player, type PlayerOptions } from "./player.ts";

/**
 * Errors of single downloads: dash.js goes on behind them, and the page watches that playback does. 27: media
 * segment, 28: init segment, 26: segment index, 30: clock synchronisation.
 */
const passing = new Set([26, 27, 28, 30]);

export function openDash(options: PlayerOptions): Player {
  const player = MediaPlayer().create();
  player.updateSettings({
    debug: { logLevel: 1 },
    streaming: {
      buffer: { bufferToKeep: 60 },
      // A server that is started again is waited for, half a minute: dash.js divides the interval by 10 and multiplies the
      // attempts by 5 while it plays with low latency.
      retryIntervals: { MPD: 5000 },
      retryAttempts: { MPD: 12 },
      text: { defaultEnabled: false },
    },
  });
  const events = MediaPlayer.events;
  player.on(events.ERROR, (event: ErrorEvent) => onError(event, options));
  player.on(events.STREAM_INITIALIZED, options.onLevels);
  // It must itself start playback: it refreshes the MPD only once it has seen a play event.
  player.initialize(options.video, options.url, true);
  return {
    name: "dash.js",
    engine: player,
    levels: () => levels(player).map((level) => ({ id: level.id, label: labelOf(level, levels(player)) })),
    choose: (id) => choose(player, id),
    latency: () => whenReady(player, () => player.getCurrentLiveLatency()),
    target: () => whenReady(player, () => player.getTargetLiveDelay()),
    edge: () => whenReady(player, () => options.video.currentTime + player.getCurrentLiveLatency() - player.getTargetLiveDelay()),
    buffer: () => bufferAhead(options.video),
    bandwidth: () => whenReady(player, () => player.getAverageThroughput("video") * 1000),
    destroy: () => player.destroy(),
  };
}

function onError({ error }: ErrorEvent, options: PlayerOptions): void {
  const { code, message } = typeof error === "string" ? { code: 0, message: error } : error;
  if (!passing.has(Number(code))) options.onFatal(message || `error ${code}`);
}

/** dash.js throws when asked before the first period is there. */
function whenReady(player: MediaPlayerClass, ask: () => number): number {
  return player.isReady() && player.getActiveStream() ? ask() : NaN;
}

function levels(player: MediaPlayerClass): Representation[] {
  if (!player.isReady() || !player.getActiveStream()) return [];
  return [...player.getRepresentationsByType("video")].sort((a, b) => b.bandwidth - a.bandwidth);
}

const labelOf = (level: Representation, all: Representation[]) => levelLabel({ height: level.height, bitrate: level.bandwidth }, all);

function choose(player: MediaPlayerClass, id: string): void {
  player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: id === "" } } } });
  if (id !== "") player.setRepresentationForTypeById("video", id, true);
}
