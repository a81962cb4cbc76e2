// WebRTC by the browser itself, over WHEP.

import { describe, HttpError } from "../server/problem.ts";
import { repeat } from "../ui/dom.ts";
import type { ConnectionState } from "../whip/connection.ts";
import { WhepClient } from "../whip/whep.ts";
import { tryPlay } from "./element.ts";
import { Layers } from "./layers.ts";
import type { Player, PlayerOptions } from "./player.ts";
import { noReception, ReceptionMeter, type ReceptionStat } from "./reception.ts";

export function openWebRtc({ video, url, talk, onLevels, onFatal }: PlayerOptions): Player {
  let state: ConnectionState = "connecting";
  let up = false;
  const onState = (now: ConnectionState, error?: unknown) => {
    up ||= now === "connected";
    state = now === "reconnecting" && !up ? "connecting" : now;
    const missing = error instanceof HttpError && error.status === 404; // a server without WHEP, or without this stream
    const undecodable = error instanceof HttpError && error.status === 422; // another protocol may still do
    if (now === "failed" || missing) onFatal(describe(error), undecodable);
  };
  let started = false;
  const onMedia = (media: MediaStream) => {
    if (video.srcObject === media) return;
    const wanted = !started || !video.paused || video.ended; // a pause outlives a new session; where the last one ended is none
    started = true;
    video.srcObject = media;
    if (wanted) tryPlay(video);
  };
  const layers = new Layers(onLevels);
  const client = new WhepClient({ url, onState, onMedia, onSession: (session) => layers.follow(session), ...(talk && { talk }) });
  let meter = new ReceptionMeter();
  let metered: RTCPeerConnection | undefined;
  let reception = noReception;
  const stopMeasuring = repeat(1000, async () => {
    if (client.peer !== metered) meter = new ReceptionMeter();
    metered = client.peer;
    const report = await metered?.getStats();
    reception = report && state === "connected" ? meter.read(report.values() as Iterable<ReceptionStat>) : noReception;
  });
  void client.persist();
  return {
    name: "WebRTC",
    engine: client,
    estimates: true,
    levels: () => layers.levels(),
    choose: (id) => layers.choose(id),
    playing: () => layers.playing(),
    latency: () => reception.latency,
    target: () => NaN,
    edge: () => NaN,
    buffer: () => reception.buffer,
    bandwidth: () => reception.bitrate,
    connection: () => state,
    destroy() {
      stopMeasuring();
      layers.close();
      video.srcObject = null;
      void client.stop();
    },
  };
}
