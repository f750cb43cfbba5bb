// What is live, for all tabs of a browser: sessions, figures and log lines, over one event stream.
//
// Ports are told (postMessage):
//   { type: "state", state: "live" | "polling" | "down", why }
//   { type: "sessions", sessions }            states that have changed
//   { type: "stats", stats }                  about once a second
//   { type: "log", id, entries, ended }       entries: [seq, ms, kind, text, partial] | [seq, dropped]
//   { type: "progress", id, progress }
//   { type: "reset" }                         there may be news that nobody was told of
// and tell it:
//   { type: "watch", id, after }  { type: "unwatch", id }  { type: "retry" }
//
// The stream (GET events of the dashboard's server) is opened anew, from where each log stands, when
// the set of watched logs changes. A port may be told lines from a later place than it asked for,
// when another tab watches the same log: it fetches what is between (see logfeed.js).
//
// Something between us and the server may hold a stream back. Then not even its first event comes,
// and long polls do, until a stream that is tried now and then gets through.
import { rpcCaller } from "../base/rpc.js";
import { EventParser } from "./sse.js";

const HELLO_MS = 4000; // within which the first event of a stream must have come
const SILENCE_MS = 40000; // heartbeats come each 15 s
const FLUSH_MS = 60; // changes are told together
const RETRY_MS = [250, 500, 1000, 2000, 3000];
const POLL_MS = 1500;
const STREAM_TRIAL_MS = 30000;
const LONG_POLL_MS = 20000;
const LONG_POLLS_MAX = 3; // browsers allow six connections to a host
const PAGE_LINES = 5000;
const POLLED_SESSIONS = 100;
const HELD_BACK = "something between the browser and the server holds streams back";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function logEntry(line) {
  const entry = [line.seq, line.timestamp_ms, line.kind === "stderr" ? 1 : 0, line.line];
  if (line.partial) entry.push(1);
  return entry;
}

export class Hub {
  #base;
  #call;
  #ports = new Map(); // port → Set of watched ids
  #logs = new Map(); // id → { cursor, ended, entries, progress, poll }
  #state = { state: "connecting", why: "" };
  #stats = null;
  #sessions = new Map(); // changed, to be told
  #flushTimer = null;
  #abort = null; // of the stream that is open
  #wake = null; // ends a pause early
  #isStreaming = false;
  #isHeldBack = false;
  #reopenTimer;
  #hasNoList = false; // an older runner, whose sessions have to be asked for
  #failures = 0;

  constructor({ base, rpc }) {
    this.#base = base;
    this.#call = rpcCaller(rpc);
    this.#run();
    this.#pollSessions();
  }

  join(port) {
    this.#ports.set(port, new Set());
    port.postMessage({ type: "state", ...this.#state });
    if (this.#stats) port.postMessage({ type: "stats", stats: this.#stats });
  }

  leave(port) {
    this.#ports.delete(port);
    this.#forgetUnwatched();
  }

  receive(port, message) {
    const watched = this.#ports.get(port);
    if (!watched) return;
    if (message.type === "watch") {
      watched.add(message.id);
      const log = this.#logs.get(message.id);
      if (log && !log.ended) return;
      this.#logs.set(message.id, { cursor: message.after, ended: false, entries: [] });
      this.#reopen();
    } else if (message.type === "unwatch") {
      watched.delete(message.id);
      this.#forgetUnwatched();
    } else if (message.type === "retry") {
      this.#failures = 0;
      this.#wake?.();
    }
  }

  #forgetUnwatched() {
    const watched = new Set([...this.#ports.values()].flatMap((ids) => [...ids]));
    let changed = false;
    for (const [id, log] of this.#logs) {
      if (watched.has(id)) continue;
      log.ended = true;
      this.#logs.delete(id);
      changed = true;
    }
    if (changed) this.#reopen();
  }

  // ---- telling --------------------------------------------------------------------------------

  #tell(message, watchers) {
    for (const [port, ids] of this.#ports) {
      if (!watchers || ids.has(watchers)) port.postMessage(message);
    }
  }

  #setState(state, why = "") {
    if (this.#state.state === state && this.#state.why === why) return;
    const wasDown = this.#state.state === "down" || this.#state.state === "connecting";
    this.#state = { state, why };
    this.#tell({ type: "state", state, why });
    if (wasDown && state !== "down") this.#tell({ type: "reset" });
  }

  #setStats(stats) {
    this.#stats = stats;
    this.#tell({ type: "stats", stats });
  }

  #schedule() {
    this.#flushTimer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush() {
    this.#flushTimer = null;
    if (this.#sessions.size) {
      this.#tell({ type: "sessions", sessions: [...this.#sessions.values()] });
      this.#sessions.clear();
    }
    for (const [id, log] of this.#logs) {
      if (log.entries.length || log.isEndNew) {
        this.#tell({ type: "log", id, entries: log.entries, ended: log.ended }, id);
        log.entries = [];
        log.isEndNew = false;
      }
      if (log.progress) this.#tell({ type: "progress", id, progress: log.progress }, id);
      log.progress = null;
    }
  }

  #note(session) {
    this.#sessions.set(session.session_id, session);
    this.#schedule();
  }

