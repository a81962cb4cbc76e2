// Being in a room: its events, and the media of all who are in it.

import { at } from "../server/base.ts";
import type { Sending } from "../sending/sending.ts";
import type { RoomEvent } from "./events.ts";
import { Link } from "./link.ts";
import { Signalling } from "./signal.ts";
import type { Viewed } from "./views.ts";

export interface MeetingOptions {
  room: string;
  mesh: boolean;
  name: string;
  key: () => string;
  sse: boolean;
  media: MediaStream;
  /** How the picture is sent to the server; nothing while that is not known. */
  sending: () => Sending | undefined;
  onEvent: (event: RoomEvent) => void;
  onConnected: (connected: boolean) => void;
  onEnd: (error?: Error) => void;
  /** The media of a participant has come. */
  onMedia: (id: string, media: MediaStream) => void;
}

/** What comes of one participant. */
export interface Flow {
  bitrate: number; // bit/s
  fps: number;
  width: number;
  height: number;
}

export interface Measured {
  sent: number; // bit/s
  received: number; // bit/s
  rtt: number; // seconds
  of: Map<string, Flow>;
}

/** What getStats tells of RTP streams and candidate pairs. */
interface Report {
  type: string;
  id: string;
  timestamp: number;
  kind?: string;
  trackIdentifier?: string;
  bytesSent?: number;
  bytesReceived?: number;
  framesPerSecond?: number;
  frameWidth?: number;
  frameHeight?: number;
  nominated?: boolean;
  currentRoundTripTime?: number;
}

/** The other side of a link: the server. */
const server = "";

export class Meeting {
  self = "";
  mode = "";
  private readonly signalling: Signalling;
  private readonly links = new Map<string, Link>();
  private readonly streams = new Map<string, MediaStream>();
  private readonly before = new Map<string, Report>();
  private iceServers: RTCIceServer[] = [];

  constructor(private readonly options: MeetingOptions) {
    const { room, mesh, name, key, sse, onConnected, onEnd } = options;
    this.signalling = new Signalling({
      path: at(`/rooms/${room}`), query: mesh ? "mesh=1" : "", name, key, simulcast: !mesh, sse, onConnected, onEnd, onEvent: (event) => this.take(event),
    });
  }

  enter = (): Promise<void> => this.signalling.enter();

  say = (text: string): void => this.signalling.send({ event: "message", text });

  /** Tells the server in which sizes others are shown; in a mesh each sends one. */
  readonly view = (views: Viewed[]): void => {
    if (this.mode !== "mesh") this.signalling.send({ event: "view", views });
  };

  /** How events come. */
  get transport(): string {
    return this.signalling.transport;
  }

  leave(): void {
    this.signalling.leave();
    this.close();
  }

  /** Ends all media. */
  close(): void {
    for (const link of this.links.values()) link.close();
    this.links.clear();
    this.streams.clear();
    this.before.clear();
  }

  streamOf = (id: string): MediaStream | undefined => this.streams.get(id);

  async replace(kind: "audio" | "video", track: MediaStreamTrack | null): Promise<void> {
    await Promise.all([...this.links.values()].map((link) => link.replace(kind, track)));
  }

  private take(event: RoomEvent): void {
    switch (event.event) {
      case "authenticated":
        if (!event.resumed) this.begin(event);
        else for (const link of this.links.values()) link.repeat();
        break;
      case "offer":
      case "answer":
      case "candidate":
        void this.linkTo(event.from ?? server).hear(event);
        return;
      case "left":
        this.links.get(event.from ?? server)?.close();
        this.links.delete(event.from ?? server);
        this.streams.delete(event.from ?? server);
    }
    this.options.onEvent(event);
    // Of two in a mesh the one whose id comes first offers, so that only one does.
    const joined = event.event === "joined" ? event.participant?.id : undefined;
    if (joined && this.mode === "mesh" && this.self < joined) this.linkTo(joined);
  }

  private begin({ self, mode, iceServers, participants }: RoomEvent): void {
    this.close();
    this.self = self ?? "";
    this.mode = mode ?? "";
    this.iceServers = iceServers ?? [];
    if (mode !== "mesh") return;
    for (const { id } of participants ?? []) if (id !== this.self && this.self < id) this.linkTo(id);
  }

  private linkTo(id: string): Link {
    let link = this.links.get(id);
    if (!link) {
      const mesh = id !== server;
      link = new Link({
        polite: !mesh || this.self > id,
        begins: mesh && this.self < id,
        iceServers: this.iceServers,
        media: this.options.media,
        sending: mesh ? () => undefined : this.options.sending,
        // Events are numbered for each participant: in a mesh the number of an offer says nothing to who has made it.
        send: (event) => this.signalling.send(mesh ? { ...event, answers: undefined, to: id } : event),
        onTrack: ({ track, streams }) => this.receive(mesh ? id : (streams[0]?.id ?? ""), track),
      });
      this.links.set(id, link);
    }
    return link;
  }

  /** Keeps a participant's tracks in one MediaStream of ours, which stays the same when they are replaced. */
  private receive(id: string, track: MediaStreamTrack): void {
    const media = this.streams.get(id) ?? new MediaStream();
    this.streams.set(id, media);
    for (const old of media.getTracks()) if (old.kind === track.kind) media.removeTrack(old);
    media.addTrack(track);
    this.options.onMedia(id, media);
  }

  /** Reads what flows, since the last time. */
  async measure(): Promise<Measured> {
    const measured: Measured = { sent: 0, received: 0, rtt: NaN, of: new Map() };
    for (const link of this.links.values()) {
      const reports = (await link.peer.getStats()) as unknown as Map<string, Report>;
      for (const report of reports.values()) this.count(report, measured);
    }
    return measured;
  }

  private count(report: Report, measured: Measured): void {
    if (report.type === "candidate-pair" && report.nominated) measured.rtt = report.currentRoundTripTime ?? measured.rtt;
    const last = this.before.get(report.id);
    if (report.type !== "inbound-rtp" && report.type !== "outbound-rtp") return;
    this.before.set(report.id, report);
    const bytes = (r: Report) => r.bytesReceived ?? r.bytesSent ?? 0;
    const rate = last && report.timestamp > last.timestamp ? ((bytes(report) - bytes(last)) * 8000) / (report.timestamp - last.timestamp) : 0;
    if (report.type === "outbound-rtp") {
      measured.sent += rate;
      return;
    }
    measured.received += rate;
    const [id] = [...this.streams].find(([, media]) => media.getTracks().some((t) => t.id === report.trackIdentifier)) ?? [];
    if (id === undefined) return;
    const flow = measured.of.get(id) ?? { bitrate: 0, fps: 0, width: 0, height: 0 };
    flow.bitrate += rate;
    if (report.kind === "video") Object.assign(flow, { fps: report.framesPerSecond ?? 0, width: report.frameWidth ?? 0, height: report.frameHeight ?? 0 });
    measured.of.set(id, flow);
  }
}
