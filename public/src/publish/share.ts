// What to share of a stream, and the buttons that copy it.

import { listEmbedOrigins, streamUrls } from "../server/api.ts";
import { copyOnClick } from "../ui/copy.ts";
import { byId, el, setText } from "../ui/dom.ts";
import { embedCode } from "./embed.ts";

const absolute = (path: string) => new URL(path, location.href).href;

/** Shows a stream's addresses, and the code that embeds its player. */
export function shareStream(name: string): void {
  const { watch, embed, hls, dash, webrtc: whep } = streamUrls(name, ""); // the key of who publishes is not for others
  const links = { watch, webrtc: `${watch}?protocol=webrtc`, hls, dash };
  for (const [kind, path] of Object.entries(links)) showLink(byId<HTMLAnchorElement>(`${kind}-link`), path);
  setText(byId("whep-url"), absolute(whep));
  setText(byId("embed-code"), embedCode(absolute(embed), name));
}

/** Puts an address into a link: the whole of it, as it is to be passed on; long ones break behind their slashes. */
function showLink(link: HTMLAnchorElement, path: string): void {
  link.href = path;
  link.replaceChildren(...link.href.split(/(?<=\/)/).flatMap((part) => [part, el("wbr")]));
  link.target = "_blank";
}

/** Makes each button with data-copy copy what the element that it names shows. */
export function setUpSharing(): void {
  document.querySelectorAll<HTMLButtonElement>("button[data-copy]").forEach((button) => {
    copyOnClick(button, byId(button.dataset.copy ?? ""));
  });
  listEmbedOrigins().then(
    (origins) => (byId("embed-hint").hidden = origins.length > 0),
    () => undefined, // the page says by itself that the server is away
  );
}
