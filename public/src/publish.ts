// The publish page: choose a source, go live, see how it goes.

import { captureError, listDevices, openMedia, setHint, stopMedia, type CaptureOptions } from "./publish/capture.ts";
import { rememberOpen } from "./publish/choices.ts";
import { hasOverlay, setUpEffects, withEffects } from "./publish/effects.ts";
import { picked, sending, setUpQuality, showQuality, wantedPicture } from "./publish/quality.ts";
import { setUpSharing, shareStream } from "./publish/share.ts";
import { Steps } from "./publish/steps.ts";
import { followTransform, setUpTransforms } from "./publish/transform.ts";
import { UploadClient } from "./publish/upload.ts";
import { findStream, type Stream } from "./server/api.ts";
import { at } from "./server/base.ts";
import { describe } from "./server/problem.ts";
import { takeToken } from "./server/token.ts";
import { LivePlot } from "./ui/chart.ts";
import { byId, repeat, setBadge, setNotice, setText } from "./ui/dom.ts";
import { bitrate, milliseconds, percent, size } from "./ui/format.ts";
import { storedKey, withKey } from "./ui/key.ts";
import { isStreamName, suggestName } from "./ui/names.ts";
import type { ConnectionState } from "./whip/connection.ts";
import { limitText, noRates, RateMeter, type Rates, type Stat } from "./whip/rates.ts";
import { codecLabel } from "./sending/sending.ts";
import { Talk } from "./whip/talk.ts";
import { WhipClient } from "./whip/whip.ts";

const preview = byId<HTMLVideoElement>("preview");
const name = byId<HTMLInputElement>("name");
const camera = byId<HTMLSelectElement>("camera");
const microphone = byId<HTMLSelectElement>("microphone");
const fault = byId("fault");
const steps = new Steps(byId("steps"));
const plot = new LivePlot(byId("rate-chart"), [{ label: "Bitrate", color: "--accent", format: bitrate }]);

let media: MediaStream | undefined;
let client: WhipClient | UploadClient | undefined;
let connection: ConnectionState = "closed";
let running = false; // from the wish to go live to the end
let accepted = false; // the server has taken this publication, so its stream is ours
let meter = new RateMeter();

function captureOptions(): CaptureOptions {
  const source = picked("source") as CaptureOptions["source"];
  return { source, camera: camera.value, microphone: microphone.value, ...wantedPicture() };
}

const picture = () => media?.getVideoTracks()[0];

let opening: Promise<boolean> | undefined;

/** Opens the chosen source for the preview, and for the viewers when live. Returns whether there is one. Once at a time. */
function openSource(): Promise<boolean> {
  return (opening ??= open().finally(() => (opening = undefined)));
}

async function open(): Promise<boolean> {
  const options = captureOptions();
  setNotice(fault, "");
  try {
    // Some cameras open only once, so the old one is let go first.
    if (options.source !== "screen") stopMedia(media);
    const opened = await openMedia(options);
    stopMedia(media);
    media = opened;
  } catch (error) {
    setNotice(fault, captureError(error, options.source));
    return false;
  }
  if (differs(options)) return open(); // something else was chosen meanwhile
  setHint(media, captureOptions());
  for (const track of media.getTracks()) track.addEventListener("ended", () => sourceEnded(track));
  showPreview(options);
  await sendSource();
  await limit();
  await listDevices(camera, microphone);
  return differs(options) ? open() : true; // or after it was shown
}

/** Whether another source than this one is chosen by now. */
function differs(options: CaptureOptions): boolean {
  const { source, camera, microphone, width, height, fps } = captureOptions();
  const now = { source, camera, microphone, width, height, fps };
  return (Object.keys(now) as (keyof typeof now)[]).some((choice) => now[choice] !== options[choice]);
}

/** Shows the source as the effects make it, and sends that when live. */
async function sendSource(): Promise<void> {
  mirror();
  if (!media) return;
  const made = withEffects(media);
  if (preview.srcObject === made) return;
  preview.srcObject = made;
  await client?.replace(made);
}

/** Bounds what is sent, and says to what. */
async function limit(): Promise<void> {
  showQuality(running, picture());
  await client?.limit(sending(picture()));
}

let seen = "";

