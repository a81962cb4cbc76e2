// The rooms that can be entered.

import { listRooms, type Room } from "../server/api.ts";
import { byId, el, setText } from "../ui/dom.ts";

/** Lists all rooms; choose is called with the one that is chosen. */
export async function showRooms(choose: (room: Room) => void): Promise<void> {
  const rooms = await listRooms().catch(() => []);
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
