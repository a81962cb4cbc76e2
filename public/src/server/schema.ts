// The documents of the API, made of /openapi.json. Do not edit: go test -update ./cmd/sluice/internal/httpapi makes it.

/** AirRequest is the body of PUT /api/v1/rooms/{room}/air. */
export interface AirRequest {
  /** whose video and audio it is; "" for whoever speaks */
  participant?: string;
  /** that is made of what is sent */
  stream: string;
}

/** Audience is who watches a stream, and how well it plays for those who tell (CMCD). */
export interface Audience {
  /** likewise */
  dash: number;
  /** heard of in the last 30 s */
  hls: number;
  /** median, seconds */
  latency: number;
  /** 95th percentile, seconds */
  latencyP95: number;
  rebuffering: Rebuffering;
  /** of those over HLS and DASH, players that tell how it plays */
  reporting: number;
  /** median, seconds */
  startupTime: number;
  /** mean of what is played, bit/s */
  videoBitrate: number;
  /** of all protocols */
  viewers: number;
  /** over WHEP */
  webrtc: number;
}

/** Audio is how the publisher's audio arrives. */
export interface Audio {
  /** bit/s */
  bitrate: number;
  codec: string;
  /** seconds (RFC 3550 §A.8) */
  jitter: number;
  /** packets */
  lost: number;
  packets: number;
  /** packets restored from redundancy (RFC 2198) */
  recovered: number;
  /** nothing has come for 10 s although the client sends otherwise */
  silent: boolean;
  /** SSRCs that it has been read from, one after the other */
  sources: number;
}

/** Bandwidth is what is known of a viewer's network. */
export interface Bandwidth {
  /** bit/s */
  arrived: number;
  /** of the estimate */
  decreases: number;
  /** bit/s; 0 until the network has once been too slow */
  estimate: number;
  /** that has been chosen where there are several, once there is an estimate */
  layer?: string;
  /** the share lost lately, 0 to 1 */
  loss: number;
  /** packets */
  lost: number;
  probes: number;
  /** seconds, with the time that the client gathers feedback for */
  rtt: number;
  /** bit/s */
  sent: number;
  /** from one layer to another */
  switches: number;
  /** bit/s that would be of use; 0 while there is no estimate */
  wanted: number;
}

/** ClipList is the answer of GET /api/v1/streams/{stream}/clips: the newest first. */
export interface ClipList {
  clips: RecordingInfo[];
  /** the page_token of the next page; absent on the last one */
  next_page_token?: string;
}

/** ClipRequest is what POST /api/v1/streams/{stream}/clips takes: the last seconds of a live stream, or from when to when of it, or from which to which second of a recording. */
export interface ClipRequest {
  /** seconds from its beginning */
  end?: number;
  from?: string;
  /** seconds */
  last?: number;
  /** its name */
  recording?: string;
  /** seconds from its beginning */
  start?: number;
  title?: string;
  /** absent: now */
  to?: string;
}

/** Direction sums up the media of one direction. */
export interface Direction {
  /** bit/s */
  bitrate: number;
  bytes: number;
  /** of what is sent: packets of error correction */
  corrected: number;
  /** of what is sent: how much error correction of pictures there is now (FlexFEC-03), 0 (none) to 4 (half as many packets) */
  fec: number;
  /** seconds, the largest; of what is sent, as the client tells */
  jitter: number;
  /** of what is sent: the share lost lately, 0 to 1, as the client tells, the largest */
  loss: number;
  /** packets; of what is sent, as the client tells */
  lost: number;
  /** packets asked for again by who gets them */
  nacks: number;
  packets: number;
  /** key frames asked for by who gets them */
  plis: number;
  /** of what is sent: earlier packets that each packet of sound brings once more now (RFC 2198) */
  red: number;
  /** of what is sent: packets of sound that have brought earlier ones */
  redundant: number;
  /** seconds, by RTCP, of what is sent */
  rtt: number;
}

