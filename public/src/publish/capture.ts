// Cameras, microphones and screens: opening them, listing them, and their errors in words.

export interface CaptureOptions {
  source: "camera" | "screen" | "audio";
  camera: string; // device id; empty: the default one
  microphone: string; // device id; empty: the default one; "none": no sound
  width: number;
  height: number;
  fps: number;
  hint?: Hint;
}

/** What the encoder saves last (W3C mst-content-hint); empty: what fits the source. */
export type Hint = "" | "motion" | "detail" | "text";

/** Says what the picture is made for: of a screen it is the detail. */
export function setHint(media: MediaStream, { source, hint }: CaptureOptions): void {
  for (const track of media.getVideoTracks()) track.contentHint = hint || (source === "screen" ? "detail" : "");
}

/** Opens what the options ask for: at most one video and one audio track in one MediaStream (RFC 9725 §4.4.2). */
export async function openMedia(options: CaptureOptions): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new DOMException("insecure context", "SecurityError");
  const media = await (options.source === "screen" ? openScreen(options) : navigator.mediaDevices.getUserMedia(constraints(options)));
  setHint(media, options);
  return media;
}

async function openScreen(options: CaptureOptions): Promise<MediaStream> {
  const screen = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: options.fps }, audio: true });
  if (screen.getAudioTracks().length === 0 && options.microphone !== "none") {
    const sound = await navigator.mediaDevices.getUserMedia({ audio: audioConstraints(options) }).catch(() => undefined);
    for (const track of sound?.getAudioTracks() ?? []) screen.addTrack(track);
  }
  return screen;
}

function constraints(options: CaptureOptions): MediaStreamConstraints {
  const { source, camera, width, height, fps, microphone } = options;
  const video = {
    ...(camera && { deviceId: { exact: camera } }),
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: fps },
  };
  return {
    video: source === "camera" && video,
    audio: (source === "audio" || microphone !== "none") && audioConstraints(options),
  };
}

const audioConstraints = ({ microphone }: CaptureOptions): MediaTrackConstraints =>
  microphone && microphone !== "none" ? { deviceId: { exact: microphone } } : {};

export function stopMedia(media: MediaStream | undefined): void {
  for (const track of media?.getTracks() ?? []) track.stop();
}

/** Fills the pickers with the devices there are, keeping what was chosen; names are known once access was granted. */
export async function listDevices(camera: HTMLSelectElement, microphone: HTMLSelectElement): Promise<void> {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  for (const [select, kind] of [[camera, "videoinput"], [microphone, "audioinput"]] as const) {
    const chosen = select.value;
    select.querySelectorAll("option[data-device]").forEach((option) => option.remove());
    for (const device of devices) {
      if (device.kind !== kind || !device.deviceId || device.deviceId === "default") continue;
      const option = new Option(device.label || "Unnamed device", device.deviceId);
      option.dataset.device = "";
      select.add(option);
    }
    select.value = chosen;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
}

/** What went wrong when opening a device, and what to do about it. */
export function captureError(error: unknown, source: CaptureOptions["source"]): string {
  if (!window.isSecureContext) return insecure();
  const what = { camera: "camera or microphone", screen: "screen", audio: "microphone" }[source];
  const name = error instanceof DOMException ? error.name : "";
  const texts: Record<string, string> = {
    NotAllowedError:
      `The browser was not allowed to use the ${what}. ` +
      "Allow it in the address bar or in the system's privacy settings, then try again.",
    NotFoundError: `No ${what} was found. Plug one in, or choose another source.`,
    NotReadableError: `The ${what} cannot be read: another program may be using it.`,
    OverconstrainedError: "The chosen device is gone or cannot do this. Choose another one.",
    SecurityError: insecure(),
    AbortError: `The ${what} stopped working while it was opened. Try again.`,
  };
  return texts[name] ?? `The ${what} could not be opened: ${error instanceof Error ? error.message : error}`;
}

const insecure = () =>
  "Browsers give cameras and microphones to secure pages only. Open this page over HTTPS, or as localhost on the server itself.";
