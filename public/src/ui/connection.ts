// Server-sent events that a page follows for as long as it is open, with their state in its badge and its faults in words.

import { at } from "../server/base.ts";
import { Pauses } from "../server/pauses.ts";
import { describe } from "../server/problem.ts";
import { followEvents } from "../server/sse.ts";
import { byId, setBadge, setNotice } from "./dom.ts";
import { NoKeyError, storedKey, withKey } from "./key.ts";

/** First and longest pause before a lost connection is made again, in milliseconds. */
const firstPause = 1000;
const longestPause = 15000;

/**
 * Follows the events of a route with the key, which is asked for where it is needed, until none is given. take gets their data. After so many
 * milliseconds of silence the connection counts as lost.
 */
export async function stayConnected(route: string, take: (data: string[]) => void, silence?: number): Promise<void> {
  const pauses = new Pauses(firstPause, longestPause);
  const connected = () => {
    setBadge(byId("badge"), "running", "Live");
    setNotice(byId("fault"), "");
  };
  for (;;) {
    try {
      await withKey(() => followEvents(at(route), storedKey(), connected, (data) => (pauses.reset(), take(data)), silence));
    } catch (error) {
      setBadge(byId("badge"), "failed", "Not connected");
      setNotice(byId("fault"), describe(error));
      if (error instanceof NoKeyError) return;
    }
    setBadge(byId("badge"), "interrupted", "Reconnecting");
    await pauses.pass();
  }
}