/** Encoder is what ffmpeg does for a stream, and why. */
export interface Encoder {
  /** the publisher's pictures are passed on as they are */
  copies: boolean;
  /** frames that ffmpeg was too slow for */
  drops: number;
  /** why they are encoded though they could be passed on, else "" */
  encodes: string;
  fps: number;
  /** of a simulcast that are passed on beside the best one */
  layers: number;
  /** why less is encoded than the ladder asks for, else "" */
  reduced: string;
  restarts: number;
  /** times that some of it was encoded again */
  returns: number;
  /** 1 is real time */
  speed: number;
  /** that is made to pictures, "" for none */
  transform: string;
  /** why none is made any more, else "" */
  transformReason: string;
}

/** Face is where one face is. */
export interface Face {
  height: number;
  /** how certain it is: the higher, the more */
  score: number;
  width: number;
  x: number;
  y: number;
}

/** Faces says where faces are in the video while the transform of that name is made. */
export interface Faces {
  /** of the picture, by the clock of playlists, to within what it takes to decode it */
  at: string;
  faces: Face[];
  height: number;
  /** of the picture, in whose pixels the boxes are */
  width: number;
}

/** Forward is how a target stands that a stream is forwarded to (forward). */
export interface Forward {
  /** of media that were sent */
  bytes: number;
  /** parts that the target was too slow for */
  dropped: number;
  /** why the newest try has failed, else "" */
  error: string;
  /** tries after the first */
  retries: number;
  /** that the stream has been forwarded there; absent while it is not */
  since?: string;
  state: "waiting" | "connecting" | "forwarding" | "retrying" | "ended";
  /** its name, or protocol and host */
  target: string;
}

/** Key is a key that was made while the service runs, without its token, which nobody is told again. */
export interface Key {
  actions: string[];
  created: string;
  /** absent: it does not by itself */
  expires?: string;
  id: string;
  /** to the second; absent: not yet */
  lastUsed?: string;
  note?: string;
  /** *, or the beginning of names with * behind */
  stream: string;
}

/** KeyList is the answer of GET /api/v1/keys: the oldest first. */
export interface KeyList {
  keys: Key[];
  /** the page_token of the next page; absent on the last one */
  next_page_token?: string;
}

/** KeyRequest is what POST /api/v1/keys takes. */
export interface KeyRequest {
  actions: string[];
  /** absent: never */
  expires?: string;
  note?: string;
  /** *, or the beginning of names with * behind */
  stream: string;
}

/** Line is a line of a log. */
export interface Line {
  at: string;
  /** grows */
  id: number;
  /** debug, info, warn or error */
  level: string;
  /** whose ffmpeg has said it; "": the service */
  stream: string;
  text: string;
}

/** Link is the answer of POST /api/v1/links. */
export interface Link {
  action: "watch" | "publish" | "record";
  /** everybody may do that here, without a token too */
  open: boolean;
  stream: string;
  token: string;
  /** in the future, and within a year */
  until: string;
  urls: LinkURLs;
  /** for whom it is, at most 100 bytes: in the token, as its subject */
  who?: string;
}

/** LinkRequest is the body of POST /api/v1/links: what may be done by a link. */
export interface LinkRequest {
  action: "watch" | "publish" | "record";
  stream: string;
  /** in the future, and within a year */
  until: string;
  /** for whom it is, at most 100 bytes: in the token, as its subject */
  who?: string;
}

/** LinkURLs are paths that take no more than the right of the link; which there are depends on its action. */
export interface LinkURLs {
  /** manifest */
  dash?: string;
  /** the player alone */
  embed?: string;
  /** playlist */
  hls?: string;
  /** page */
  publish?: string;
  /** page and list */
  recordings?: string;
  /** page */
  watch?: string;
  /** endpoint */
  whep?: string;
}

/** LogLines is the answer of GET /api/v1/logs: the lines that are kept, the oldest first. */
export interface LogLines {
  lines: Line[];
}

/** Name of a stream */
export type Name = string;

