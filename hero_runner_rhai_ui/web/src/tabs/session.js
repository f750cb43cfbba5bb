// One session: its log, and beside it what was asked, what it came to and what it used.
import { add, copyText, fill, h, icon } from "../base/dom.js";
import { showMenuUnder } from "../base/dialog.js";
import { bytes, clockMs, count, day, duration, shortId } from "../base/format.js";
import { go } from "../base/go.js";
import {
  badge,
  callerOf,
  durationText,
  isLive,
  nameOf,
  rerun,
  sessionMenu,
  stopSessions,
} from "../base/sessions.js";
import { toast } from "../base/toast.js";
import { live } from "../live/live.js";
import { LogFeed } from "../live/logfeed.js";
import { call, callIfThere } from "../live/runner.js";
import { LogView, setEmpty } from "../log/logview.js";
import { logTools } from "../log/logtools.js";
import { LINES_MAX, note } from "../log/lines.js";
import { errorInSource, sourceText } from "../run/source.js";
import { valueView } from "../run/value.js";
import { progressBar } from "./sessions.js";
import backIcon from "bootstrap-icons/icons/arrow-left.svg";
import stopIcon from "bootstrap-icons/icons/stop-circle.svg";
import againIcon from "bootstrap-icons/icons/arrow-repeat.svg";
import editIcon from "bootstrap-icons/icons/pencil-square.svg";
import moreIcon from "bootstrap-icons/icons/three-dots.svg";
import copyIcon from "bootstrap-icons/icons/copy.svg";

const stamp = (ms) => (ms ? `${day(ms)} ${clockMs(ms)}` : undefined);

const USE_EACH = 3; // seconds

/** Rows of a list of facts; those without a value are left out. */
export function facts(rows) {
  const shown = rows.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return h(
    "dl",
    { class: "facts" },
    shown.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
  );
}

const limitNames = {
  cpu_ms: ["CPU time", duration],
  memory_bytes: ["memory", bytes],
  operations: ["operations", count],
  output_bytes: ["output", bytes],
  processes: ["processes", count],
  open_files: ["open files", count],
};

function limitsText(limits, timeout_ms) {
  const parts = timeout_ms ? [`time ${duration(timeout_ms)}`] : [];
  for (const [name, value] of Object.entries(limits ?? {})) {
    const [title, format] = limitNames[name] ?? [name, count];
    if (value) parts.push(`${title} ${format(value)}`);
  }
  return parts.join(", ");
}

function section(title, ...content) {
  return h("section", { class: "card-section" }, h("h2", null, title), content);
}

class SessionView {
  session = null;
  request = null;
  result = undefined;

  constructor(container, id) {
    this.id = id;
    this.ticks = 0;
    this.head = h("div", { class: "session-head" });
    this.side = h("div", { class: "session-side" });
    this.view = new LogView({ label: `Log of session ${shortId(id)}` });
    const tools = logTools(this.view, { ids: () => [id] });
    add(
      container,
      this.head,
      h(
        "div",
        { class: "session-body" },
        h("div", { class: "log-pane" }, tools, this.view.element),
        this.side,
      ),
    );
    setEmpty(this.view, "No output yet.");
    this.off = live.on("sessions", ({ sessions }) => {
      const news = sessions.find(({ session_id }) => session_id === id);
      if (news) this.#update(news);
    });
    this.ticker = setInterval(() => this.#tick(), 1000);
    this.#load();
  }

  close() {
    this.off();
    clearInterval(this.ticker);
    this.feed?.close();
    this.view.destroy();
  }

  /** The time runs on by itself; what the session uses is asked for now and then. */
  #tick() {
    if (this.session?.status !== "running") return;
    this.#showHead();
    if (++this.ticks % USE_EACH === 0 && !document.hidden) this.refresh();
  }

  async refresh() {
    if (this.session)
      this.#update(await call("session_get", { session_id: this.id }).catch(() => this.session));
    else this.#load();
  }