/** Bounds what is sent anew when the picture has another size, as that of a window has, or of a phone that was turned. A recording goes on as it is. */
async function followSize(): Promise<void> {
  const { width = 0, height = 0 } = picture()?.getSettings() ?? {};
  const now = `${width}x${height}`;
  if (now === seen) return;
  seen = now;
  if (!(client instanceof UploadClient)) await limit();
}

/** Takes a change of the settings to the picture that there is. */
async function changed({ id, name: group }: HTMLInputElement): Promise<void> {
  if (id === "mirror") return mirror();
  if (media && group === "hint") for (const each of [media, withEffects(media)]) setHint(each, captureOptions());
  if (media && group !== "hint" && !["codec", "sizes", "max-bitrate", "redundancy"].includes(id)) await openSource();
  await limit();
}

function showPreview({ source }: CaptureOptions): void {
  byId("open").hidden = true;
  byId("preview-message").hidden = source !== "audio";
  setText(byId("preview-message").querySelector("span") as HTMLElement, "Audio only: viewers see no video.");
}

function sourceEnded(track: MediaStreamTrack): void {
  if (!media?.getTracks().includes(track)) return;
  const seen = captureOptions().source === "screen" ? "Sharing the screen" : "The camera";
  const what = track.kind === "audio" ? "The microphone" : seen;
  setNotice(fault, `${what} has ended. Choose a source to go on.`);
}

/** An overlay is shown as viewers see it: it could not be read in a mirror. */
function mirror(): void {
  preview.classList.toggle("mirrored", byId<HTMLInputElement>("mirror").checked && captureOptions().source === "camera" && !hasOverlay());
}

async function goLive(): Promise<void> {
  if (client) return;
  setNotice(fault, "");
  setRunning(true);
  steps.reset();
  byId("steps").hidden = false;
  try {
    if ((media?.active || (await openSource())) && media) await publish(media);
    else setRunning(false);
  } catch (error) {
    await giveUp(describe(error));
  }
}

/** Publishes; resolves when the server has taken the publication. */
async function publish(tracks: MediaStream): Promise<void> {
  meter = new RateMeter();
  accepted = false;
  await withKey(() => {
    const options = {
      media: withEffects(tracks),
      key: storedKey,
      sending: sending(picture()),
      onState: (state: ConnectionState, error?: unknown) => client === attempt && onState(state, error),
    };
    const attempt: WhipClient | UploadClient =
      picked("way") === "upload" ? new UploadClient({ ...options, stream: name.value }) : new WhipClient({ ...options, url: at(`/whip/${name.value}`), talk: new Talk("Viewer") });
    client = attempt;
    return attempt.start();
  });
  accepted = true;
}

function onState(state: ConnectionState, error?: unknown): void {
  if (state === "failed") return void giveUp(describe(error));
  connection = state;
  if (error !== undefined) setNotice(fault, describe(error));
  if (state === "connected") {
    setNotice(fault, "");
    steps.reach("sending");
    byId("share").hidden = false;
    byId("stop").scrollIntoView({ block: "nearest" });
  }
  if (state === "connecting" || state === "reconnecting") steps.enter("connecting");
  showBadge();
}

/** Ends what cannot go on, and says why. */
async function giveUp(reason: string): Promise<void> {
  steps.fail();
  setNotice(fault, reason);
  await end();
  setBadge(byId("badge"), "failed", "Failed");
}

function showBadge(stream?: Stream): void {
  const badge = byId("badge");
  if (!client) setBadge(badge, "idle", "Not live");
  else if (connection === "reconnecting") setBadge(badge, "interrupted", "Reconnecting");
  else if (connection !== "connected") setBadge(badge, "connecting", "Connecting");
  else if (stream?.state === "live") setBadge(badge, "live", "Live");
  else if (!steps.reached("playable")) setBadge(badge, "starting", "Starting");
}

async function stop(): Promise<void> {
  setNotice(fault, "");
  byId("steps").hidden = true;
  await end();
  showBadge();
}

async function end(): Promise<void> {
  const ended = client;
  client = undefined;
  connection = "closed";
  await ended?.stop();
  for (const id of ["reduced", "other-codec"]) setNotice(byId(id), "");
  byId("share").hidden = true;
  setRunning(false);
}

