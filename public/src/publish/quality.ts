// The part of the publish page that says how picture and sound are sent: what can be chosen, what is, and what that means.

import { byId, setText } from "../ui/dom.ts";
import { bitrate } from "../ui/format.ts";
import { automaticBitrate, sendable, type Sending } from "../whip/sending.ts";
import type { Hint } from "./capture.ts";
import { remember } from "./choices.ts";

const resolution = byId<HTMLSelectElement>("resolution");
const rate = byId<HTMLSelectElement>("rate");
const codec = byId<HTMLSelectElement>("codec");
const most = byId<HTMLSelectElement>("max-bitrate");
const sizes = byId<HTMLSelectElement>("sizes");
const redundancy = byId<HTMLInputElement>("redundancy");

/** The value of the chosen one of a group of radio buttons. */
export const picked = (name: string) => document.querySelector<HTMLInputElement>(`input[name=${name}]:checked`)?.value ?? "";

/** What the camera is asked for. */
export function wantedPicture(): { width: number; height: number; fps: number; hint: Hint } {
  const [width = 1280, height = 720] = resolution.value.split("x").map(Number);
  return { width, height, fps: Number(rate.value), hint: picked("hint") as Hint };
}

/** How to send sound and a picture; without one, the picture that is asked for. */
export function sending(track?: MediaStreamTrack): Sending {
  const { width, height, fps } = wantedPicture();
  const { width: w = width, height: h = height, frameRate = fps } = track?.getSettings() ?? {};
  const maxBitrate = Number(most.value) || automaticBitrate(w, h, frameRate);
  return { codec: codec.value, maxBitrate, sizes: Number(sizes.value), redundancy: redundancy.checked };
}

/** What each choice of what to keep does. */
const hints: Record<Hint, string> = {
  "": "Motion for a camera, detail for a screen.",
  motion: "For movement and games: the picture gets softer before it stutters.",
  detail: "For pictures that must stay sharp: fewer frames before less detail.",
  text: "For slides and code: every letter stays legible.",
};

/** Says what the choices mean for a picture. What is agreed upon when going live cannot be changed after that. */
export function showQuality(live: boolean, track?: MediaStreamTrack): void {
  codec.disabled = sizes.disabled = live;
  redundancy.disabled = live || picked("way") === "upload";
  setText(byId("codec-hint"), live ? "Stop to choose another one." : codecHint());
  setText(byId("sizes-hint"), live ? "Stop to choose otherwise." : sizesHint());
  setText(byId("bitrate-hint"), most.value ? "Less when the network carries less." : `${bitrate(sending(track).maxBitrate)} for this picture.`);
  setText(byId("hint-hint"), hints[picked("hint") as Hint]);
  setText(byId("way-hint"), live ? "Stop to choose the other one." : ways[picked("way")] ?? "");
}

/** What each way to send means. */
const ways: Record<string, string> = {
  webrtc: "The least delay; fits itself to the network.",
  upload: "A recording as it is made, for networks that block WebRTC: a few tenths of a second later, at a bit rate that stays.",
};

const codecHint = () => (codec.value ? "Offered first; the server has the last word." : "VP8 first, which every server takes.");

const sizesHint = () => {
  if (sizes.value === "1") return "The server makes the smaller ones.";
  return codec.value === "H264" ? "Viewers get all of them as they are; more work for this computer." : "Only those of H.264 reach viewers as they are.";
};

/** Offers what this browser can send, and chooses what was chosen last time. */
export function setUpQuality(): void {
  const formats = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs ?? [];
  for (const { codec: value, label } of sendable(formats)) codec.add(new Option(label, value));
  const sounds = globalThis.RTCRtpReceiver?.getCapabilities?.("audio")?.codecs ?? [];
  byId("redundant").hidden = !sounds.some(({ mimeType }) => mimeType === "audio/red");
  const radios = document.querySelectorAll<HTMLInputElement>("input[name=hint], input[name=way]");
  remember("sluice.publish", [resolution, rate, codec, most, sizes, redundancy, byId<HTMLInputElement>("mirror"), ...radios]);
}
