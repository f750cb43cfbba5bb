// The list of sessions, and one of them when the address has an id.
import { add, debounce, fill, h, icon, setText, throttle } from "../base/dom.js";
import { showMenu, showMenuUnder } from "../base/dialog.js";
import { bytes, count, duration, plural, shortId, when } from "../base/format.js";
import { go } from "../base/go.js";
import {
  badge,
  callerOf,
  durationText,
  isLive,
  nameOf,
  sessionMenu,
  STATUSES,
} from "../base/sessions.js";
import { toastError } from "../base/toast.js";
import { live } from "../live/live.js";
import { call } from "../live/runner.js";
import { openSession } from "./session.js";
import moreIcon from "bootstrap-icons/icons/three-dots.svg";
import searchIcon from "bootstrap-icons/icons/search.svg";

const PAGE = 50;
const RELOAD_MS = 700;
const RUNNING_EACH = 3; // seconds

const cpuMs = ({ usage }) => (usage ? (usage.user_us + usage.system_us) / 1000 : undefined);

const columns = [
  { title: "Status", class: "col-status", cell: (s) => badge(s) },
  { title: "Session", class: "col-session", cell: sessionCell },
  { title: "Queued", class: "col-time", sort: "queued", cell: (s) => when(s.queued_at_ms) },
  { title: "Time", class: "col-number", sort: "duration", cell: durationText },
  { title: "Lines", class: "col-number", sort: "lines", cell: (s) => count(s.lines) },
  { title: "CPU", class: "col-number optional", sort: "cpu", cell: (s) => duration(cpuMs(s)) },
  {
    title: "Memory",
    class: "col-number optional",
    sort: "memory",
    cell: (s) => bytes(s.usage?.rss_bytes ?? s.usage?.peak_rss_bytes),
  },
  { title: "Caller", class: "optional", cell: callerOf },
];

function sessionCell(session) {
  const progress = session.progress && isLive(session) ? progressBar(session.progress) : null;
  return [
    h(
      "a",
      { href: `sessions/${session.session_id}`, class: "session-link" },
      h("span", { class: "session-name" }, nameOf(session)),
      h("code", null, shortId(session.session_id)),
    ),
    (session.tags ?? []).map((tag) => h("span", { class: "tag" }, tag)),
    session.message &&
      session.status === "failed" &&
      h("span", { class: "session-message" }, session.message),
    progress,
  ];
}

export function progressBar({ done, total, text }) {
  const value = total > 0 ? Math.min(1, done / total) : undefined;
  return h(
    "span",
    { class: "progress-line" },
    h("progress", { value, max: 1, "aria-label": "Progress" }),
    h("span", null, text || `${done} of ${total}`),
  );
}

/** "tag:nightly caller:ana words" → parameters of session_list */
function parseSearch(text) {
  const params = {};
  const words = text.replace(/\b(tag|caller):(\S+)/g, (_, name, value) => {
    params[name] = value;
    return "";
  });
  if (words.trim()) params.text = words.trim();
  return params;
}

const spans = [
  ["any time", 0],
  ["last 15 min", 15 * 60e3],
  ["last hour", 3600e3],
  ["last 24 h", 86400e3],
  ["last 7 days", 7 * 86400e3],
];

/** For a runner that only knows session_list {}: filters, sorts and pages here. */
function selectHere(sessions, { status, since_ms, text, tag, caller, sort, order, offset, limit }) {
  const keys = {
    queued: (s) => s.queued_at_ms,
    duration: (s) => (s.started_at_ms ? (s.ended_at_ms ?? Date.now()) - s.started_at_ms : -1),
    lines: (s) => s.lines,
    cpu: (s) => cpuMs(s) ?? -1,
    memory: (s) => s.usage?.peak_rss_bytes ?? -1,
  };
  const low = text?.toLowerCase();
  const found = sessions.filter(
    (s) =>
      (!status || status.includes(s.status)) &&
      (!since_ms || s.queued_at_ms >= since_ms) &&
      (!tag || s.tags?.includes(tag)) &&
      (!caller || callerOf(s) === caller) &&
      (!low || `${s.session_id} ${nameOf(s)} ${s.message ?? ""}`.toLowerCase().includes(low)),
  );
  const sign = order === "asc" ? 1 : -1;
  found.sort((a, b) => sign * (keys[sort](a) - keys[sort](b)));
  return { sessions: found.slice(offset, offset + limit), total: found.length };
}

