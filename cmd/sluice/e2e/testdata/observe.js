// Reads the clock of stage.html out of what a video element shows, and listens for the beep in what it plays.
(() => {
  const canvas = document.createElement("canvas");
  canvas.width = 160;
  canvas.height = 120;
  const paint = canvas.getContext("2d", { willReadFrequently: true });
  const block = 8;

  function bit(pixels, row, column) {
    const x = column * block + block / 2, y = row * block + block / 2;
    return pixels[(y * canvas.width + x) * 4] > 128 ? "1" : "0";
  }

  function read(video) {
    paint.drawImage(video, 0, 0, canvas.width, canvas.height);
    const pixels = paint.getImageData(0, 0, canvas.width, canvas.height).data;
    let bits = "", check = "";
    for (let i = 0; i < 40; i++) bits += bit(pixels, Math.floor(i / 20), i % 20);
    for (let i = 0; i < 8; i++) check += bit(pixels, 2, i);
    const below = pixels[(100 * canvas.width + 4) * 4];
    const ones = bits.replaceAll("0", "").length;
    return { clock: ones > 0 && ones === parseInt(check, 2) ? parseInt(bits, 2) : 0, white: below > 180 };
  }

  // The clock that a video shows at the moment, in ms; 0 when it cannot be read.
  window.readClock = (video) => read(video).clock;

  window.observe = (video) => {
    const seen = { frames: 0, read: 0, latencies: [], clocks: [], shown: [], flashes: [], beeps: [], peak: 0 };
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 512 });
    const source = video.srcObject
      ? context.createMediaStreamSource(video.srcObject) // the element's own source is silent for a MediaStream
      : context.createMediaElementSource(video);
    source.connect(analyser).connect(context.destination);
    video.muted = false;
    context.resume();
    const samples = new Float32Array(analyser.fftSize);
    let loud = false;
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const peak = samples.reduce((most, s) => Math.max(most, Math.abs(s)), 0);
      seen.peak = Math.max(seen.peak, peak);
      if (peak > 0.1 && !loud) seen.beeps.push(performance.now());
      loud = peak > 0.1;
    }, 4);
    let white = false;
    const frame = (now, data) => {
      const found = read(video);
      seen.frames++;
      const latency = found.clock ? (Date.now() % 2 ** 40) - found.clock : null;
      seen.shown.push({ at: performance.now(), latency });
      if (found.clock) {
        seen.read++;
        seen.latencies.push(latency);
        seen.clocks.push(found.clock);
        seen.last = found.clock;
      }
      if (found.white && !white) seen.flashes.push(performance.now());
      white = found.white;
      video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
    window.observed = seen;
  };
})();
