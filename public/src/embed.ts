// The player alone, as other pages frame it: /embed/{stream}?protocol=hls&autoplay=0&muted=1&token=….

import "./player/sluice-player.ts"; // which defines the element
import type { SluicePlayer } from "./player/sluice-player.ts";
import { readSource } from "./player/source.ts";
import { viewerToken } from "./server/token.ts";
import { byId, setText } from "./ui/dom.ts";

const query = new URLSearchParams(location.search);
const player = byId<SluicePlayer>("player");

/** A switch of the address: 1 or 0. */
const says = (name: string, otherwise: boolean) => (query.has(name) ? query.get(name) !== "0" : otherwise);

const name = readSource(location.href, location.href)?.name;
if (name) {
  document.title = `${name} · Sluice`;
  setText(byId("title"), name);
}
const autoplay = says("autoplay", true);
player.hosting = { token: viewerToken, keys: true };
player.toggleAttribute("autoplay", autoplay);
player.toggleAttribute("muted", says("muted", autoplay)); // browsers let nothing else begin by itself
player.setAttribute("src", location.href);

/** For tests and the curious. */
Object.assign(window, {
  sluice: {
    get player() {
      return player.playback?.player?.engine;
    },
    state: () => player.state,
    stats: () => player.playback?.stats(),
  },
});
