// Makes hls.js load on where it has forgotten to: after one of twenty faults of the stream, hls.js 1.7 loaded no more of the pictures,
// and more rarely of the sound, until its buffer was empty; the other waited for it.

import { Events, type default as Hls } from "hls.js";
import { Loading } from "./loading.ts";

/** What hls.js loads by itself: main is the pictures, or the sound where there is nothing else; audio is sound that goes with pictures. */
type Medium = "main" | "audio";

/** Seconds by which the times of buffer and playlist may differ. */
const rounding = 1e-4;

/** Watches what hls.js loads; what it returns is to be called every now and then, and makes hls.js load on if need be. */
export function watchLoading(hls: Hls, video: HTMLVideoElement): (now: number) => void {
  const looks = (["main", "audio"] as const).map((medium) => watch(hls, video, medium));
  return (now) => looks.forEach((look) => look(now));
}

function watch(hls: Hls, video: HTMLVideoElement, medium: Medium): (now: number) => void {
  const loading = new Loading();
  let loaded = false;
  hls.on(Events.FRAG_LOADED, (_event, { frag }) => (loaded ||= frag.type === medium));
  return (now) => {
    const busy = loaded || isLoading(hls, medium) || video.paused;
    loaded = false;
    const part = listed(hls, medium)?.partTarget ?? 0;
    if (loading.stuck(now, listedAhead(hls, medium), buffered(hls, medium)?.len ?? NaN, part, busy)) loadOn(hls, medium);
  };
}

/**
 * What hls.js does when it is about to load, has given up to, or has sound that cannot be placed before pictures have come; else it waits
 * for the playlist, or for what it has buffered.
 */
const loadingStates = new Set(["KEY_LOADING", "FRAG_LOADING", "FRAG_LOADING_WAITING_RETRY", "WAITING_INIT_PTS", "STOPPED", "ENDED", "ERROR"]);

const state = (hls: Hls, medium: Medium) => hls.inFlightFragments[medium]?.state ?? "STOPPED";

/** Whether hls.js loads, or does not mean to. Else it should be waiting for the next part. */
const isLoading = (hls: Hls, medium: Medium) => loadingStates.has(state(hls, medium));

/** Whether hls.js has sound that it may not put into the buffer before the pictures that it goes with. */
const isAppendingSound = (hls: Hls, medium: Medium) => medium === "audio" && ["PARSING", "PARSED"].includes(state(hls, medium));

/** What waits to be played of a medium, as hls.js counts it. */
const buffered = (hls: Hls, medium: Medium) => (medium === "main" ? hls.mainForwardBufferInfo : hls.audioForwardBufferInfo);

/** What the playlist lists; there is none of sound that comes with the pictures, or alone. */
const listed = (hls: Hls, medium: Medium) => (medium === "main" ? hls.latestLevelDetails : hls.audioTracks[hls.audioTrack]?.details);

/** Seconds of media that the playlist lists beyond the buffer, and that can come; NaN when some of them are a gap, or nothing is known. */
function listedAhead(hls: Hls, medium: Medium): number {
  const [details, end, pictures] = [listed(hls, medium), buffered(hls, medium)?.end, buffered(hls, "main")?.end];
  if (!details?.live || !hls.media || end === undefined || pictures === undefined) return NaN;
  const pieces = [...details.fragments, ...(details.partList ?? [])].filter((piece) => piece.end > end + 0.05);
  if (pieces.some((piece) => piece.gap)) return NaN;
  return (isAppendingSound(hls, medium) ? Math.min(details.edge, pictures) : details.edge) - end;
}

/**
 * Makes hls.js load the next part. To start loading anew would cost what it then reads from the middle of a group of pictures: those up
 * to the next key frame.
 *
 * Parts that it has left out of a segment at whose end the buffer ends, but for rounding, are taken from its list: it would wait for them,
 * because the buffer, which counts whole microseconds, ends a fraction of one before their segment does. Others are not: after one that
 * is missing hls.js loads none before the next key frame.
 */
function loadOn(hls: Hls, medium: Medium): void {
  const end = buffered(hls, medium)?.end ?? NaN;
  for (const part of listed(hls, medium)?.partList ?? []) {
    if (!part.loaded && Math.abs(part.fragment.end - end) < rounding && part.end < end + rounding) part.gap = true;
  }
  const frag = hls.inFlightFragments[medium]?.frag;
  if (!frag) return;
  // As when it has given a part up. It does not look for sound then, but when it is told that a segment is buffered as far as it is
  // loaded; of that it loads again what is not.
  if (medium === "main") hls.trigger(Events.FRAG_LOAD_EMERGENCY_ABORTED, { frag, part: null, stats: frag.stats });
  else hls.trigger(Events.FRAG_BUFFERED, { frag, part: null, stats: frag.stats, id: frag.type });
}
