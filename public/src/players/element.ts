// What every player does with the video element.

/** Plays if the browser lets it: without a touch of the page it may refuse, and then a button is there. */
export function tryPlay(video: HTMLVideoElement): void {
  video.play().catch(() => undefined);
}

/** Seconds of media that are buffered ahead of the playing position. */
export function bufferAhead(video: HTMLVideoElement): number {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= currentTime + 0.1 && currentTime <= buffered.end(i)) return buffered.end(i) - currentTime;
  }
  return 0;
}