class SessionList {
  #rows = new Map(); // id → { session, element, cells }
  #selected = new Set();
  #isOld = false;
  #turn = 0;
  #ticks = 0;

  constructor(container, query) {
    this.state = {
      search: query.get("q") ?? "",
      status: new Set((query.get("status") ?? "").split(",").filter((s) => STATUSES.includes(s))),
      span: Number(query.get("span") ?? 0),
      sort: query.get("sort") ?? "queued",
      order: query.get("order") ?? "desc",
      offset: Number(query.get("offset") ?? 0),
    };
    this.#build(container);
    this.reload = throttle(() => this.#load(), RELOAD_MS);
    this.off = [live.on("sessions", ({ sessions }) => this.#receive(sessions))];
    this.ticker = setInterval(() => this.#tick(), 1000);
    this.#load();
  }

  close() {
    this.off.forEach((off) => off());
    clearInterval(this.ticker);
  }

  refresh() {
    this.#load();
  }

  // ---- what is asked for ----------------------------------------------------------------------

  #params() {
    const { search, status, span, sort, order, offset } = this.state;
    const params = { ...parseSearch(search), sort, order, offset, limit: PAGE };
    if (status.size) params.status = [...status];
    if (span) params.since_ms = Date.now() - span;
    return params;
  }

  async #ask(params) {
    if (!this.#isOld) {
      try {
        return await call("session_list", params);
      } catch (error) {
        if (error.code !== -32602) throw error;
        this.#isOld = true;
      }
    }
    return selectHere((await call("session_list")).sessions, params);
  }

  async #load() {
    const turn = ++this.#turn;
    try {
      const page = await this.#ask(this.#params());
      if (turn === this.#turn) this.#show(page);
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    }
  }

  #change(change) {
    Object.assign(this.state, { offset: 0 }, change);
    const { search, status, span, sort, order, offset } = this.state;
    const query = new URLSearchParams();
    if (search) query.set("q", search);
    if (status.size) query.set("status", [...status].join(","));
    if (span) query.set("span", span);
    if (sort !== "queued") query.set("sort", sort);
    if (order !== "desc") query.set("order", order);
    if (offset) query.set("offset", offset);
    history.replaceState(
      null,
      "",
      new URL(`sessions${query.size ? `?${query}` : ""}`, document.baseURI),
    );
    this.#load();
  }

  // ---- what is shown --------------------------------------------------------------------------

  #build(container) {
    const search = h("input", {
      type: "search",
      value: this.state.search,
      placeholder: "search: text, tag:name, caller:name",
      "aria-label": "Search sessions",
      oninput: debounce(() => this.#change({ search: search.value }), 250),
    });
    const chips = STATUSES.map((status) => this.#chip(status));
    const span = h(
      "select",
      {
        class: "tool-select",
        "aria-label": "Time",
        onchange: () => this.#change({ span: Number(span.value) }),
      },
      spans.map(([title, ms]) =>
        h("option", { value: ms, selected: ms === this.state.span }, title),
      ),
    );
    this.bulk = h("div", { class: "bulk", hidden: true });
    this.body = h("tbody");
    this.headers = columns.map((column) => this.#header(column));
    this.all = h("input", {
      type: "checkbox",
      class: "form-check-input",
      "aria-label": "Select all",
      onchange: () => this.#selectAll(this.all.checked),
    });
    this.note = h("div", { class: "empty", hidden: true });
    this.range = h("span", { role: "status" });
    this.previous = this.#pager("Previous", -PAGE);
    this.next = this.#pager("Next", PAGE);
    add(
      container,
      h("h1", { class: "visually-hidden" }, "Sessions"),
      h(
        "div",
        { class: "bar" },
        h("label", { class: "search" }, icon(searchIcon), search),
        h("div", { class: "chips", role: "group", "aria-label": "Status" }, chips),
        span,
        this.bulk,
      ),
      h(
        "div",
        { class: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Sessions" },
        h(
          "table",
          { class: "list" },
          h(
            "thead",
            null,
            h(
              "tr",
              null,
              h("th", { class: "col-check" }, this.all),
              this.headers,
              h("th", { class: "col-more" }, h("span", { class: "visually-hidden" }, "Actions")),
            ),
          ),
          this.body,
        ),
        this.note,
      ),
      h("div", { class: "pager" }, this.range, this.previous, this.next),
    );
    this.body.addEventListener("contextmenu", (event) => this.#contextMenu(event));
  }

  #chip(status) {
    const button = h(
      "button",
      {
        type: "button",
        class: `chip ${status}`,
        "aria-pressed": String(this.state.status.has(status)),
      },
      status,
    );
    button.addEventListener("click", () => {
      const chosen = new Set(this.state.status);
      if (!chosen.delete(status)) chosen.add(status);
      button.setAttribute("aria-pressed", String(chosen.has(status)));
      this.#change({ status: chosen });
    });
    return button;
  }

  #header({ title, class: name, sort }) {
    if (!sort) return h("th", { class: name, scope: "col" }, title);
    const header = h("th", { class: name, scope: "col", dataset: { sort } });
    header.append(
      h(
        "button",
        {
          type: "button",
          class: "sort",
          onclick: () => {
            const isSame = this.state.sort === sort;
            this.#change({ sort, order: isSame && this.state.order === "desc" ? "asc" : "desc" });
          },
        },
        title,
      ),
    );
    return header;
  }

  #pager(title, step) {
    return h(
      "button",
      {
        type: "button",
        class: "btn btn-sm btn-outline-secondary",
        onclick: () => this.#change({ offset: Math.max(0, this.state.offset + step) }),
      },
      title,
    );
  }

  #show({ sessions, total }) {
    const known = this.#rows;
    this.#rows = new Map();
    for (const session of sessions) {
      const row = known.get(session.session_id) ?? this.#makeRow(session.session_id);
      this.#update(row, session);
      this.#rows.set(session.session_id, row);
    }
    this.body.replaceChildren(...[...this.#rows.values()].map(({ element }) => element));
    for (const id of this.#selected) if (!this.#rows.has(id)) this.#selected.delete(id);
    this.#showSelection();
    for (const header of this.headers) {
      if (!header.dataset.sort) continue;
      const isSorted = header.dataset.sort === this.state.sort;
      header.setAttribute(
        "aria-sort",
        isSorted ? (this.state.order === "asc" ? "ascending" : "descending") : "none",
      );
    }
    const { offset } = this.state;
    setText(
      this.range,
      total ? `${count(offset + 1)}–${count(offset + sessions.length)} of ${count(total)}` : "",
    );
    this.previous.disabled = offset === 0;
    this.next.disabled = offset + sessions.length >= total;
    const isFiltered = this.state.search || this.state.status.size || this.state.span;
    this.note.hidden = sessions.length > 0;
    fill(
      this.note,
      isFiltered
        ? "No session matches."
        : ["No sessions yet. ", h("a", { href: "run" }, "Run a script"), " to see one here."],
    );
  }

  #fail(error) {
    if (error.isUnreachable) {
      this.note.hidden = this.#rows.size > 0;
      fill(this.note, "The runner does not answer; the list comes as soon as it does.");
    } else {
      toastError(error);
    }
  }

  #makeRow(id) {
    const check = h("input", {
      type: "checkbox",
      class: "form-check-input",
      "aria-label": `Select ${shortId(id)}`,
      checked: this.#selected.has(id),
      onchange: () => {
        if (check.checked) this.#selected.add(id);
        else this.#selected.delete(id);
        this.#showSelection();
      },
    });
    const cells = columns.map((column) => h("td", { class: column.class }));
    const more = h(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": `Actions for ${shortId(id)}`,
        "aria-haspopup": "menu",
        onclick: () => showMenuUnder(more, this.#menuFor(id)),
      },
      icon(moreIcon),
    );
    const element = h(
      "tr",
      { dataset: { id } },
      h("td", { class: "col-check" }, check),
      cells,
      h("td", { class: "col-more" }, more),
    );
    element.addEventListener("dblclick", (event) => {
      if (!event.target.closest("a, button, input")) go(`sessions/${id}`);
    });
    return { id, element, cells, check, texts: [] };
  }

  #update(row, session) {
    row.session = session;
    columns.forEach((column, i) => {
      const content = column.cell(session);
      if (typeof content === "string") setText(row.cells[i], content);
      else fill(row.cells[i], content ?? "");
    });
  }

  #receive(sessions) {
    let isNew = false;
    for (const session of sessions) {
      const row = this.#rows.get(session.session_id);
      if (row) this.#update(row, session);
      else isNew = true;
    }
    if (isNew || this.state.status.size || this.state.sort !== "queued") this.reload();
  }

