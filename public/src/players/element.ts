// What every player does with the video element.

/**
 * Plays if the browser lets it. Before the page has been touched it may refuse sound, and then there is none, or all of it: there are buttons for
 * both.
 */
export function tryPlay(video: HTMLVideoElement): void {
  video.play().catch((error: unknown) => {
    if (video.muted || !(error instanceof DOMException) || error.name !== "NotAllowedError") return;
    video.muted = true;
    video.play().catch(() => undefined);
  });
}

/** Seconds of media that are buffered ahead of the playing position. */
export function bufferAhead(video: HTMLVideoElement): number {
  const { buffered, currentTime } = video;
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= currentTime + 0.1 && currentTime <= buffered.end(i)) return buffered.end(i) - currentTime;
  }
  return 0;
}
