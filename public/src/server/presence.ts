// Who and what is there, as the server tells it by itself: all streams and rooms, at once and at each change.

import type { Presence as Told } from "./schema.ts";
import { at } from "./base.ts";
import { problemText } from "./problem.ts";
import { withToken } from "./token.ts";

export type Presence = Required<Told>;

/** A lost connection is made again after so many milliseconds. */
const pause = 2000;

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
  let timer = 0;

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
    opened.addEventListener("presence", ({ data }) => {
      if (failures > tolerated) fail("");
      failures = 0;
      const { streams, rooms } = JSON.parse(data as string) as Told;
      show({ streams, rooms: rooms ?? [] });
    });
    opened.addEventListener("error", () => {
      if (source !== opened) return;
      close(); // a browser gives up by itself where it was refused
      if (++failures > tolerated) fail(problemText(0, "", ""));
      timer = window.setTimeout(open, pause);
    });
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
