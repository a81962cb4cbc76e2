// The rooms that can be entered.

import type { Room } from "../server/api.ts";
import { byId, el, setText } from "../ui/dom.ts";

/** Lists these rooms; choose is called with the one that is chosen. */
export function showRooms(rooms: Room[], choose: (room: Room) => void): void {
  setText(byId("rooms-summary"), rooms.length ? "" : "No room is open.");
  byId("rooms").replaceChildren(
    ...rooms.map((room) => {
      const open = el("button", { className: "button small", type: "button", "aria-label": `Choose ${room.name}` }, "Choose");
      open.onclick = () => choose(room);
      const people = room.participants.map((p) => p.name).join(", ");
      return el("li", {}, el("span", {}, room.name, " ", el("span", { className: "quiet" }, people)), open);
    }),
  );
}
