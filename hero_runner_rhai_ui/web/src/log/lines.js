// The lines a log view holds, and which of them it shows.
import { plain } from "./ansi.js";

/** Lines kept in the page; the oldest go, a tenth at a time. */
export const LINES_MAX = 300000;

export class Filter {
  /** kind: 0 stdout, 1 stderr, null both. query: text or pattern; "" finds nothing. */
  constructor({
    kind = null,
    query = "",
    isRegex = false,
    isExact = false,
    onlyMatches = false,
  } = {}) {
    this.kind = kind;
    this.onlyMatches = onlyMatches && query !== "";
    this.error = "";
    this.pattern = null;
    if (query === "") return;
    const source = isRegex ? query : query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    try {
      this.pattern = new RegExp(source, isExact ? "g" : "gi");
    } catch (error) {
      this.error = error.message;
    }
  }

  matches(line) {
    if (!this.pattern) return false;
    this.pattern.lastIndex = 0;
    return this.pattern.test(line.seen);
  }

  shows(line, isMatch) {
    if (line.dropped) return !this.onlyMatches;
    return (this.kind === null || line.kind === this.kind) && (!this.onlyMatches || isMatch);
  }

  /** Places [from, to] of the matches in a line. */
  ranges(line) {
    const ranges = [];
    if (!this.pattern) return ranges;
    for (const match of line.seen.matchAll(this.pattern)) {
      if (match[0]) ranges.push([match.index, match.index + match[0].length]);
    }
    return ranges;
  }
}

export class Line {
  constructor(id, entry) {
    this.id = id;
    this.seq = entry[0];
    if (entry.length === 2) {
      this.dropped = entry[1];
      this.seen = `${entry[1]} lines are no longer kept`;
      this.text = this.seen;
      return;
    }
    this.ms = entry[1];
    this.kind = entry[2];
    this.text = entry[3];
    this.seen = plain(entry[3]).replaceAll("\t", "        ");
    this.partial = Boolean(entry[4]);
  }
}

/** A row that says something about the log. */
export function note(id, seq, text) {
  return Object.assign(new Line(id, [seq, 1]), { seen: text, text });
}

/** Lines in order, and the indexes of those that the filter shows and finds. */
export class Lines {
  all = [];
  shown = []; // of Line
  found = []; // places in `shown`
  droppedHere = 0; // oldest lines that this page has let go
  filter = new Filter();

  clear() {
    this.all = [];
    this.droppedHere = 0;
    this.refilter();
  }

  /** True when old lines had to go, so that every place has moved. */
  append(lines) {
    for (const line of lines) {
      this.all.push(line);
      this.#place(line);
    }
    if (this.all.length <= LINES_MAX) return false;
    const excess = this.all.length - Math.floor(LINES_MAX * 0.9);
    this.all.splice(0, excess);
    this.droppedHere += excess;
    this.refilter();
    return true;
  }

  setFilter(filter) {
    this.filter = filter;
    this.refilter();
  }

  refilter() {
    this.shown = [];
    this.found = [];
    if (this.droppedHere)
      this.#place(
        note("", 0, `${this.droppedHere} older lines have left this page; the download has them`),
      );
    for (const line of this.all) this.#place(line);
  }

  #place(line) {
    const isMatch = this.filter.matches(line);
    if (!this.filter.shows(line, isMatch)) return;
    if (isMatch) this.found.push(this.shown.length);
    this.shown.push(line);
  }
}
