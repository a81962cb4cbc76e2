// DASH by dash.js.

import { MediaPlayer, type ErrorEvent, type MediaInfo, type MediaPlayerClass } from "dashjs";
import { bufferAhead } from "./element.ts";
import { levelLabel, type Rung } from "./levels.ts";
import type { Player, PlayerOptions } from "./player.ts";

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
      // A codec that was chosen is chosen for this page, and not for the next one that is opened.
      lastMediaSettingsCachingInfo: { enabled: false },
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
    levels: () => levels(player),
    playing: () => levels(player).find(({ id }) => id === player.getCurrentRepresentationForType("video")?.id)?.label ?? "",
    choose: (id) => choose(player, id),
    latency: () => whenReady(player, () => player.getCurrentLiveLatency()),
    target: () => whenReady(player, () => player.getTargetLiveDelay()),
    edge: () => whenReady(player, () => options.video.currentTime + player.getCurrentLiveLatency() - player.getTargetLiveDelay()),
    buffer: () => bufferAhead(options.video),
    bandwidth: () => whenReady(player, () => player.getAverageThroughput("video") * 1000),
    bitrate: () => whenReady(player, () => player.getCurrentRepresentationForType("video")?.bandwidth ?? NaN),
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

const levels = (player: MediaPlayerClass) => choices(player).map((choice, _, all) => ({ id: choice.id, label: levelLabel(choice, all) }));

/** A rendition, and the track that it is in: one of each codec. */
interface Choice extends Rung {
  id: string;
  track: MediaInfo;
}

function choices(player: MediaPlayerClass): Choice[] {
  if (!player.isReady() || !player.getActiveStream()) return [];
  return player.getTracksFor("video").flatMap(choicesOf).sort((a, b) => b.height - a.height || b.bitrate - a.bitrate);
}

function choicesOf(track: MediaInfo): Choice[] {
  const codec = /codecs="([^"]*)"/.exec(track.codec ?? "")?.[1];
  return track.bitrateList.map(({ id = "", height = 0, bandwidth = 0 }) => ({ id, height, bitrate: bandwidth, codec, track }));
}

/** Plays one rendition, or the best for the network: of the track that the manifest puts first, as dash.js adapts within one. */
function choose(player: MediaPlayerClass, id: string): void {
  const all = choices(player);
  const track = id === "" ? first(all) : all.find((choice) => choice.id === id)?.track;
  player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: id === "" } } } });
  if (track && track.index !== player.getCurrentTrackFor("video")?.index) player.setCurrentTrack(track);
  if (id !== "") player.setRepresentationForTypeById("video", id, true);
}

const first = (all: Choice[]) => all.map(({ track }) => track).sort((a, b) => b.selectionPriority - a.selectionPriority)[0];
