// The server's JSON interface as the pages use it.

import { at } from "./base.ts";
import { HttpError, request } from "./problem.ts";
import { authorization, viewerToken, withToken } from "./token.ts";

export type StreamState = "starting" | "live" | "interrupted" | "ended" | "failed";

/** One stream, GET /api/v1/streams/{stream}. Bit rates are bits per second. */
export interface Stream {
  name: string;
  state: StreamState;
  error?: string;
  fault?: string; // why viewers get nothing new at the moment
  startedAt?: string;
  publisher?: {
    connected: boolean;
    bitrate?: number;
    advice?: string; // what to change in the encoder that sends
    video?: { codec: string; width?: number; height?: number; fps?: number } | null;
    audio?: { codec: string } | null;
  } | null;
  renditions?: { id: string; width: number; height: number; fps: number; bitrate: number }[] | null;
  ladderReason?: string;
  encoder?: { speed: number; fps: number; drops: number; reduced: string; transform?: string; transformReason?: string } | null; // reduced: why less is encoded than planned
  viewers?: number;
  urls?: { hls: string; dash: string; watch: string };
}

/** One entry of GET /recordings; duration in seconds. */
export interface Recording {
  stream: string;
  name: string; // of its directory
  started: string;
  duration: number;
  state: string; // recording, finished, interrupted or failed
  error?: string;
  bytes: number;
  sources?: string[] | null; // names of the files as received
  mp4: boolean; // video.mp4 is there
  video?: { width: number; height: number } | null;
}

/** The directory of a recording, with its slash at the end. */
export const recordingPath = ({ stream, name }: Recording) => at(`/recordings/${stream}/${name}/`);

async function get<T>(url: string): Promise<T> {
  const response = await request(at(url), { headers: { Accept: "application/json", ...authorization() }, cache: "no-cache" });
  return (await response.json()) as T;
}

/** Returns undefined for a stream that does not exist. */
export async function findStream(name: string): Promise<Stream | undefined> {
  try {
    return await get<Stream>(`/api/v1/streams/${name}`);
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return undefined;
    throw error;
  }
}

/** Finds out whether this page may be told which streams there are. */
export async function listStreams(): Promise<void> {
  await get<unknown>("/api/v1/streams");
}

/** The names of what the server can make of pictures. */
export async function listTransforms(): Promise<string[]> {
  return (await get<{ transforms?: string[] }>("/api/v1/server")).transforms ?? [];
}

/** The names of what the server can make of still pictures. */
export async function listProcessors(): Promise<string[]> {
  return (await get<{ processors?: string[] }>("/api/v1/server")).processors ?? [];
}

/** Has the pictures of a stream made into something else; empty: nothing. */
export async function chooseTransform(name: string, transform: string, key: string): Promise<void> {
  const headers = { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
  await request(at(`/api/v1/streams/${name}/transform`), { method: "PUT", headers, body: JSON.stringify({ transform }) });
}

export interface Participant {
  id: string;
  name: string;
  since: string;
  audio: boolean;
  video: boolean;
  speaking?: boolean;
  onAir?: string;
  away?: boolean;
}

/** A room and who is in it. */
export interface Room {
  name: string;
  mode: string;
  onAir: string; // the stream that it makes, or ""
  participants: Participant[];
}

export async function listRecordings(): Promise<Recording[]> {
  return (await get<{ recordings?: Recording[] | null }>("/recordings")).recordings ?? [];
}

/** Where a stream is played and watched, by who has the token. */
export const streamUrls = (name: string, token = viewerToken()) => ({
  hls: withToken(at(`/live/${name}/index.m3u8`), token),
  dash: withToken(at(`/live/${name}/manifest.mpd`), token),
  webrtc: withToken(at(`/whep/${name}`), token),
  thumbnail: withToken(at(`/live/${name}/thumbnail.jpg`), token),
  watch: at(`/watch/${name}`),
});
