// The logs of one session or several, chosen on the left.
import { add, debounce, fill, h, setText, throttle } from "../base/dom.js";
import { plural, shortId, when } from "../base/format.js";
import { badge, nameOf } from "../base/sessions.js";
import { toastError } from "../base/toast.js";
import { live } from "../live/live.js";
import { LogFeed } from "../live/logfeed.js";
import { call } from "../live/runner.js";
import { LogView, setEmpty } from "../log/logview.js";
import { Line } from "../log/lines.js";
import { logTools } from "../log/logtools.js";

const LISTED = 100;
const CHOSEN_MAX = 20;
const LOAD_MS = 1500; // several logs are sorted by time until all have been loaded, at most so long

class LogsView {
  #chosen = new Map(); // id → { feed, label }
  #sessions = new Map();
  #held = null; // lines of several sessions, until they can be put in order

  constructor(container, query) {
    this.view = new LogView({ label: "Log" });
    this.list = h("div", { class: "chooser-list", role: "group", "aria-label": "Sessions" });
    this.search = h("input", {
      type: "search",
      class: "form-control form-control-sm",
      placeholder: "find sessions",
      "aria-label": "Find sessions",
      oninput: debounce(() => this.#loadList(), 250),
    });
    this.summary = h("div", { class: "chooser-summary", role: "status" });
    this.chooser = h(
      "details",
      { class: "chooser", open: innerWidth > 768 },
      h("summary", null, "Sessions"),
      this.search,
      this.list,
      this.summary,
    );
    add(
      container,
      h("h1", { class: "visually-hidden" }, "Logs"),
      h(
        "div",
        { class: "logs-body" },
        this.chooser,
        h(
          "div",
          { class: "log-pane" },
          logTools(this.view, { ids: () => [...this.#chosen.keys()] }),
          this.view.element,
        ),
      ),
    );
    this.reload = throttle(() => this.#loadList(), 1000);
    this.off = live.on("sessions", ({ sessions }) => this.#receive(sessions));
    this.#choose((query.get("s") ?? "").split(",").filter(Boolean));
    this.#loadList();
  }

  close() {
    this.off();
    this.#closeFeeds();
    this.view.destroy();
  }

  refresh() {
    this.#loadList();
  }

  // ---- choosing -------------------------------------------------------------------------------

  async #loadList() {
    const text = this.search.value.trim();
    try {
      const { sessions } = await this.#ask(text);
      this.#sessions = new Map(sessions.map((session) => [session.session_id, session]));
      this.#showList();
    } catch (error) {
      if (!error.isUnreachable) toastError(error);
    }
  }

  async #ask(text) {
    try {
      return await call("session_list", { limit: LISTED, ...(text ? { text } : {}) });
    } catch (error) {
      if (error.code !== -32602) throw error;
    }
    const { sessions } = await call("session_list");
    return {
      sessions: sessions.filter(({ session_id }) => session_id.includes(text)).slice(0, LISTED),
    };
  }

  #receive(sessions) {
    for (const session of sessions) {
      const id = session.session_id;
      if (this.#sessions.has(id)) this.#sessions.set(id, session);
      else this.reload();
      const row = this.list.querySelector(`[data-id="${CSS.escape(id)}"]`);
      if (row) row.querySelector(".status").replaceWith(badge(session));
    }
  }

  #showList() {
    const missing = [...this.#chosen.keys()]
      .filter((id) => !this.#sessions.has(id))
      .map((session_id) => ({ session_id }));
    fill(
      this.list,
      [...missing, ...this.#sessions.values()].map((session) => this.#row(session)),
    );
    if (!this.list.firstChild) fill(this.list, h("p", { class: "empty" }, "No sessions."));
  }

  #row(session) {
    const id = session.session_id;
    const check = h("input", {
      type: "checkbox",
      class: "form-check-input",
      checked: this.#chosen.has(id),
      onchange: () => this.#toggle(id, check.checked),
    });
    return h(
      "label",
      { class: "chooser-row", dataset: { id } },
      check,
      h(
        "span",
        { class: "chooser-name" },
        session.status ? nameOf(session) : "session",
        " ",
        h("code", null, shortId(id)),
      ),
      session.status ? badge(session) : h("span", { class: "status" }),
      h("span", { class: "muted" }, when(session.queued_at_ms)),
    );
  }

  #toggle(id, isOn) {
    const ids = [...this.#chosen.keys()].filter((other) => other !== id);
    if (isOn) ids.push(id);
    this.#choose(ids);
  }

  // ---- reading --------------------------------------------------------------------------------

  #closeFeeds() {
    for (const { feed } of this.#chosen.values()) feed.close();
    clearTimeout(this.holdTimer);
  }

  #choose(ids) {
    if (ids.length > CHOSEN_MAX) {
      toastError(new Error(`at most ${CHOSEN_MAX} sessions at a time`));
      ids = ids.slice(0, CHOSEN_MAX);
      this.#showList();
    }
    this.#closeFeeds();
    this.#chosen.clear();
    this.view.clear();
    this.view.setFollows(true);
    const isOne = ids.length < 2;
    this.view.sessionLabel = isOne ? null : (id) => this.#chosen.get(id).label;
    this.#held = isOne ? null : { lines: [], waiting: new Set(ids) };
    if (!isOne) this.holdTimer = setTimeout(() => this.#release(), LOAD_MS);
    setEmpty(this.view, ids.length ? "" : "Choose one session or several.");
    setText(this.summary, ids.length ? `${plural(ids.length, "session")} shown` : "");
    ids.forEach((id, i) => {
      const label = { text: shortId(id), hue: (200 + i * 97) % 360 };
      this.#chosen.set(id, { label, feed: null });
    });
    for (const id of ids) this.#chosen.get(id).feed = this.#feed(id);
    const query = ids.length ? `?s=${ids.join(",")}` : "";
    history.replaceState(null, "", new URL(`logs${query}`, document.baseURI));
  }

  #feed(id) {
    return new LogFeed(id, {
      add: (from, entries) => {
        const lines = entries.map((entry) => new Line(from, entry));
        if (this.#held) this.#held.lines.push(...lines);
        else this.view.append(lines);
      },
      caughtUp: () => this.#caughtUp(id),
      end: () => {
        this.#caughtUp(id);
        if (this.#chosen.size === 1 && !this.view.lines.all.length)
          setEmpty(this.view, "Nothing was printed.");
      },
      fail: (from, error) => {
        this.#caughtUp(id);
        setEmpty(this.view, error.message);
      },
    });
  }

  #caughtUp(id) {
    if (!this.#held?.waiting.delete(id) || this.#held.waiting.size) return;
    this.#release();
  }

  #release() {
    clearTimeout(this.holdTimer);
    const { lines } = this.#held;
    this.#held = null;
    let last = 0;
    for (const line of lines) last = line.ms ??= last; // a gap stays with its neighbours
    this.view.append(lines.sort((a, b) => a.ms - b.ms));
  }
}

export const open = (container, { query }) => new LogsView(container, query);
