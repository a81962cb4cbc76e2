// What a player is made of: the video, what is said over it, and media-chrome's controls, as the shadow tree of an element.

import "media-chrome/dist/media-controller.js";
import "media-chrome/dist/media-control-bar.js";
import "media-chrome/dist/media-play-button.js";
import "media-chrome/dist/media-live-button.js";
import "media-chrome/dist/media-mute-button.js";
import "media-chrome/dist/media-volume-range.js";
import "media-chrome/dist/media-pip-button.js";
import "media-chrome/dist/media-fullscreen-button.js";
import "media-chrome/dist/media-airplay-button.js";
import "media-chrome/dist/media-cast-button.js";
import "media-chrome/dist/menu/media-captions-menu.js";
import "media-chrome/dist/menu/media-captions-menu-button.js";
import "media-chrome/dist/menu/media-chrome-menu.js";
import "media-chrome/dist/menu/media-chrome-menu-button.js";
import "media-chrome/dist/menu/media-chrome-menu-item.js";
import style from "./player.shadow.css";

const muted = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M3.5 9.5v5h3.5l5 4.5V5L7 9.5ZM16 9.5l5 5M21 9.5l-5 5"/></svg>`;
const play = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 4.5v15l12.5-7.5Z"/></svg>`;

const body = `
<media-controller id="controller" nohotkeys novolumepref nomutedpref nosubtitleslangpref noautoseektolive autohide="3" defaultstreamtype="live">
  <slot name="media" slot="media"></slot>
  <div id="overlay" slot="centered-chrome" role="status" noautohide hidden>
    <span id="spinner" aria-hidden="true"></span>
    <p id="title"></p>
    <p id="text"></p>
  </div>
  <p id="away" slot="centered-chrome" role="status" noautohide hidden>The publisher is disconnected. Playback goes on when they are back.</p>
  <button id="begin" slot="centered-chrome" type="button" aria-label="Play" noautohide hidden>${play}</button>
  <div id="top" slot="top-chrome" noautohide>
    <button id="unmute" type="button" hidden>${muted}Unmute</button>
    <p id="fault" role="alert" hidden></p>
  </div>
  <media-chrome-menu id="quality" hidden anchor="quality-button"></media-chrome-menu>
  <media-chrome-menu id="protocol" hidden anchor="protocol-button"></media-chrome-menu>
  <media-captions-menu id="captions" hidden anchor="captions-button"></media-captions-menu>
  <media-control-bar id="bar">
    <media-play-button notooltip></media-play-button>
    <media-mute-button notooltip></media-mute-button>
    <media-volume-range></media-volume-range>
    <media-live-button id="edge"></media-live-button>
    <span id="behind"></span>
    <span id="spacer"></span>
    <media-captions-menu-button id="captions-button" invoketarget="captions" notooltip></media-captions-menu-button>
    <media-chrome-menu-button id="quality-button" class="word" invoketarget="quality" notooltip><span></span></media-chrome-menu-button>
    <media-chrome-menu-button id="protocol-button" class="word" invoketarget="protocol" notooltip><span></span></media-chrome-menu-button>
    <media-airplay-button notooltip></media-airplay-button>
    <media-cast-button notooltip></media-cast-button>
    <media-pip-button notooltip></media-pip-button>
    <media-fullscreen-button notooltip></media-fullscreen-button>
  </media-control-bar>
</media-controller>`;

/** Fills the shadow tree. Styles are constructed, which no policy of a page forbids; media-chrome's own are elements, and need 'unsafe-inline'. */
export function fill(root: ShadowRoot): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  root.innerHTML = body;
}