  async #load() {
    try {
      this.#update(await call("session_get", { session_id: this.id }));
    } catch (error) {
      fill(
        this.head,
        h(
          "a",
          { href: "sessions", class: "icon-button", "aria-label": "All sessions" },
          icon(backIcon),
        ),
        h("h1", null, error.message),
      );
      return;
    }
    this.#follow();
    this.request = await callIfThere("session_request", { session_id: this.id }).catch(
      () => undefined,
    );
    this.#showSide();
  }

  #follow() {
    const sink = {
      add: (id, entries) => {
        setEmpty(this.view, "");
        this.view.add(id, entries);
      },
      end: () => {
        if (!this.view.lines.all.length) setEmpty(this.view, "Nothing was printed.");
      },
      progress: (id, progress) => this.#update({ ...this.session, progress }),
      fail: (id, error) => setEmpty(this.view, error.message),
    };
    this.feed?.close();
    const after = Math.max(0, this.session.lines - LINES_MAX);
    if (after)
      this.view.append([
        note(
          this.id,
          after,
          `${count(after)} older lines are not shown here; the download has them`,
        ),
      ]);
    this.feed = new LogFeed(this.id, sink, { after });
  }

  #update(session) {
    const hasEnded = !isLive(session);
    this.session = session;
    this.#showHead();
    this.#showSide();
    if (hasEnded && this.result === undefined) this.#loadResult();
  }

  async #loadResult() {
    this.result = null;
    this.result = await call("session_result", { session_id: this.id }).catch(() => null);
    this.#showSide();
  }

  #showHead() {
    const { session } = this;
    const key = JSON.stringify([
      session.status,
      session.reason,
      session.progress,
      session.queue_position,
    ]);
    if (this.headKey === key) {
      this.time.textContent = durationText(session);
      return;
    }
    this.headKey = key;
    this.time = h("span", { class: "session-time" }, durationText(session));
    const again = async () => {
      const id = await rerun(session);
      if (id) go(`sessions/${id}`);
    };
    const more = h(
      "button",
      { type: "button", class: "tool", "aria-label": "More actions", "aria-haspopup": "menu" },
      icon(moreIcon),
    );
    more.addEventListener("click", () =>
      showMenuUnder(
        more,
        sessionMenu([this.session], (kind) => kind === "delete" && go("sessions")),
      ),
    );
    fill(
      this.head,
      h(
        "a",
        {
          href: "sessions",
          class: "icon-button",
          "aria-label": "All sessions",
          title: "All sessions",
        },
        icon(backIcon),
      ),
      h("h1", null, nameOf(session)),
      h(
        "button",
        {
          type: "button",
          class: "id-button",
          title: "Copy the id",
          onclick: () => copyText(this.id).then(() => toast("Copied", this.id)),
        },
        h("code", null, this.id),
        icon(copyIcon),
      ),
      badge(session),
      this.time,
      session.progress && isLive(session) && progressBar(session.progress),
      h("span", { class: "tool-space" }),
      isLive(session) &&
        h(
          "button",
          {
            type: "button",
            class: "btn btn-sm btn-danger",
            onclick: () => stopSessions([session]),
          },
          icon(stopIcon),
          "Stop",
        ),
      !isLive(session) &&
        h(
          "button",
          { type: "button", class: "btn btn-sm btn-primary", onclick: again },
          icon(againIcon),
          "Rerun",
        ),
      h(
        "a",
        { class: "btn btn-sm btn-outline-secondary", href: `run?from=${this.id}` },
        icon(editIcon),
        "Edit",
      ),
      more,
    );
  }

  #showSide() {
    const { session: s, request, result } = this;
    const error =
      s.error ??
      result?.error ??
      (s.status === "failed" && s.message ? { message: s.message } : null);
    const usage = s.usage;
    const script = request?.script;
    const sections = [];
    if (error) sections.push(section("Error", errorInSource(error, script)));
    if (result?.success) {
      sections.push(
        section(
          "Result",
          result.value_truncated
            ? h("p", null, "The value is too large to keep.")
            : valueView(result.value, result.value_type),
        ),
      );
    }
    sections.push(
      section(
        "Session",
        facts([
          [
            "Reason",
            s.reason && [
              s.reason,
              s.exit_code === undefined ? null : ` ${s.exit_code}`,
              s.signal ? ` ${s.signal}` : null,
            ],
          ],
          ["Message", s.message !== error?.message ? s.message : undefined],
          [
            "Source",
            s.source && s.source.kind !== "script"
              ? `${s.source.name}${s.source.version ? ` · version ${s.source.version}` : ""}`
              : undefined,
          ],
          ["Caller", callerOf(s)],
          ["Tags", s.tags?.join(", ")],
          ["Queued", stamp(s.queued_at_ms)],
          ["Started", stamp(s.started_at_ms)],
          ["Ended", stamp(s.ended_at_ms)],
          ["Process", s.child_pid],
          ["Priority", s.priority || undefined],
          ["Key", s.concurrency_key],
          ["Limits", limitsText(s.limits, s.timeout_ms)],
          ["Forwarding", s.forwarding === "off" ? undefined : s.forwarding],
          [
            "Callback",
            s.callback &&
              `${s.callback.state}, ${s.callback.attempts} tries${s.callback.error ? `: ${s.callback.error}` : ""}`,
          ],
          [
            "Rerun of",
            s.rerun_of && h("a", { href: `sessions/${s.rerun_of}` }, shortId(s.rerun_of)),
          ],
        ]),
      ),
      section(
        "Use",
        facts([
          [
            "Lines",
            `${count(s.lines)}${s.dropped_lines ? ` (${count(s.dropped_lines)} no longer kept)` : ""}`,
          ],
          ["Output", bytes(s.bytes)],
          [
            "CPU",
            usage &&
              `${duration((usage.user_us + usage.system_us) / 1000)} (user ${duration(usage.user_us / 1000)}, system ${duration(usage.system_us / 1000)})`,
          ],
          ["Memory", usage?.rss_bytes && bytes(usage.rss_bytes)],
          ["Peak memory", usage && bytes(usage.peak_rss_bytes)],
          ["Processes", usage?.processes],
          [
            "Engine",
            usage?.engine_peak_bytes === undefined
              ? undefined
              : `${usage.operations ? `${count(usage.operations)} operations, ` : ""}${bytes(usage.engine_peak_bytes)}`,
          ],
          [
            "Switches",
            usage &&
              `${count(usage.voluntary_switches)} waiting, ${count(usage.involuntary_switches)} forced`,
          ],
        ]),
      ),
    );
    if (request) {
      const rows = [
        ["Directory", request.working_dir],
        [
          "Arguments",
          request.args?.length
            ? request.args.map((arg) => h("code", { class: "chip-code" }, arg))
            : undefined,
        ],
        [
          "Variables",
          request.env_names?.length
            ? request.env_names.map((name) => h("code", { class: "chip-code" }, name))
            : undefined,
        ],
      ];
      const inputs = Object.entries(request.inputs ?? {}).map(([name, value]) => [
        name,
        h("code", null, JSON.stringify(value)),
      ]);
      if (rows.some(([, value]) => value)) sections.push(section("Request", facts(rows)));
      if (inputs.length) sections.push(section("Inputs", facts(inputs)));
      if (script) sections.push(section("Script", sourceText(script, { markLine: error?.line })));
    }
    fill(this.side, sections);
  }
}

export const openSession = (container, id) => new SessionView(container, id);
