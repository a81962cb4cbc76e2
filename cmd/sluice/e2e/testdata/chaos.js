// Watches the player of the watch page: how long its picture stands still, how often it is opened, what it gives up for.
(() => {
  const video = document.querySelector("#video");
  let player, players = 0, fatal = 0, frames = 0, last = performance.now(), longest = 0;
  setInterval(() => {
    const now = window.sluice.player;
    if (!now || now === player) return;
    player = now;
    players++;
    player.on?.("hlsError", (_event, data) => { if (data.fatal) fatal++; });
  }, 50);
  const shown = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    frames++;
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
  window.chaos = {
    reset() {
      last = performance.now();
      longest = frames = 0;
    },
    read: () => ({ stall: Math.max(longest, performance.now() - last) / 1000, still: (performance.now() - last) / 1000, frames, players, fatal }),
  };
})();
