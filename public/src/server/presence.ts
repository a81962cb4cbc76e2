// Who and what is there, as the server tells it by itself: all streams and rooms, at once and at each change.

import type { Presence as Told } from "./schema.ts";
import { at } from "./base.ts";
import { Pauses } from "./pauses.ts";
import { problemText } from "./problem.ts";
import { withToken } from "./token.ts";

export type Presence = Required<Told>;

/** First and longest pause before a lost connection is made again, in milliseconds. */
const firstPause = 1000;
const longestPause = 15000;

/** The server says something every few seconds: what has been silent for so long is lost, in milliseconds. */
const silence = 45000;

/** Attempts that may fail in a row before anybody is told. */
const tolerated = 1;

/**
 * Calls show with what is there, for as long as the page is seen: a hidden one holds no connection, of which browsers make six for all
 * pages of a server that speaks HTTP/1.1. fail is called with a sentence when the server cannot be reached, and with "" when it can
 * again. What it returns says whether the page wants to know at all.
 */
export function followPresence(show: (presence: Presence) => void, fail: (text: string) => void): (wanted: boolean) => void {
  let source: EventSource | undefined;
  let wanted = true;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pauses = new Pauses(firstPause, longestPause);

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const open = () => {
    close();
    if (document.hidden || !wanted) return;
    const opened = new EventSource(withToken(at("/api/v1/events")));
    source = opened;
    const lost = () => {
      if (source !== opened) return;
      close(); // a browser gives up by itself where it was refused
      if (++failures > tolerated) fail(problemText(0, "", ""));
      void pauses.pass().then(() => source === undefined && open());
    };
    const watch = () => {
      clearTimeout(timer);
      timer = setTimeout(lost, silence);
    };
    watch();
    opened.addEventListener("presence", ({ data }) => {
      watch();
      if (failures > tolerated) fail("");
      failures = 0;
      pauses.reset();
      const { streams, rooms } = JSON.parse(data as string) as Told;
      show({ streams, rooms: rooms ?? [] });
    });
    opened.addEventListener("error", lost);
  };
  document.addEventListener("visibilitychange", open);
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
  return (now) => {
    if (now === wanted) return;
    wanted = now;
    open();
  };
}