  /** Times run on by themselves; lines and use of running sessions are asked for now and then. */
  #tick() {
    const time = columns.findIndex(({ sort }) => sort === "duration");
    const running = [...this.#rows.values()].filter(({ session }) => session.status === "running");
    for (const row of running) setText(row.cells[time], durationText(row.session));
    if (running.length && ++this.#ticks % RUNNING_EACH === 0 && !document.hidden) this.reload();
  }

  // ---- choosing and doing ---------------------------------------------------------------------

  #selectAll(isOn) {
    for (const [id, row] of this.#rows) {
      row.check.checked = isOn;
      if (isOn) this.#selected.add(id);
      else this.#selected.delete(id);
    }
    this.#showSelection();
  }

  #showSelection() {
    const n = this.#selected.size;
    this.all.checked = n > 0 && n === this.#rows.size;
    this.all.indeterminate = n > 0 && n < this.#rows.size;
    for (const row of this.#rows.values()) {
      row.check.checked = this.#selected.has(row.id);
      row.element.classList.toggle("selected", row.check.checked);
    }
    this.bulk.hidden = n === 0;
    if (n === 0) return;
    const items = sessionMenu(this.#chosen(), (kind, ids) => this.#changed(kind, ids)).filter(
      Boolean,
    );
    fill(
      this.bulk,
      h("strong", null, plural(n, "session")),
      items.map((item) =>
        h(
          "button",
          { type: "button", class: "tool", disabled: item.disabled, onclick: item.run },
          item.icon,
          h("span", { class: "tool-text" }, item.label),
        ),
      ),
    );
  }

  #chosen() {
    return [...this.#selected].map((id) => this.#rows.get(id)?.session).filter(Boolean);
  }

  #menuFor(id) {
    const isOneOfMany = this.#selected.size > 1 && this.#selected.has(id);
    const sessions = isOneOfMany ? this.#chosen() : [this.#rows.get(id).session];
    return sessionMenu(sessions, (kind, ids) => this.#changed(kind, ids));
  }

  #changed(kind, ids) {
    if (kind === "delete") for (const id of ids) this.#selected.delete(id);
    this.#load();
  }

  #contextMenu(event) {
    const row = event.target.closest("tr");
    if (!row || event.target.closest("input")) return;
    event.preventDefault();
    const box = row.getBoundingClientRect();
    const isByKey = event.clientX === 0 && event.clientY === 0;
    showMenu(
      isByKey ? box.left + 40 : event.clientX,
      isByKey ? box.bottom : event.clientY,
      this.#menuFor(row.dataset.id),
      document.activeElement,
    );
  }
}

export function open(container, route) {
  let current = route.path
    ? openSession(container, route.path)
    : new SessionList(container, route.query);
  let path = route.path;
  return {
    close: () => current.close(),
    refresh: () => current.refresh(),
    update: (next) => {
      if (next.path === path && path) return true;
      current.close();
      container.replaceChildren();
      path = next.path;
      current = path ? openSession(container, path) : new SessionList(container, next.query);
      return true;
    },
  };
}
