// Watches the player of the watch page, in seconds: how long no new picture comes (stall), pictures are the same (frozen), and
// the time stands still (halt); by how much the time goes back, how often the element is emptied and a player opened, what that gives up for, and what
// hls.js does and says meanwhile.
(() => {
  const video = document.querySelector("#video");
  const small = Object.assign(document.createElement("canvas"), { width: 16, height: 9 }).getContext("2d", { willReadFrequently: true });
  const seconds = () => performance.now() / 1000;
  const spell = () => ({ since: seconds(), longest: 0 });
  const passed = (s) => seconds() - s.since;
  const longest = (s) => Math.max(s.longest, passed(s));
  const end = (s) => { s.longest = longest(s); s.since = seconds(); };
  let player, players = 0, fatal = 0, frames = 0, time = 0, emptied = 0, back = 0, picture = [], said = [];
  let stall = spell(), frozen = spell(), halt = spell();

  // What an encoder makes of the same picture differs by less.
  const different = 150;
  const changed = () => {
    small.drawImage(video, 0, 0, 16, 9);
    const now = small.getImageData(0, 0, 16, 9).data;
    const difference = picture.length ? now.reduce((sum, value, i) => sum + Math.abs(value - picture[i]), 0) : Infinity;
    if (difference < different) return false;
    picture = now;
    return true;
  };
  const shown = () => {
    if (passed(stall) > 1) said.push(...lately);
    end(stall);
    frames++;
    if (changed()) end(frozen);
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);

  const say = (what) => {
    const ranges = Array.from({ length: video.buffered.length }, (_, i) => `${video.buffered.start(i).toFixed(2)}-${video.buffered.end(i).toFixed(2)}`);
    said.push(`${what}: ${passed(stall).toFixed(1)} s without a picture, at ${video.currentTime.toFixed(2)} of ${ranges.join(" ")}`);
  };

  // What hls.js has done last, at a second, at a place in the stream, and what it is about to do with pictures and sound.
  const lately = [];
  const doing = (medium) => player.inFlightFragments[medium]?.state ?? "";
  const note = (what) => {
    lately.push(`${seconds().toFixed(2)} at ${video.currentTime.toFixed(2)}: ${what} (${doing("main")}, ${doing("audio")})`);
    if (lately.length > 60) lately.shift();
  };
  // What hls.js goes by when it looks for the next part of pictures (main) or sound (audio).
  const waiting = (medium) => {
    const [loader, details, buffered] = medium === "main" ? [player.streamController, player.latestLevelDetails, player.mainForwardBufferInfo]
      : [player.audioStreamController, player.audioTracks[player.audioTrack].details, player.audioForwardBufferInfo];
    const previous = loader.fragPrevious;
    const parts = details.partList.map((p) => `${p.fragment.sn}.${p.index}${p.loaded ? "+" : p.gap ? "-" : ""} ${p.end}`);
    return `${loader.state}, buffered up to ${buffered.end}, ${loader.loadingParts ? "parts" : "segments"} from ${loader.nextLoadPosition}, after ${previous?.sn} up to ${previous?.endDTS}, listed ${parts.join(", ")}`;
  };
  const pushed = (medium) => said.push(`${seconds().toFixed(2)} at ${video.currentTime.toFixed(2)}: ${medium} is made to load on: ${waiting(medium)}`);
  const named = ({ frag, part }) => `${frag.type} ${frag.sn}${part ? "." + part.index : ""}`;
  const follow = () => {
    player.on("hlsFragLoading", (_event, data) => note(`loads ${named(data)}`));
    player.on("hlsFragLoaded", (_event, data) => note(`has ${named(data)}`));
    player.on("hlsBufferAppended", (_event, data) => note(`has appended ${named(data)}`));
    player.on("hlsFragLoadEmergencyAborted", () => pushed("main"));
    // By this the page makes it load on, without the chunk that hls.js itself always tells.
    player.on("hlsFragBuffered", (_event, { frag, chunkMeta }) => { if (!chunkMeta) pushed(frag.type); });
    player.on("hlsLevelUpdated", (_event, { details }) => note(`knows pictures up to ${details.edge.toFixed(2)}`));
    player.on("hlsAudioTrackUpdated", (_event, { details }) => note(`knows sound up to ${details.edge.toFixed(2)}`));
  };

  video.addEventListener("emptied", () => { emptied++; });

  setInterval(() => {
    if (video.currentTime !== time) end(halt);
    back = Math.max(back, time - video.currentTime);
    time = video.currentTime;
    const now = window.sluice.player;
    if (!now || now === player) return;
    player = now;
    players++;
    if (player.inFlightFragments) follow();
    player.on?.("hlsError", (_event, data) => {
      if (data.fatal) fatal++;
      if (said.length < 50) say(data.details);
    });
  }, 20);

  window.chaos = {
    reset() {
      stall = spell();
      frozen = spell();
      halt = spell();
      frames = 0;
      emptied = 0;
      back = 0;
      said = [];
    },
    read: () => ({ stall: longest(stall), still: passed(stall), frozen: longest(frozen), halt: longest(halt), halted: passed(halt), time, frames, emptied, back, players, fatal, said }),
  };
})();
