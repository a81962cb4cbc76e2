// Numbers as people read them.

/** 2 480 000 bit/s → "2.48 Mbit/s", 206 050 000 bit/s → "206 Mbit/s". */
export function bitrate(bps: number): string {
  if (!Number.isFinite(bps)) return "–";
  if (bps < 1e6) return `${Math.round(bps / 1e3)} kbit/s`;
  return `${(bps / 1e6).toFixed(bps < 1e7 ? 2 : 0)} Mbit/s`;
}

/** 1 536 000 bytes → "1.5 MB". */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${unit > 0 && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

/** 3 725 s → "1:02:05", 65 s → "1:05". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 0.0834 s → "83 ms". */
export const milliseconds = (seconds: number) => (Number.isFinite(seconds) ? `${Math.round(seconds * 1000)} ms` : "–");

/** 2.345 s → "2.3 s". */
export const seconds = (s: number) => (Number.isFinite(s) ? `${s.toFixed(s < 10 ? 2 : 1)} s` : "–");

/** 0.0834 s → "83 ms", 2.345 s → "2.35 s". */
export const lag = (s: number) => (s < 1 ? milliseconds(s) : seconds(s));

/** 0.0123 → "1.2 %". */
export const percent = (share: number) => (Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : "–");

/** 1280, 720 → "1280 × 720". */
export const size = (width: number, height: number) => (width > 0 && height > 0 ? `${width} × ${height}` : "–");
