// HLS by hls.js.

import Hls, { ErrorDetails, ErrorTypes, Events, type ErrorData, type HlsConfig, type LoadPolicy } from "hls.js";
import { Calm } from "./calm.ts";
import { Chase, chasePause } from "./chase.ts";
import { bufferAhead, tryPlay } from "./element.ts";
import { levelLabel, sameCoding, type Rung } from "./levels.ts";
import { watchLoading } from "./loadon.ts";
import type { Player, PlayerOptions } from "./player.ts";

/** Decoder errors that are recovered in place within so many milliseconds before the player is opened anew. */
const recoveries = 2;
const recoveryWindow = 20000;

/** How long a server may be away, while it is started again, before a player gives up: attempts, and the milliseconds between them. */
const attempts = 60;
const attemptPause = 500;

/** The policy, with patience for a server that is away: no answer (status 0) and 5xx. What is not there (4xx) stays as it was. */
function patient({ default: policy }: LoadPolicy): LoadPolicy {
  const errorRetry: typeof policy.errorRetry = {
    maxNumRetry: attempts,
    retryDelayMs: attemptPause,
    maxRetryDelayMs: attemptPause,
    shouldRetry: (_config, count, _timeout, response) => count < attempts && Math.floor((response?.code ?? 0) / 100) !== 4,
  };
  return { default: { ...policy, errorRetry } };
}

function patience(): Partial<HlsConfig> {
  const { manifestLoadPolicy, playlistLoadPolicy, fragLoadPolicy } = Hls.DefaultConfig;
  return {
    manifestLoadPolicy: patient(manifestLoadPolicy),
    playlistLoadPolicy: patient(playlistLoadPolicy),
    fragLoadPolicy: patient(fragLoadPolicy),
  };
}

export function openHls(options: PlayerOptions): Player {
  const hls = new Hls({
    ...patience(),
    lowLatencyMode: true,
    // Its own way to catch up needs a second of buffer left over, so that it stays a second behind: see Chase.
    maxLiveSyncPlaybackRate: 1,
    liveSyncOnStallIncrease: 0.2,
    backBufferLength: 60,
    // Segments are CMAF already, so there is next to nothing to do in a worker.
    enableWorker: false,
  });
  const mediaErrors: number[] = [];
  const calm = new Calm();
  hls.on(Events.ERROR, (_event, data) => {
    if (data.details === ErrorDetails.BUFFER_STALLED_ERROR) calm.stalled(performance.now());
    onError(hls, data, mediaErrors, options);
  });
  hls.on(Events.MANIFEST_PARSED, () => {
    options.onLevels();
    tryPlay(options.video);
  });
  hls.on(Events.LEVELS_UPDATED, options.onLevels);
  const chase = new Chase();
  const { video } = options;
  const loadOn = watchLoading(hls, video);
  const watching = setInterval(() => {
    loadOn(performance.now());
    comeNearer(hls, calm);
    const details = hls.latestLevelDetails;
    const behind = details?.live ? hls.latency - (hls.targetLatency ?? NaN) : NaN;
    video.playbackRate = chase.rate(behind, bufferAhead(video), details?.partTarget ?? 0, options.following?.() ?? true);
  }, chasePause);
  hls.loadSource(options.url);
  hls.attachMedia(options.video);
  return {
    name: "hls.js",
    engine: hls,
    levels: () => levels(hls).reverse(),
    playing: () => levels(hls)[hls.currentLevel]?.label ?? "",
    choose: (id) => choose(hls, id),
    latency: () => (options.clock.now() - (hls.playingDate?.getTime() ?? NaN)) / 1000,
    target: () => hls.targetLatency ?? NaN,
    edge: () => hls.liveSyncPosition ?? NaN,
    buffer: () => bufferAhead(options.video),
    bandwidth: () => hls.bandwidthEstimate,
    bitrate: () => hls.levels[hls.currentLevel]?.bitrate ?? NaN,
    destroy() {
      clearInterval(watching);
      options.video.playbackRate = 1;
      hls.destroy();
    },
  };
}

/** Takes back what stalls have added to the target, which hls.js itself keeps until it is opened anew. */
function comeNearer(hls: Hls, calm: Calm): void {
  const details = hls.latestLevelDetails;
  const target = details?.live ? calm.next(performance.now(), hls.targetLatency ?? NaN, details.partHoldBack || details.holdBack) : undefined;
  if (target !== undefined) hls.targetLatency = target;
}

const rungs = (hls: Hls): Rung[] => hls.levels.map(({ height, bitrate, videoCodec }) => ({ height, bitrate, codec: videoCodec }));

const levels = (hls: Hls) => rungs(hls).map((rung, i, all) => ({ id: String(i), label: levelLabel(rung, all) }));

/** Plays one level, or the best for the network: of the codec that comes first in the playlist, which hls.js would not go back to. */
function choose(hls: Hls, id: string): void {
  const all = rungs(hls);
  const [now, first] = [all[hls.loadLevel], all[hls.firstLevel]];
  if (id === "" && now && first && !sameCoding(now, first)) {
    hls.nextAutoLevel = hls.loadLevel; // it takes no notice of a level that it had chosen itself before
    hls.nextAutoLevel = hls.firstLevel;
  }
  hls.nextLevel = id === "" ? -1 : Number(id);
}

function onError(hls: Hls, data: ErrorData, mediaErrors: number[], options: PlayerOptions): void {
  if (!data.fatal) return;
  const now = performance.now();
  if (data.type === ErrorTypes.MEDIA_ERROR && mediaErrors.filter((at) => now - at < recoveryWindow).length < recoveries) {
    mediaErrors.push(now);
    hls.recoverMediaError();
    return;
  }
  const status = data.response?.code ? ` (status ${data.response.code})` : "";
  options.onFatal(`${data.details}${status}`);
}
