// Server-sent events that a page follows for as long as it is open, with their state in its badge and its faults in words.

import { at } from "../server/base.ts";
import { describe } from "../server/problem.ts";
import { followEvents } from "../server/sse.ts";
import { byId, setBadge, setNotice, sleep } from "./dom.ts";
import { NoKeyError, storedKey, withKey } from "./key.ts";

/** A lost connection is made again after so many milliseconds. */
const pause = 2000;

/** Follows the events of a route with the key, which is asked for where it is needed, until none is given. take gets their data. */
export async function stayConnected(route: string, take: (data: string[]) => void): Promise<void> {
  const connected = () => {
    setBadge(byId("badge"), "running", "Live");
    setNotice(byId("fault"), "");
  };
  for (;;) {
    try {
      await withKey(() => followEvents(at(route), storedKey(), connected, take));
    } catch (error) {
      setBadge(byId("badge"), "failed", "Not connected");
      setNotice(byId("fault"), describe(error));
      if (error instanceof NoKeyError) return;
    }
    setBadge(byId("badge"), "interrupted", "Reconnecting");
    await sleep(pause);
  }
}
