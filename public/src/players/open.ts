// Opens the player that suits the protocol and the browser.

import type { Player, PlayerOptions, Protocol } from "./player.ts";

/** Opens a player, which starts to play when it can; the library is loaded when first needed. */
export async function openPlayer(protocol: Protocol, options: PlayerOptions): Promise<Player> {
  if (protocol === "webrtc") return (await import("./webrtc.ts")).openWebRtc(options);
  if (protocol === "dash") return (await import("./dash.ts")).openDash(options);
  if (prefersNativeHls(options.video)) return (await import("./native.ts")).openNative(options);
  return (await import("./hls.ts")).openHls(options);
}

const hasMediaSource = () => "MediaSource" in window || "ManagedMediaSource" in window;
const hasNativeHls = (video: HTMLVideoElement) => video.canPlayType("application/vnd.apple.mpegurl") !== "";

/** Safari plays HLS best itself; others that can (recent Chromium) show no renditions and no latency then. */
export function prefersNativeHls(video: HTMLVideoElement): boolean {
  return hasNativeHls(video) && (!hasMediaSource() || "webkitShowPlaybackTargetPicker" in video);
}

/**
 * What this browser plays, best first. HLS leads: it bears a bad network, has every rendition and passes
 * firewalls; WebRTC is for who needs less than the second of delay that this costs.
 */
export function playable(video: HTMLVideoElement): Protocol[] {
  const protocols: Protocol[] = [];
  if (hasMediaSource() || hasNativeHls(video)) protocols.push("hls");
  if (hasMediaSource()) protocols.push("dash");
  if ("RTCPeerConnection" in window) protocols.push("webrtc");
  return protocols;
}
