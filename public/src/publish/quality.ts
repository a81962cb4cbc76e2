// The part of the publish page about encoding and transport: what can be chosen, what is, and what that means.

import { byId, setText } from "../ui/dom.ts";
import { bitrate } from "../ui/format.ts";
import { automaticBitrate, countLayers, sendable, type Sending } from "../sending/sending.ts";
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
  return { codec: codec.value, maxBitrate, sizes: Number(sizes.value), width: w, height: h, redundancy: redundancy.checked };
}

/** What each choice of what to keep does. */
const hints: Record<Hint, string> = {
  "": "Motion for a camera, detail for a screen.",
  motion: "For movement and games: resolution falls before the frame rate does.",
  detail: "For video that must stay sharp: the frame rate falls before the resolution does.",
  text: "For slides and code: text stays legible at a low frame rate.",
};

/** Says what the choices mean for a picture. What is agreed upon when going live cannot be changed after that. */
export function showQuality(live: boolean, track?: MediaStreamTrack): void {
  codec.disabled = sizes.disabled = live;
  redundancy.disabled = live || picked("way") === "upload";
  setText(byId("codec-hint"), live ? "Stop to change it." : codecHint());
  setText(byId("sizes-hint"), live ? "Stop to change it." : sizesHint(sending(track)));
  setText(byId("bitrate-hint"), most.value ? "Less when the bandwidth is lower." : `${bitrate(sending(track).maxBitrate)} for this resolution and frame rate.`);
  setText(byId("hint-hint"), hints[picked("hint") as Hint]);
  setText(byId("way-hint"), live ? "Stop to change it." : ways[picked("way")] ?? "");
}

/** What each way to send means. */
const ways: Record<string, string> = {
  webrtc: "Lowest latency; adapts its bitrate to the network.",
  upload: "For networks that block WebRTC: a few tenths of a second more latency, at a constant bitrate.",
};

const codecHint = () => (codec.value ? "Offered first; the server decides." : "VP8, which every server takes.");

const sizesHint = (wanted: Sending) => {
  if (sizes.value === "1") return "The server encodes the smaller renditions.";
  const count = countLayers(wanted);
  if (count < wanted.sizes) return `At ${wanted.width}×${wanted.height} there ${count === 1 ? "is one layer" : "are two layers"}.`;
  return codec.value === "H264" ? "Passed on to viewers without encoding; more load on this computer." : "Only H.264 layers are passed on without encoding.";
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
