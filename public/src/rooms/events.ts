// The events of a room.

import type { Participant } from "../server/api.ts";
import type { Viewed } from "./views.ts";

/** What happens, with the fields that its kind has; the README lists them. */
export interface RoomEvent {
  event: string;
  id?: number;
  from?: string;
  to?: string;
  self?: string;
  seat?: string;
  mode?: "sfu" | "mesh" | "echo";
  resumed?: boolean;
  participants?: Participant[];
  participant?: Participant;
  iceServers?: RTCIceServer[];
  views?: Viewed[];
  sdp?: string;
  answers?: number | undefined;
  candidate?: RTCIceCandidateInit | null;
  text?: string;
  code?: number;
  detail?: string;
}
