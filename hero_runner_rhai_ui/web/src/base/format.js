// Numbers and times as people read them.

const pad = (n, width = 2) => String(n).padStart(width, "0");

export function bytes(n) {
  if (n === undefined || n === null) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[unit]}`;
}

export function count(n) {
  return n === undefined || n === null ? "" : Math.round(n).toLocaleString("en-US");
}

/** 840 µs, 12 ms, 3.4 s, 2 m 05 s, 3 h 20 m, 4 d 2 h */
export function duration(ms) {
  if (ms === undefined || ms === null) return "";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${ms < 10 ? +ms.toFixed(1) : Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(s < 10 ? 2 : 1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${pad(Math.floor(s % 60))} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${pad(Math.floor((s % 3600) / 60))} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** 14:03:09 */
export function clock(ms) {
  const d = new Date(ms);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** 14:03:09.125 */
export function clockMs(ms) {
  return `${clock(ms)}.${pad(new Date(ms).getMilliseconds(), 3)}`;
}

export function day(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

/** The time alone today, with its day otherwise. */
export function when(ms) {
  if (!ms) return "";
  return day(ms) === day(Date.now()) ? clock(ms) : `${day(ms)} ${clock(ms)}`;
}

export function shortId(id) {
  return id.slice(0, 8);
}

/** "30s", "2m", "1h30m", "500ms" or milliseconds as a number; NaN when it is none. */
export function parseDuration(text) {
  const units = { ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000 };
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d)\s*)+$/.test(trimmed)) return NaN;
  let ms = 0;
  for (const [, n, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) ms += n * units[unit];
  return ms;
}

/** "64M", "1.5 GiB" or bytes as a number; NaN when it is none. */
export function parseBytes(text) {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?$/i.exec(text.trim());
  if (!match) return NaN;
  return Math.round(match[1] * 1024 ** " kmgt".indexOf(match[2].toLowerCase() || " "));
}

export function plural(n, word) {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}
