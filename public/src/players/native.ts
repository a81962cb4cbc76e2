// HLS by the browser itself (Safari).

import { bufferAhead, tryPlay } from "./element.ts";
import type { Player, PlayerOptions } from "./player.ts";

export function openNative({ video, url, clock, onFatal }: PlayerOptions): Player {
  const seekableEnd = () => (video.seekable.length > 0 ? video.seekable.end(video.seekable.length - 1) : NaN);
  // Safari tells the date of the playlist's start (EXT-X-PROGRAM-DATE-TIME).
  const startDate = () => (video as { getStartDate?(): Date }).getStartDate?.().getTime() ?? NaN;
  const fail = () => onFatal(video.error?.message || "the browser cannot play this stream");
  video.addEventListener("error", fail);
  video.src = url;
  tryPlay(video);
  return {
    name: "native HLS",
    engine: video,
    levels: () => [],
    choose: () => undefined,
    playing: () => "",
    latency: () => (clock.now() - startDate()) / 1000 - video.currentTime,
    target: () => NaN,
    edge: seekableEnd,
    buffer: () => bufferAhead(video),
    bandwidth: () => NaN,
    destroy() {
      video.removeEventListener("error", fail);
      video.removeAttribute("src");
      video.load();
    },
  };
}