/** NewKey is its answer: the key, and its token, which is told this once. */
export interface NewKey {
  actions: string[];
  created: string;
  /** absent: it does not by itself */
  expires?: string;
  id: string;
  /** to the second; absent: not yet */
  lastUsed?: string;
  note?: string;
  /** what everybody may do on this server, without a key */
  open: string[];
  /** *, or the beginning of names with * behind */
  stream: string;
  token: string;
}

/** Node is a node of a cluster, as the one that is asked sees it. */
export interface Node {
  /** ClockAhead is by how many seconds its clock is ahead of that of the one that is asked; nothing where that is not known. */
  clockAhead?: number;
  /** it is about to stop: none may begin */
  draining: boolean;
  id: string;
  /** that have nothing to do */
  idleCores: number;
  /** how many more may begin there */
  room: number;
  /** it is the one that is asked */
  self: boolean;
  /** that it has */
  streams: number;
  /** where the others reach it */
  url: string;
}

/** NodeList is the answer of GET /api/v1/nodes: the nodes of the cluster, by their names; none where the service stands alone. */
export interface NodeList {
  /** etcd answers; else this is what was known last */
  connected: boolean;
  nodes: Node[];
}

/** OEmbed is how another site shows a stream (oembed.com §2.3.4). */
export interface OEmbed {
  /** seconds */
  cache_age: number;
  /** pixels */
  height?: number;
  /** the frame */
  html?: string;
  provider_name: string;
  provider_url: string;
  /** pixels */
  thumbnail_height?: number;
  /** the newest picture */
  thumbnail_url?: string;
  /** pixels */
  thumbnail_width?: number;
  title: string;
  /** video, or link where nobody else may frame the player */
  type: string;
  version: string;
  /** pixels */
  width?: number;
}

/** Participant is what events tell of a participant, and how its media arrives. */
export interface Participant {
  /** flows */
  audio: boolean;
  /** its connection is lost; it may come back */
  away?: boolean;
  bitrate: number;
  id: string;
  lost: number;
  /** of its sound lately, in dB above the lowest level there is */
  loudness: number;
  nacks: number;
  name: string;
  /** the stream that its picture and sound go to */
  onAir?: string;
  plis: number;
  /** seconds, 0 while unknown */
  rtt: number;
  sends: Sent[];
  since: string;
  /** is the active speaker */
  speaking?: boolean;
  /** of its connection for media: connecting, connected, disconnected or closed */
  state: string;
  video: boolean;
}

/** Presence is the data of the events of GET /api/v1/events: who and what is there. */
export interface Presence {
  /** absent for who may not read them, and while there are none */
  rooms?: Room[];
  streams: Stream[];
}

/** Document is the body of an error answer (RFC 9457 §3.1). */
export interface Problem {
  /** a sentence that says what to do */
  detail: string;
  /** of HTTP */
  status: number;
  /** the reason phrase of the status */
  title: string;
  /** always about:blank: the status says what kind of problem it is (§4.2.1) */
  type: string;
}

/** Publisher is who publishes a stream. */
export interface Publisher {
  /** what to change in the encoder that sends, else "" */
  advice: string;
  audio: Audio | null;
  /** bit/s */
  bitrate: number;
  connected: boolean;
  /** packets */
  lost: number;
  /** packets asked for again */
  nacks: number;
  /** requests for a key frame */
  plis: number;
  /** seconds, 0 while unknown */
  rtt: number;
  since: string;
  video: Video | null;
}

/** Push is how far a stream is on the server that it is put on (push.url). */
export interface Push {
  /** segments that are not there yet */
  behind: number;
  /** of them */
  bytes: number;
  /** segments that left the playlists before they were there */
  dropped: number;
  /** why it does not go on, else "" */
  error: string;
  /** requests that failed and were tried again */
  failures: number;
  /** that were put there */
  files: number;
}

/** Rebuffering is how playback has been interrupted for those who watch now. */
export interface Rebuffering {
  /** interruptions */
  count: number;
  /** of the time that they have watched, 0 to 1 */
  share: number;
}

