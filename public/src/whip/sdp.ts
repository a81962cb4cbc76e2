// The little SDP that WHIP needs beyond what the browser makes itself: fragments for trickle ICE and ICE restarts
// (RFC 8840, RFC 9725 §4.3), and Link headers with ICE servers (RFC 9725 §4.6).

/** The value of the first a=name line. */
const attribute = (sdp: string, name: string) => new RegExp(`^a=${name}:(.*?)\\r?$`, "m").exec(sdp)?.[1];

/** One candidate of ours: the a= line's value ("candidate:…") and the media section it belongs to. */
export interface Candidate {
  candidate: string;
  mid: string;
}

/** Makes the body of a PATCH from the local description and the candidates to tell. `last`: no more will follow. */
export function iceFragment(localSdp: string, candidates: Candidate[], last: boolean): string {
  const lines = [`a=ice-ufrag:${attribute(localSdp, "ice-ufrag")}`, `a=ice-pwd:${attribute(localSdp, "ice-pwd")}`];
  const group = attribute(localSdp, "group");
  if (group) lines.unshift(`a=group:${group}`);
  // With BUNDLE the first media section's transport is everybody's, so it alone is described.
  const section = /^m=(\S+) \d+ (\S+)/m.exec(localSdp);
  lines.push(`m=${section?.[1] ?? "audio"} 9 ${section?.[2] ?? "UDP/TLS/RTP/SAVPF"} 0`);
  lines.push(`a=mid:${attribute(localSdp, "mid") ?? candidates[0]?.mid ?? "0"}`);
  for (const { candidate } of candidates) lines.push(`a=${candidate}`);
  if (last) lines.push("a=end-of-candidates");
  return `${lines.join("\r\n")}\r\n`;
}

/**
 * Has Chromium begin at so many kbit/s, not at 300, nor at what the server has asked for: without it the first seconds of
 * every stream are blurred. Others ignore the parameter, and congestion control goes on from there as ever.
 */
export function withStartBitrate(answer: string, kbps: number): string {
  const [session = "", ...sections] = answer.split(/^(?=m=)/m);
  return session + sections.map((section) => (section.startsWith("m=video") ? startAt(section, kbps) : section)).join("");
}

function startAt(section: string, kbps: number): string {
  const payload = /^m=video \d+ \S+ (\d+)/.exec(section)?.[1];
  const parameter = `x-google-start-bitrate=${kbps}`;
  const fmtp = new RegExp(`^a=fmtp:${payload} (.*?)(\r?)$`, "m");
  const [, present, end] = fmtp.exec(section) ?? [];
  if (present !== undefined) {
    const others = present.split(";").filter((each) => !each.startsWith("x-google-start-bitrate="));
    return section.replace(fmtp, `a=fmtp:${payload} ${[...others, parameter].join(";")}${end}`);
  }
  return section.replace(new RegExp(`^(a=rtpmap:${payload} .*?)(\r?)$`, "m"), `$1$2\na=fmtp:${payload} ${parameter}$2`);
}

/** A Link header: what it points to, and the value of one of its parameters. */
interface WebLink {
  target: string;
  value(name: string): string | undefined;
}

/** Reads Link headers, joined by commas as fetch gives them (RFC 8288 §3). */
function webLinks(links: string | null): WebLink[] {
  const found = (links ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+=(?:"[^"]*"|[^\s",;]*))*)/g);
  return [...found].map(([, target = "", parameters = ""]) => ({
    target,
    value: (name) => new RegExp(`;\\s*${name}="?([^";]*)`).exec(parameters)?.[1],
  }));
}

/** Where an extension of WHIP or WHEP is, by the last parts of its name; undefined where the server has none. */
export const extensionIn = (links: string | null, name: string) =>
  webLinks(links).find(({ value }) => value("rel")?.endsWith(`:ext:${name}`))?.target;

/**
 * Reads Link headers into the ICE servers that they name (RFC 9725 §4.6). TURN servers without credentials are left out: browsers
 * refuse them.
 */
export function iceServers(links: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const { target: urls, value } of webLinks(links)) {
    const [username, credential] = [value("username"), value("credential")];
    if (value("rel") !== "ice-server" || (urls.startsWith("turn") && !(username && credential))) continue;
    servers.push({ urls, ...(username && { username, credential }) });
  }
  return servers;
}

/** Puts the server's new ICE credentials and candidates from a restart's answer into its last SDP answer. */
export function applyRestart(remoteSdp: string, fragment: string): string {
  const ufrag = attribute(fragment, "ice-ufrag");
  const pwd = attribute(fragment, "ice-pwd");
  if (!ufrag || !pwd) throw new Error("the server's answer to the ICE restart has no credentials");
  const candidates = fragment.split(/\r?\n/).filter((line) => line.startsWith("a=candidate:"));
  const lines = remoteSdp
    .split(/\r?\n/)
    .filter((line) => line !== "" && !/^a=(candidate:|end-of-candidates)/.test(line))
    .map((line) => line.replace(/^a=ice-ufrag:.*/, `a=ice-ufrag:${ufrag}`).replace(/^a=ice-pwd:.*/, `a=ice-pwd:${pwd}`));
  const first = lines.findIndex((line) => line.startsWith("m="));
  const second = lines.findIndex((line, i) => i > first && line.startsWith("m="));
  lines.splice(second < 0 ? lines.length : second, 0, ...candidates);
  return `${lines.join("\r\n")}\r\n`;
}
