// A log on the screen: only the rows that can be seen exist in the page.
import { fill, h } from "../base/dom.js";
import { clockMs, day } from "../base/format.js";
import { dress, parse } from "./ansi.js";
import { Heights } from "./heights.js";
import { Filter, Line, Lines } from "./lines.js";

const OVERSCAN = 12;
const NEAR_END_PX = 4;
const PADDING_PX = 24; // left and right of a row
const SESSION_COLUMNS = 10;
const NO_WRAP_CHARACTERS = 4000; // of a row that is not wrapped; the rest is in the download

const isWide = (code) =>
  code >= 0x1100 &&
  (code <= 0x115f ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd));

const relativeTime = (ms) => `+${(ms / 1000).toFixed(3)}`;

/** Columns a text takes in a font of one width. */
function columns(text) {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let n = 0;
  for (const c of text) n += isWide(c.codePointAt(0)) ? 2 : 1;
  return n;
}

export class LogView {
  lines = new Lines();
  wraps = false;
  times = "relative"; // or "absolute", "none"
  follows = true;
  currentMatch = -1;
  maxSeq = 0;
  maxElapsed = 0;

  /** on: { follow(bool), change() } are told what the user or new lines have changed. */
  constructor({ label = "Log", sessionLabel = null, on = {} } = {}) {
    this.on = on;
    this.sessionLabel = sessionLabel; // id → { text, hue }, with several sessions
    this.starts = new Map(); // id → ms, for relative times
    this.heights = new Heights();
    this.rows = new Map(); // row number → element
    this.canvas = h("div", { class: "log-canvas" });
    this.element = h(
      "div",
      { class: "log", role: "log", "aria-label": label, "aria-live": "off", tabIndex: 0 },
      this.canvas,
    );
    this.element.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.observer = new ResizeObserver(() => this.#relayout());
    this.observer.observe(this.element);
  }

  destroy() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  // ---- content --------------------------------------------------------------------------------

  add(id, entries) {
    this.append(entries.map((entry) => new Line(id, entry)));
  }

  append(lines) {
    if (!lines.length) return;
    const before = this.lines.shown.length;
    const isWider = this.#outgrows(lines);
    if (this.lines.append(lines) || isWider) {
      this.#relayout();
    } else {
      for (let i = before; i < this.lines.shown.length; i++) this.heights.push(this.#heightOf(i));
      this.#schedule();
    }
    this.on.change?.();
  }

  clear() {
    this.lines.clear();
    this.starts.clear();
    this.maxSeq = this.maxElapsed = 0;
    this.currentMatch = -1;
    this.#relayout();
    this.on.change?.();
  }

  setFilter(options) {
    const top = this.lines.shown[this.#firstRow()];
    const filter = new Filter(options);
    this.lines.setFilter(filter);
    this.currentMatch = -1;
    this.#relayout();
    if (!this.follows && top) this.#scrollToRow(Math.max(0, this.#rowOf(top)));
    this.on.change?.();
    return filter.error;
  }

  setWraps(wraps) {
    const row = this.#firstRow();
    this.wraps = wraps;
    this.element.classList.toggle("wraps", wraps);
    this.#relayout();
    if (!this.follows) this.#scrollToRow(row);
  }

  setTimes(times) {
    this.times = times;
    this.#relayout();
  }

  setFollows(follows) {
    if (this.follows !== follows) {
      this.follows = follows;
      this.on.follow?.(follows);
    }
    if (follows) this.#schedule();
  }

  /** The texts of what is shown, for copying and saving. */
  text() {
    return this.lines.shown.map((line) => `${line.seen}\n`);
  }

  // ---- moving ---------------------------------------------------------------------------------

  goToSeq(seq, id) {
    const isThere = (line) => line.seq >= seq && (!id || line.id === id);
    this.#goTo(this.lines.shown.findIndex(isThere));
  }

  goToTime(ms) {
    this.#goTo(this.lines.shown.findIndex((line) => line.ms >= ms));
  }

  /** Goes to the next match, or with -1 to the one before. */
  goToMatch(step) {
    const { found } = this.lines;
    if (!found.length) return;
    if (this.currentMatch < 0) {
      const row = this.#firstRow();
      const next = found.findIndex((place) => place >= row);
      this.currentMatch = next < 0 ? found.length - 1 : next;
    } else {
      this.currentMatch = (this.currentMatch + step + found.length) % found.length;
    }
    this.#goTo(found[this.currentMatch]);
    this.on.change?.();
  }

  #goTo(row) {
    if (row < 0) row = this.lines.shown.length - 1;
    if (row < 0) return;
    this.setFollows(false);
    this.marked = this.lines.shown[row];
    const inside = this.element.clientHeight / this.#lineHeight() / 3;
    this.#scrollTo(Math.max(0, this.#above(row) - inside));
    this.#redraw();
  }

  #rowOf(line) {
    return this.lines.shown.indexOf(line);
  }

  #scrollToRow(row) {
    this.#scrollTo(this.#above(row));
  }