  #end(log) {
    if (log.ended) return;
    log.ended = log.isEndNew = true;
    this.#schedule();
  }

  // ---- the stream -----------------------------------------------------------------------------

  /** Logs have been added or left out: the stream is opened anew, once for many changes. */
  #reopen() {
    if (this.#isHeldBack) this.#pollLogs();
    clearTimeout(this.#reopenTimer);
    if (this.#isStreaming) this.#reopenTimer = setTimeout(() => this.#abort.abort("logs"), 30);
  }

  #pause(ms) {
    return Promise.race([sleep(ms), new Promise((resolve) => (this.#wake = resolve))]);
  }

  async #run() {
    for (;;) {
      const outcome = await this.#stream();
      if (outcome === "again") continue;
      if (outcome === "held back") this.#isHeldBack = true;
      if (this.#isHeldBack) {
        this.#pollOnce();
        await this.#pause(STREAM_TRIAL_MS);
      } else {
        const ms = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
        await this.#pause(ms * (0.8 + 0.4 * Math.random()));
      }
    }
  }

  #url() {
    const logs = [...this.#logs].filter(([, log]) => !log.ended);
    const list = logs.map(([id, log]) => `${id}:${log.cursor}`).join(",");
    return `${this.#base}events?list=1${list ? `&logs=${list}` : ""}`;
  }

  /** Reads one stream to its end: "again", "held back" or "failed". */
  async #stream() {
    const abort = (this.#abort = new AbortController());
    let timer = setTimeout(() => abort.abort("held back"), HELLO_MS);
    const stayAwake = () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort("silent"), SILENCE_MS);
    };
    this.#isStreaming = true;
    try {
      const response = await fetch(this.#url(), { signal: abort.signal, cache: "no-store" });
      if (!response.ok) return await this.#refused(response);
      const parser = new EventParser((event) => this.#receiveEvent(event));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return "failed";
        stayAwake();
        parser.push(value);
      }
    } catch {
      const reason = abort.signal.reason;
      if (reason === "logs") return "again";
      if (reason === "held back") return "held back";
      if (!reason) this.#setState("down", "the dashboard's server does not answer");
      return "failed";
    } finally {
      clearTimeout(timer);
      this.#isStreaming = false;
    }
  }

  async #refused(response) {
    const answer = await response.json().catch(() => null);
    this.#setState("down", answer?.error ?? `HTTP ${response.status} ${response.statusText}`);
    return "failed";
  }

  #receiveEvent({ from, event, id, data }) {
    const value = JSON.parse(data);
    if (event === "hello") this.#isHeldBack = false;
    else if (from === "sessions") this.#receiveListEvent(event, value);
    else if (this.#logs.has(from)) {
      this.#receiveLogEvent(this.#logs.get(from), event, Number(id), value, from);
    }
  }

  #isLive() {
    this.#failures = 0;
    this.#setState("live");
  }

  #receiveListEvent(event, value) {
    if (event === "closed") {
      if (value.status === 404) {
        this.#hasNoList = true;
        this.#isLive();
      } else if (value.status !== 200) {
        this.#setState("down", value.message ?? `HTTP ${value.status}`);
      } else {
        this.#setState("down", "the runner has ended");
      }
      return;
    }
    this.#isLive();
    if (event === "session") this.#note(value);
    else if (event === "stats") this.#setStats(value);
    else if (event === "gap") this.#pollOnce();
  }

  #receiveLogEvent(log, event, seq, value, id) {
    if (event === "stdout" || event === "stderr") {
      log.cursor = value.seq;
      log.entries.push(logEntry(value));
      this.#schedule();
    } else if (event === "gap") {
      log.cursor = seq;
      log.entries.push([seq, value.dropped]);
      this.#schedule();
    } else if (event === "status" || event === "end") {
      this.#note({ session_id: id, ...value });
    } else if (event === "progress") {
      log.progress = value;
      this.#schedule();
    } else if (event === "closed" && (value.status === 200 || value.status === 404)) {
      // With the runner gone its streams end too; then the list has ended, and all is tried again.
      this.#end(log);
    }
  }

  // ---- polling --------------------------------------------------------------------------------

  async #pollSessions() {
    for (;;) {
      await sleep(POLL_MS);
      if (this.#isHeldBack || (this.#hasNoList && this.#ports.size)) await this.#pollOnce();
    }
  }

  async #pollOnce() {
    try {
      const list = this.#call("session_list", this.#hasNoList ? {} : { limit: POLLED_SESSIONS });
      const [stats, { sessions }] = await Promise.all([this.#call("stats"), list]);
      if (this.#isHeldBack) this.#setState("polling", HELD_BACK);
      this.#setStats(stats);
      for (const session of sessions.slice(0, POLLED_SESSIONS)) this.#note(session);
      if (this.#isHeldBack) this.#pollLogs();
    } catch (error) {
      if (error.code === -32602) this.#hasNoList = true;
      else if (this.#isHeldBack) this.#setState("down", error.message);
    }
  }

  /** Has each watched log polled by a loop of its own, as long as streams are held back. */
  #pollLogs() {
    const waits = this.#logs.size <= LONG_POLLS_MAX;
    for (const [id, log] of this.#logs) {
      if (!log.ended && !log.isPolled) this.#pollLog(id, log, waits);
    }
  }

  async #pollLog(id, log, waits) {
    log.isPolled = true;
    while (!log.ended && this.#isHeldBack) {
      try {
        const page = await this.#call("session_logs", {
          session_id: id,
          after_seq: log.cursor,
          limit: PAGE_LINES,
          wait_ms: waits ? LONG_POLL_MS : 0,
        });
        if (page.dropped) log.entries.push([log.cursor + page.dropped, page.dropped]);
        log.entries.push(...page.lines.map(logEntry));
        log.cursor = Math.max(log.cursor, page.next_seq);
        if (page.ended) {
          this.#note(await this.#call("session_get", { session_id: id }));
          this.#end(log);
        }
        this.#schedule();
        if (!waits && !page.lines.length) await sleep(POLL_MS);
      } catch (error) {
        if (error.code === -32001) this.#end(log);
        await sleep(POLL_MS);
      }
    }
    log.isPolled = false;
  }
}
