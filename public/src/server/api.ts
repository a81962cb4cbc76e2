// The server's JSON interface as the pages use it.

import { at } from "./base.ts";
import { HttpError, request } from "./problem.ts";
import type { ClipRequest, KeyList, KeyRequest, NewKey, Participant as InRoom, RecordingInfo, RecordingList, Server, Stream, StreamList, TransformRequest } from "./schema.ts";
import { authorization, storedKey, viewerToken, withToken } from "./token.ts";

export type { ClipRequest, Forward, Key, Line, Link, Room, Session, SessionList, Stream } from "./schema.ts";
export type Recording = RecordingInfo;

/** What signalling tells of a participant, too. */
export type Participant = Pick<InRoom, "id" | "name" | "since" | "audio" | "video" | "speaking" | "onAir" | "away">;

/** The directory of a recording, with its slash at the end. */
export const recordingPath = ({ stream, name }: Recording) => at(`/recordings/${stream}/${name}/`);

/** A service that is watched, and what its viewer shows to it. */
export interface Service {
  /** What its paths begin with: nothing, a path below which it is shown, or all of an address; undefined: where this page is from. */
  base?: string;
  token(): string;
}

/** The service that this page is from. */
export const own: Service = { token: viewerToken };

async function get<T>(url: string, { base, token } = own): Promise<T> {
  const response = await request(at(url, base), { headers: { Accept: "application/json", ...authorization(token()) }, cache: "no-cache" });
  return (await response.json()) as T;
}

/** Returns undefined for a stream that does not exist. */
export async function findStream(name: string, server = own): Promise<Stream | undefined> {
  try {
    return await get<Stream>(`/api/v1/streams/${name}`, server);
  } catch (error) {
    if (error instanceof HttpError && error.status === 404) return undefined;
    throw error;
  }
}

/** The streams that are live, as far as this page may be told of them. */
export async function listStreams(): Promise<Stream[]> {
  return (await get<StreamList>("/api/v1/streams")).streams;
}

/** The names of what the server can make of pictures. */
export async function listTransforms(): Promise<string[]> {
  return (await get<Server>("/api/v1/server")).transforms;
}

/** Whose pages may frame the player. */
export async function listEmbedOrigins(): Promise<string[]> {
  return (await get<Server>("/api/v1/server")).embedOrigins;
}

/** The address of the service whose streams these are, where the server is a relay. */
export async function findOrigin(): Promise<string | undefined> {
  return (await get<Server>("/api/v1/server")).relayOf;
}

/** The names of what the server can make of still pictures. */
export async function listProcessors(): Promise<string[]> {
  return (await get<Server>("/api/v1/server")).processors;
}

/** Has the pictures of a stream made into something else; empty: nothing. */
export async function chooseTransform(name: string, transform: string, key: string): Promise<void> {
  const headers = { "Content-Type": "application/json", ...authorization(key) };
  await request(at(`/api/v1/streams/${name}/transform`), { method: "PUT", headers, body: JSON.stringify({ transform } satisfies TransformRequest) });
}

/** Records a live stream from now on, or no longer. */
export async function record(name: string, on: boolean, key: string): Promise<void> {
  await request(at(`/api/v1/streams/${name}/recording`), { method: on ? "PUT" : "DELETE", headers: authorization(key) });
}

/** What the server is, and what it takes. */
export const findServer = () => get<Server>("/api/v1/server");

/** Cuts a clip out of a live stream, or out of a recording. */
export async function makeClip(name: string, wanted: ClipRequest, key: string): Promise<Recording> {
  const headers = { "Content-Type": "application/json", ...authorization(key) };
  const response = await request(at(`/api/v1/streams/${name}/clips`), { method: "POST", headers, body: JSON.stringify(wanted) });
  return (await response.json()) as Recording;
}

export const listKeys = async () => (await get<KeyList>("/api/v1/keys", { token: storedKey })).keys;

/** Makes a key, whose token is told this once. */
export async function makeKey(wanted: KeyRequest): Promise<NewKey> {
  const headers = { "Content-Type": "application/json", ...authorization(storedKey()) };
  const response = await request(at("/api/v1/keys"), { method: "POST", headers, body: JSON.stringify(wanted) });
  return (await response.json()) as NewKey;
}

/** Revokes a key, and ends what it has opened. */
export async function revokeKey(id: string): Promise<void> {
  await request(at(`/api/v1/keys/${id}`), { method: "DELETE", headers: authorization(storedKey()) });
}

/** Deletes a clip. */
export async function deleteClip({ stream, name }: Recording, key: string): Promise<void> {
  await request(at(`/api/v1/streams/${stream}/clips/${name}`), { method: "DELETE", headers: authorization(key) });
}

/** Where a clip, or a recording, is seen by whoever may watch the stream. */
export const clipAddress = ({ stream, name }: Pick<Recording, "stream" | "name">) => `${location.origin}${at("/recordings")}?play=${stream}/${name}`;

export async function listRecordings(): Promise<Recording[]> {
  return (await get<RecordingList>("/recordings")).recordings;
}

/** Where a stream is played and watched, by who has the token. */
export const streamUrls = (name: string, token = viewerToken(), base?: string) => ({
  hls: withToken(at(`/live/${name}/index.m3u8`, base), token),
  dash: withToken(at(`/live/${name}/manifest.mpd`, base), token),
  webrtc: withToken(at(`/whep/${name}`, base), token),
  transformed: withToken(at(`/whep/${name}?transformed`, base), token),
  thumbnail: withToken(at(`/live/${name}/thumbnail.jpg`, base), token),
  watch: at(`/watch/${name}`, base),
  embed: at(`/embed/${name}`, base),
});