  #scrollTo(textLine) {
    this.element.scrollTop = textLine * this.#lineHeight();
  }

  #onScroll() {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - NEAR_END_PX;
    if (!isAtEnd && this.follows && scrollTop < this.followedTop - NEAR_END_PX)
      this.setFollows(false);
    else if (isAtEnd && !this.follows && scrollTop > (this.lastTop ?? 0)) this.setFollows(true);
    this.lastTop = scrollTop;
    this.#schedule();
  }

  #onKey(event) {
    if (event.key === "End" && !event.ctrlKey) this.setFollows(true);
    else if (event.key === "Home" && !event.ctrlKey) this.#goTo(0);
  }

  // ---- layout ---------------------------------------------------------------------------------

  #measure() {
    const probe = h("span", { class: "log-probe" }, "0".repeat(100));
    this.canvas.append(probe);
    const { width, height } = probe.getBoundingClientRect();
    probe.remove();
    this.characterWidth = width / 100 || 8;
    this.rowHeight = Math.max(1, Math.round(height)) || 18;
  }

  #lineHeight() {
    if (!this.rowHeight) this.#measure();
    return this.rowHeight;
  }

  /** Gives number and time the widths that the largest ones need, and the text the rest. */
  #setColumns() {
    const seq = Math.max(5, String(this.maxSeq).length) + 1;
    const relative = Math.max(10, relativeTime(this.maxElapsed).length) + 1;
    const time = { relative, absolute: 13, none: 0 }[this.times];
    const gutter = seq + time + (this.sessionLabel ? SESSION_COLUMNS : 0);
    this.element.style.setProperty("--seq-width", `${seq}ch`);
    this.element.style.setProperty("--time-width", `${time}ch`);
    this.columnCount = Math.max(
      10,
      Math.floor((this.element.clientWidth - PADDING_PX) / this.characterWidth + 0.01) - gutter,
    );
  }

  /** Notes the largest number and time; true when they have become too wide. */
  #outgrows(lines) {
    const before = String(this.maxSeq).length + relativeTime(this.maxElapsed).length;
    for (const line of lines) {
      this.maxSeq = Math.max(this.maxSeq, line.seq);
      if (!line.ms) continue;
      if (!this.starts.has(line.id)) this.starts.set(line.id, line.ms);
      this.maxElapsed = Math.max(this.maxElapsed, line.ms - this.starts.get(line.id));
    }
    return String(this.maxSeq).length + relativeTime(this.maxElapsed).length > before;
  }

  #heightOf(row) {
    if (!this.wraps) return 1;
    const line = this.lines.shown[row];
    return Math.max(1, Math.ceil((columns(line.seen) + (line.partial ? 1 : 0)) / this.columnCount));
  }

  #above(row) {
    return this.wraps ? this.heights.above(row) : row;
  }

  #firstRow() {
    const line = Math.floor(this.element.scrollTop / this.#lineHeight());
    return this.wraps
      ? this.heights.at(line)
      : Math.min(line, Math.max(0, this.lines.shown.length - 1));
  }

  #relayout() {
    if (!this.element.isConnected) return;
    this.#measure();
    this.#setColumns();
    this.heights.clear();
    for (let i = 0; i < this.lines.shown.length; i++) this.heights.push(this.#heightOf(i));
    this.#redraw();
  }

  #redraw() {
    for (const element of this.rows.values()) element.remove();
    this.rows.clear();
    this.#schedule();
  }

  #schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.#draw();
    });
  }

  #draw() {
    if (!this.element.isConnected) return;
    if (!this.columnCount) {
      this.#relayout();
      return;
    }
    const lineHeight = this.#lineHeight();
    this.canvas.style.height = `${this.heights.total * lineHeight}px`;
    this.element.dataset.rows = this.lines.shown.length;
    if (this.follows) {
      this.element.scrollTop = this.element.scrollHeight;
      this.followedTop = this.element.scrollTop;
    }
    const { clientHeight } = this.element;
    const first = Math.max(0, this.#firstRow() - OVERSCAN);
    const end = this.element.scrollTop + clientHeight + OVERSCAN * lineHeight;
    const wanted = new Set();
    let top = this.#above(first) * lineHeight;
    for (let row = first; row < this.lines.shown.length && top < end; row++) {
      wanted.add(row);
      if (!this.rows.has(row)) this.#addRow(row, top);
      top += this.heights.of(row) * lineHeight;
    }
    for (const [row, element] of this.rows) {
      if (wanted.has(row)) continue;
      element.remove();
      this.rows.delete(row);
    }
  }

  #addRow(row, top) {
    const line = this.lines.shown[row];
    const element = h("div", { class: "log-row" });
    element.style.top = `${top}px`;
    if (line.dropped) {
      element.classList.add("gap");
      element.append(h("span", { class: "log-text" }, `… ${line.seen}`));
    } else {
      if (line.kind === 1) element.classList.add("stderr");
      if (line === this.marked) element.classList.add("marked");
      this.#addGutter(element, line);
      element.append(this.#textOf(line));
    }
    this.rows.set(row, element);
    this.canvas.append(element);
  }

  #addGutter(element, line) {
    if (this.sessionLabel) {
      const label = h("span", { class: "log-session" }, this.sessionLabel(line.id).text);
      label.style.setProperty("--hue", this.sessionLabel(line.id).hue);
      element.append(label);
    }
    element.append(h("span", { class: "log-seq" }, line.seq));
    if (this.times === "none") return;
    const relative = relativeTime(line.ms - this.starts.get(line.id));
    const title = `${day(line.ms)} ${clockMs(line.ms)}`;
    const text = this.times === "relative" ? relative : clockMs(line.ms);
    element.append(h("span", { class: "log-time", title }, text));
  }

  /** Pieces of one colour, cut where matches begin and end. */
  #textOf(line) {
    const limit = this.wraps ? Infinity : NO_WRAP_CHARACTERS;
    const ranges = this.lines.filter.ranges(line);
    const element = h("span", { class: "log-text" });
    let at = 0;
    for (const { text, style } of parse(line.text)) {
      const seen = text.replaceAll("\t", "        ");
      for (const [part, isMatch] of cut(seen.slice(0, Math.max(0, limit - at)), at, ranges)) {
        const piece = h(isMatch ? "mark" : "span", null, part);
        dress(piece, style);
        element.append(piece);
      }
      at += seen.length;
    }
    if (at > limit) element.append(h("span", { class: "log-more" }, ` … ${at - limit} characters`));
    if (line.partial)
      element.append(h("span", { class: "log-more", title: "the line goes on" }, "↵"));
    return element;
  }
}

function* cut(text, start, ranges) {
  let at = 0;
  for (const [from, to] of ranges) {
    const begin = Math.max(from - start, at);
    const end = Math.min(to - start, text.length);
    if (end <= begin) continue;
    if (begin > at) yield [text.slice(at, begin), false];
    yield [text.slice(begin, end), true];
    at = end;
  }
  if (at < text.length) yield [text.slice(at), false];
}

/** Empty-state text over a view. */
export function setEmpty(view, text) {
  let note = view.element.querySelector(".log-empty");
  if (!note) view.element.prepend((note = h("div", { class: "log-empty" })));
  fill(note, text);
  note.hidden = !text;
}
