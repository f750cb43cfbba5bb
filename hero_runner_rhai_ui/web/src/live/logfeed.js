// All lines of one session, in order, none missing or twice: what is kept already, page by page, then
// those that come. Where the hub's lines begin later than wanted (another tab watches the same
// session, or the connection was gone), what is between is fetched.
import { live } from "./live.js";
import { call } from "./runner.js";
import { logEntry } from "./hub.js";

const PAGE_LINES = 10000;

export class LogFeed {
  /**
   * sink: { add(id, entries), end(id), fail(id, error), progress?(id, progress), caughtUp?(id) };
   * entries as the hub's: [seq, ms, kind, text, partial] or [seq, dropped]. caughtUp: what was kept
   * is there.
   */
  constructor(id, sink, { after = 0 } = {}) {
    this.id = id;
    this.sink = sink;
    this.last = after;
    this.hasEnded = false;
    this.unwatch = null;
    this.abort = new AbortController();
    this.queue = Promise.resolve();
    this.#enqueue(() => this.#begin());
  }

  close() {
    this.abort.abort();
    this.unwatch?.();
  }

  #enqueue(job) {
    this.queue = this.queue.then(job).catch((error) => {
      if (!this.abort.signal.aborted) this.sink.fail(this.id, error);
    });
  }

  async #begin() {
    const isWhole = await this.#fetchUpTo(Infinity);
    if (this.abort.signal.aborted) return;
    if (isWhole) this.#end();
    else this.unwatch = live.watchLog(this.id, this.last, (message) => this.#receive(message));
    this.sink.caughtUp?.(this.id);
  }

  /** Fetches kept lines until `seq`, or until there is none. True when the session has ended and all
   * are there. */
  async #fetchUpTo(seq) {
    while (this.last < seq) {
      const params = { session_id: this.id, after_seq: this.last, limit: PAGE_LINES };
      const page = await call("session_logs", params, { signal: this.abort.signal });
      const entries = page.lines.map(logEntry);
      if (page.dropped) entries.unshift([this.last + page.dropped, page.dropped]);
      this.#take(entries);
      this.last = Math.max(this.last, page.next_seq);
      if (page.ended) return true;
      if (!page.lines.length) return false;
    }
    return false;
  }

  #take(entries) {
    const fresh = entries.filter((entry) => entry[0] > this.last);
    if (!fresh.length) return;
    this.last = fresh.at(-1)[0];
    this.sink.add(this.id, fresh);
  }

  #receive(message) {
    if (message.type === "progress") {
      this.sink.progress?.(this.id, message.progress);
      return;
    }
    this.#enqueue(async () => {
      const first = message.entries[0];
      const dropped = first && first.length === 2 ? first[1] : 0;
      if (first && first[0] - Math.max(dropped, 1) > this.last) {
        await this.#fetchUpTo(first[0] - Math.max(dropped, 1));
      }
      this.#take(message.entries);
      if (message.ended) {
        await this.#fetchUpTo(Infinity);
        this.#end();
      }
    });
  }

  #end() {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.unwatch?.();
    this.sink.end(this.id);
  }
}
