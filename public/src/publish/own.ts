// What one sends to a room: the microphone, and the camera's picture as the effects make it.

import { automaticBitrate, type Sending } from "../sending/sending.ts";
import { openMedia, stopMedia } from "./capture.ts";
import { paintedTrack } from "./effects.ts";

export type Kind = "audio" | "video";

const fps = 30;

/** What the camera is asked for: for a server, which takes smaller sizes beside it; in a mesh each of the others is sent a picture of its own. */
const pictures = { server: { camera: "", width: 1280, height: 720, fps }, mesh: { camera: "", width: 640, height: 480, fps } };

export class OwnMedia {
  /** What is sent. */
  media = new MediaStream();
  private camera: MediaStreamTrack | undefined;
  private picture = pictures.server;

  /** replace sends another track of a kind, or none, to who is connected. */
  constructor(private readonly replace: (kind: Kind, track: MediaStreamTrack | null) => Promise<void> | undefined) {}

  /** Opens both, one or neither; rejects where the browser does not give them, and then there is neither. */
  async open({ camera, microphone, mesh }: { camera: boolean; microphone: boolean; mesh: boolean }): Promise<void> {
    this.media = new MediaStream();
    this.picture = mesh ? pictures.mesh : pictures.server;
    if (!camera && !microphone) return;
    this.media = await openMedia({ ...this.picture, source: camera ? "camera" : "audio", microphone: microphone ? "" : "none" });
    this.camera = this.media.getVideoTracks()[0];
    await this.paint();
  }

  has = (kind: Kind): boolean => this.media.getTracks().some((track) => track.kind === kind);

  /** How the camera's picture is sent to who takes it in layers; nothing while its size is not known. */
  sending(): Sending | undefined {
    const { width, height, frameRate = fps } = this.camera?.getSettings() ?? {};
    return width && height ? { codec: "", maxBitrate: automaticBitrate(width, height, frameRate), sizes: 3, width, height, redundancy: false } : undefined;
  }

  /** Sends the camera's picture as the effects make it now. */
  async paint(): Promise<void> {
    await this.exchange("video", paintedTrack(this.camera));
  }

  /** Turns the microphone or the camera off, or on, where it is wanted once it is open: off, it is not open. */
  async turn(kind: Kind, wanted: () => boolean): Promise<void> {
    if (this.has(kind)) return this.send(kind, undefined);
    const opened = await openMedia({ ...this.picture, source: kind === "audio" ? "audio" : "camera", microphone: kind === "audio" ? "" : "none" });
    if (wanted()) await this.send(kind, opened.getTracks().find((track) => track.kind === kind));
    else stopMedia(opened);
  }

  stop(): void {
    this.camera?.stop();
    this.camera = paintedTrack(undefined);
    stopMedia(this.media);
  }

  private async send(kind: Kind, track: MediaStreamTrack | undefined): Promise<void> {
    if (kind === "audio") {
      stopMedia(new MediaStream(this.media.getAudioTracks()));
      return this.exchange(kind, track);
    }
    this.camera?.stop();
    this.camera = track;
    await this.paint();
  }

  /** Has another track in the place of what is sent of a kind. */
  private async exchange(kind: Kind, track: MediaStreamTrack | undefined): Promise<void> {
    const before = this.media.getTracks().find((old) => old.kind === kind);
    if (before === track) return;
    if (before) this.media.removeTrack(before);
    if (track) this.media.addTrack(track);
    await this.replace(kind, track ?? null);
  }
}