/** Received is a medium that a session sends to the server. */
export interface Received {
  /** bit/s */
  bitrate: number;
  fps: number;
  height: number;
  /** seconds (RFC 3550 §A.8) */
  jitter: number;
  kind: string;
  /** packets */
  lost: number;
  packets: number;
  /** packets restored from redundancy (RFC 2198) */
  recovered: number;
  /** nothing has come for 10 s although the client sends otherwise */
  silent: boolean;
  /** SSRCs that it has been read from, one after the other */
  sources: number;
  /** of VP8; 0 while unknown */
  width: number;
}

/** Audio describes the recorded audio. */
export interface RecordedAudio {
  channels: number;
  codec: string;
  sampleRate: number;
}

/** Clip is what recording.json says of a part that was cut out of a broadcast: whole segments, without encoding. */
export interface RecordedClip {
  /** when its first picture was captured; absent while it is being cut */
  from?: string;
  /** the recording that it was cut out of; absent for a clip of a live stream */
  of?: string;
  title: string;
}

/** Video describes the recorded video. */
export interface RecordedVideo {
  codec: string;
  fps: number;
  height: number;
  width: number;
}

/** Recording is how the recording of a stream stands. */
export interface Recording {
  bytes: number;
  error?: string;
  path: string;
  state: string;
}

/** Info is recording.json. */
export interface RecordingInfo {
  audio?: RecordedAudio;
  /** what all recordings of one broadcast have in common, on whichever servers they are */
  broadcast?: string;
  /** on disk, all files */
  bytes: number;
  /** what it was cut from; absent for recordings */
  clip?: RecordedClip;
  /** seconds of media */
  duration: number;
  ended?: string;
  /** why it failed, or has no video.mp4 */
  error?: string;
  /** in the sources: how often the disk was too slow for them */
  holes?: number;
  /** video.mp4 is there */
  mp4: boolean;
  /** of its directory, the start in UTC such as 20261120T194500Z */
  name: string;
  /** decode time of that in its files, ms; what is not there is 0 */
  origins: number[];
  /** source-1.webm and so on */
  sources: string[];
  started: string;
  state: string;
  stream: string;
  video?: RecordedVideo;
  /** wall time of media time 0 of each run, as named in the files */
  zeros: string[];
}

/** RecordingList is the answer of GET /recordings: recordings that the client may watch, the newest first. */
export interface RecordingList {
  /** nodes of the cluster that have not answered, whose recordings are not there */
  missing?: string[];
  /** the page_token of the next page; absent on the last one */
  next_page_token?: string;
  recordings: RecordingInfo[];
}

/** RenditionInfo describes one rendition of the newest epoch. */
export interface RenditionInfo {
  /** bit/s as measured over the epoch */
  average: number;
  /** bit/s as declared in the manifests */
  bandwidth: number;
  /** RFC 6381, empty before the initialization segment is there */
  codec?: string;
  fps?: number;
  height?: number;
  id: string;
  width?: number;
}

/** Room is a room as /api/v1/rooms tells it. */
export interface Room {
  /** packets that participants were too slow for */
  dropped: number;
  /** who is on air is whoever speaks */
  followsSpeech: boolean;
  mode: "sfu" | "mesh";
  name: string;
  /** the stream that it makes, else "" */
  onAir: string;
  participants: Participant[];
  since: string;
}

/** RoomList is the answer of GET /api/v1/rooms: rooms that somebody is in. */
export interface RoomList {
  /** nodes of the cluster that have not answered, whose rooms are not there */
  missing?: string[];
  rooms: Room[];
}

/** Sent is a medium that a participant sends. */
export interface Sent {
  /** bit/s */
  bitrate: number;
  /** seconds (RFC 3550 §A.8) */
  jitter: number;
  kind: string;
  /** packets */
  lost: number;
  packets: number;
  /** packets restored from redundancy (RFC 2198) */
  recovered: number;
  /** nothing has come for 10 s although the client sends otherwise */
  silent: boolean;
  /** SSRCs that it has been read from, one after the other */
  sources: number;
}

