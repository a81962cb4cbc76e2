// What each state of a player is called, and what is said over the picture in it.

import type { State } from "../players/playback.ts";

/** For a badge, and over the picture; without a title nothing is said there. */
export interface Words {
  badge: string;
  title: string;
  text: string;
}

const say = (badge: string, title = "", text = ""): Words => ({ badge, title, text });

export const words: Record<State, Words> = {
  refused: say("No access", "You may not watch this", "It takes a link or a key that is good for it and has not ended. Whoever runs this has them."),
  waiting: say("Waiting", "Waiting for the stream", "It starts here by itself as soon as somebody is live."),
  ready: say("Live"),
  starting: say("Starting", "Starting", "The first pictures are on their way."),
  buffering: say("Buffering", "Buffering"),
  playing: say("Live"),
  paused: say("Paused"),
  reconnecting: say("Reconnecting", "Reconnecting"),
  interrupted: say("Interrupted"),
  ended: say("Ended", "The stream has ended", "If it starts again, it goes on here by itself."),
  failed: say("Failed", "The stream has failed"),
};

/** What is said of a player that has no stream to play. */
export const nothing = say("", "No stream", "The address names no stream: a name has letters, digits, - and _, at most 64 of them.");

/** States in which nothing is on its way. */
export const still: readonly State[] = ["refused", "ended", "failed"];