function setRunning(now: boolean): void {
  running = now;
  byId("start").hidden = running;
  byId("stop").hidden = byId("rates").hidden = !running;
  name.disabled = running;
  byId("settings").querySelectorAll<HTMLInputElement>("input[name=source]").forEach((input) => (input.disabled = running));
  document.querySelectorAll<HTMLInputElement>("input[name=way]").forEach((input) => (input.disabled = running));
  showQuality(running, picture());
}

/**
 * Follows the stream on the server: encoder running, playable, or failed and why. A failed stream's session has ended, so
 * the connection alone would only tell that it is lost.
 */
async function follow(): Promise<void> {
  const asking = client;
  if (!asking || !accepted) return;
  const stream = await findStream(name.value).catch(() => undefined);
  if (client !== asking || !stream) return;
  setNotice(byId("reduced"), stream.encoder?.reduced ?? "");
  if (stream.state === "failed") {
    steps.enter("encoding");
    return giveUp(`The server's encoder has failed. ${stream.error ?? ""}`);
  }
  if (connection !== "connected") return;
  void followTransform(stream);
  if (stream.state === "live") steps.reach("playable");
  else if (stream.encoder && stream.encoder.fps > 0) steps.reach("encoding");
  showBadge(stream);
  showServerFault(stream.fault ?? "");
}

let serverFault = "";

function showServerFault(now: string): void {
  if (now !== serverFault) setNotice(fault, now && `The stream is stalled for viewers: on the server ${now}.`);
  serverFault = now;
}

async function readRates(): Promise<Rates> {
  if (client instanceof UploadClient) return client.rates();
  const report = client?.peer?.connectionState === "connected" ? await client.peer.getStats() : undefined;
  return report ? meter.read(report.values() as Iterable<Stat>) : noRates;
}

async function showRates(): Promise<void> {
  const rates = await readRates();
  setText(byId("bitrate"), bitrate(rates.bitrate));
  setText(byId("sent-codec"), rates.codec ? codecLabel(rates.codec) : "–");
  showOtherCodec(rates.codec && codecLabel(rates.codec));
  setText(byId("picture"), size(rates.width, rates.height));
  setText(byId("fps"), Number.isFinite(rates.fps) ? `${Math.round(rates.fps)} fps` : "–");
  setText(byId("rtt"), milliseconds(rates.rtt));
  setText(byId("loss"), percent(rates.loss));
  setText(byId("limit"), limitText(rates.limit));
  if (client) plot.add(rates.bitrate);
  await followSize();
}

/** Says when the server, or the browser, has decided otherwise than the page's user. */
function showOtherCodec(sent: string): void {
  const wanted = codecLabel(sending().codec);
  if (sent && wanted && sent !== wanted) setNotice(byId("other-codec"), `The video is sent as ${sent}: the server does not take ${wanted}.`);
}

function showName(): void {
  if (isStreamName(name.value)) shareStream(name.value);
}

/** Shows the picture at once where the browser need not ask any more. */
async function openIfAllowed(): Promise<void> {
  if (!window.isSecureContext) return setNotice(fault, captureError(undefined, "camera"));
  const permission = await navigator.permissions?.query({ name: "camera" as PermissionName }).catch(() => undefined);
  if (permission?.state === "granted" && !media) await openSource();
}

takeToken();
name.value = new URLSearchParams(location.search).get("stream") ?? "";
if (!isStreamName(name.value)) name.value = suggestName();
showName();
setUpQuality();
showQuality(false);
setUpSharing();
rememberOpen("sluice.advanced", byId<HTMLDetailsElement>("advanced"));
setUpEffects(() => void sendSource());
name.addEventListener("input", showName);
byId("open").addEventListener("click", openSource);
byId("mirror").addEventListener("change", mirror);
for (const id of ["settings", "sending"]) byId(id).addEventListener("change", ({ target }) => changed(target as HTMLInputElement));
byId("publish").addEventListener("submit", (event) => {
  event.preventDefault();
  void goLive();
});
byId("stop").addEventListener("click", stop);
navigator.mediaDevices?.addEventListener("devicechange", () => listDevices(camera, microphone));
repeat(1000, showRates);
repeat(1000, follow);
void listDevices(camera, microphone);
void openIfAllowed();
void setUpTransforms();