/** Server is the answer of GET /api/v1/server: what clients need to know before they publish. */
export interface Server {
  /** steering does */
  authAdmin: boolean;
  /** publishing needs a key */
  authPublish: boolean;
  /** watching needs a key */
  authWatch: boolean;
  /** whose pages may frame the player beside our own; * is everybody */
  embedOrigins: string[];
  /** URLs of STUN and TURN servers; their credentials are in the Link headers of WHIP answers */
  iceServers: string[];
  /** which renditions are encoded, and why */
  ladderReason: string;
  /** seconds that a stream waits for its publisher */
  linger: number;
  /** that still pictures can be changed by */
  processors: string[];
  /** URL of the service whose streams these are, where this one is a relay */
  relayOf?: string;
  /** that can be made of live video */
  transforms: string[];
  version: string;
}

/** Session is a session as /api/v1/sessions tells it, seen from the server: what it receives and what it sends. */
export interface Session {
  address: string;
  /** of a viewer whose client tells when each packet has come */
  bandwidth?: Bandwidth;
  /** not the session's own name: whoever knows that can end it */
  id: string;
  /** tracks of an upload that are not passed on, and why */
  ignored?: string[];
  /** publisher, viewer, echo, upload, frames, rtmp, srt, participant, air, producer, consumer, pull or forward */
  kind: string;
  /** received */
  media: Received[];
  /** of the stream or the room */
  name: string;
  /** of the cluster that has it; absent where the service stands alone */
  node?: string;
  received: Direction;
  /** seconds, 0 while unknown */
  rtt: number;
  sent: Direction;
  since: string;
  state: string;
}

/** SessionList is the answer of GET /api/v1/sessions: every session, the oldest first. */
export interface SessionList {
  /** nodes of the cluster that have not answered, whose sessions are not there */
  missing?: string[];
  /** the page_token of the next page; absent on the last one */
  next_page_token?: string;
  sessions: Session[];
}

/** Status is the answer of /healthz and /readyz. */
export interface Status {
  status: string;
}

/** Stream is a stream as /api/v1/streams tells it. */
export interface Stream {
  audience: Audience;
  /** seconds by which video was moved against audio to be in sync */
  avOffset: number;
  encoder: Encoder;
  /** why it failed, else "" */
  error: string;
  /** why viewers get nothing new at the moment, else "" */
  fault: string;
  /** absent where the stream is forwarded nowhere */
  forwards?: Forward[];
  ladderReason: string;
  name: string;
  /** of the cluster that has it; absent where the service stands alone */
  node?: string;
  playableAt?: string;
  publisher: Publisher | null;
  /** absent where streams are not pushed */
  push?: Push;
  recording: Recording | null;
  renditions: RenditionInfo[];
  startedAt: string;
  state: "starting" | "live" | "interrupted" | "ended" | "failed";
  urls: URLs;
  /** over WHEP */
  viewers: number;
}

/** StreamList is the answer of GET /api/v1/streams: streams that have not ended, by name. */
export interface StreamList {
  /** nodes of the cluster that have not answered, whose streams are not there */
  missing?: string[];
  /** the page_token of the next page; absent on the last one */
  next_page_token?: string;
  streams: Stream[];
}

/** TransformRequest is the body of PUT /api/v1/streams/{stream}/transform. */
export interface TransformRequest {
  /** one of transforms of /api/v1/server, or "" for none */
  transform: string;
}

/** URLs are the paths at which a stream is watched. */
export interface URLs {
  dash: string;
  hls: string;
  thumbnail: string;
  watch: string;
  whep: string;
}

/** Video is how the publisher's video arrives. */
export interface Video {
  /** bit/s */
  bitrate: number;
  codec: string;
  fps: number;
  height: number;
  /** seconds (RFC 3550 §A.8) */
  jitter: number;
  /** packets */
  lost: number;
  packets: number;
  /** packets restored from redundancy (RFC 2198) */
  recovered: number;
  /** nothing has come for 10 s although the client sends otherwise */
  silent: boolean;
  /** SSRCs that it has been read from, one after the other */
  sources: number;
  width: number;
}
