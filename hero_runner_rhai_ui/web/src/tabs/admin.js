// What an operator does and wants to know.
import { add, fill, h, icon } from "../base/dom.js";
import { confirmDialog } from "../base/dialog.js";
import { bytes, count, duration, plural } from "../base/format.js";
import { toast } from "../base/toast.js";
import { live } from "../live/live.js";
import { ask, call, callIfThere } from "../live/runner.js";
import { facts } from "./session.js";
import stopIcon from "bootstrap-icons/icons/stop-circle.svg";
import reloadIcon from "bootstrap-icons/icons/arrow-repeat.svg";
import drainIcon from "bootstrap-icons/icons/door-closed.svg";

const REFRESH_MS = 5000;

async function stopAll() {
  const running = live.stats?.workers.running ?? 0;
  const waiting = live.stats?.queue.pending ?? 0;
  const text = `${plural(running, "running session")} and ${plural(waiting, "waiting one")} end now.`;
  if (!(await confirmDialog("Stop all sessions?", text, { action: "Stop all", danger: true })))
    return;
  const answer = await ask("session_stop_all");
  if (answer)
    toast("Stopped", `${count(answer.stopped)} running, ${count(answer.cancelled)} waiting`);
}

async function reload() {
  const answer = await ask("reload");
  if (answer) toast("Engine reloaded", `generation ${answer.generation}`);
}

async function drain() {
  const text =
    "New sessions are refused from now on, until the server is started again. Those that run or wait go on.";
  if (!(await confirmDialog("Drain the server?", text, { action: "Drain", danger: true }))) return;
  const answer = await ask("drain");
  if (answer) toast("Draining", `${plural(answer.running, "session")} still running`);
}

const actions = [
  ["Stop all", "Ends every session that runs or waits.", stopIcon, stopAll, "btn-danger"],
  [
    "Reload the engine",
    "A second engine is built and tested; new sessions go to it.",
    reloadIcon,
    reload,
    "btn-outline-secondary",
  ],
  ["Drain", "Refuses new sessions, for an orderly end.", drainIcon, drain, "btn-outline-secondary"],
];

/** An object of the runner as rows: nested ones are joined. */
function rowsOf(object) {
  return Object.entries(object ?? {}).map(([name, value]) => {
    const title = name.replace(/_(ms|us|bytes)$/, "").replaceAll("_", " ");
    if (value === null) return [title, "none yet"];
    if (typeof value === "object") {
      const parts = rowsOf(value).map(([part, text]) =>
        h("span", { class: "pair" }, h("span", { class: "muted" }, `${part} `), text),
      );
      return [title, parts];
    }
    if (name.endsWith("_ms")) return [title, duration(value)];
    if (name.endsWith("_bytes")) return [title, bytes(value)];
    if (name.endsWith("_us")) return [title, duration(value / 1000)];
    if (typeof value === "boolean") return [title, value ? "yes" : "no"];
    return [title, typeof value === "number" && name !== "pid" ? count(value) : String(value)];
  });
}

function card(title, ...content) {
  return h("section", { class: "card-section" }, h("h2", null, title), content);
}

class AdminView {
  constructor(container) {
    this.health = h("div");
    this.versions = h("div");
    this.supervisor = h("div");
    this.settings = h("div", {
      class: "table-scroll",
      tabIndex: 0,
      role: "region",
      "aria-label": "Settings",
    });
    add(
      container,
      h("h1", { class: "visually-hidden" }, "Admin"),
      h(
        "div",
        { class: "admin" },
        card(
          "Actions",
          actions.map(([title, text, svg, run, kind]) =>
            h(
              "div",
              { class: "action" },
              h(
                "button",
                {
                  type: "button",
                  class: `btn btn-sm ${kind}`,
                  onclick: () => run().then(() => this.refresh()),
                },
                icon(svg),
                title,
              ),
              h("span", { class: "muted" }, text),
            ),
          ),
        ),
        card("Health", this.health),
        h("div", null, card("Versions", this.versions), card("Supervisor", this.supervisor)),
        h(
          "section",
          { class: "card-section wide" },
          h("h2", null, "Limits and settings in force"),
          this.settings,
        ),
      ),
    );
    this.off = live.on("state", () => this.refresh());
    this.refresh();
    this.#loadSettings();
  }

  close() {
    clearTimeout(this.timer);
    this.off();
    this.isClosed = true;
  }

  async refresh() {
    clearTimeout(this.timer);
    await Promise.all([this.#loadHealth(), this.#loadSupervisor()]);
    if (!this.isClosed) this.timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  async #loadHealth() {
    const own = await fetch(new URL("health", document.baseURI))
      .then((r) => r.json())
      .catch(() => null);
    try {
      const { status, service, version, ...rest } = await call("health");
      fill(
        this.health,
        h(
          "p",
          null,
          h("span", { class: `status ${status === "ok" ? "succeeded" : "failed"}` }, status),
        ),
        facts(rowsOf(rest)),
      );
      fill(
        this.versions,
        facts([
          ["Runner", `${service} ${version}`],
          ["Dashboard", document.body.dataset.version],
          ["Engine", rest.zygote?.generation && `generation ${rest.zygote.generation}`],
        ]),
      );
    } catch (error) {
      fill(
        this.health,
        h("p", null, h("span", { class: "status failed" }, "down")),
        h("p", { class: "error-text" }, own?.runner?.error ?? error.message),
      );
      fill(this.versions, facts([["Dashboard", document.body.dataset.version]]));
    }
  }

  async #loadSupervisor() {
    const answer = await fetch(new URL("supervisor", document.baseURI))
      .then((r) => r.json())
      .catch((error) => ({ error: error.message }));
    if (answer.error) fill(this.supervisor, h("p", { class: "muted" }, answer.error));
    else fill(this.supervisor, facts(rowsOf(answer)));
  }

  async #loadSettings() {
    const answer = await callIfThere("config_get").catch(() => undefined);
    if (!answer) {
      fill(this.settings, h("p", { class: "muted" }, "This runner does not tell its settings."));
      return;
    }
    const row = (s) =>
      h(
        "tr",
        { class: s.source === "default" ? "" : "changed" },
        h("td", null, h("code", null, s.name), h("div", { class: "muted" }, s.meaning)),
        h("td", { class: "col-number" }, String(s.value)),
        h("td", { class: "col-number optional" }, String(s.default)),
        h("td", null, s.source),
        h("td", { class: "optional" }, h("code", null, s.variable)),
      );
    fill(
      this.settings,
      h(
        "table",
        { class: "list" },
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            ["Setting", "Value", "Default", "From", "Variable"].map((title, i) =>
              h(
                "th",
                {
                  scope: "col",
                  class: ["", "col-number", "col-number optional", "", "optional"][i],
                },
                title,
              ),
            ),
          ),
        ),
        h("tbody", null, answer.settings.map(row)),
      ),
    );
  }
}

export const open = (container) => new AdminView(container);
