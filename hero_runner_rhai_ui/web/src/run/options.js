// How a script is to be run, beside its text: directory, arguments, variables, limits.
import { h, icon } from "../base/dom.js";
import { parseBytes, parseDuration } from "../base/format.js";
import removeIcon from "bootstrap-icons/icons/x-lg.svg";

const small = "form-control form-control-sm";

function field(label, input, help) {
  return h(
    "label",
    { class: "field" },
    h("span", null, label),
    input,
    help && h("span", { class: "field-help" }, help),
  );
}

function readNumber(input, parse, label) {
  const text = input.value.trim();
  if (text === "") return undefined;
  const value = parse(text);
  if (!Number.isFinite(value)) throw new Error(`${label}: cannot read "${text}"`);
  return Math.round(value);
}

const number = (text) => (/^-?\d+$/.test(text) ? Number(text) : NaN);

const limits = [
  ["cpu_ms", "CPU time", parseDuration, "30s"],
  ["memory_bytes", "Memory", parseBytes, "256M"],
  ["operations", "Operations", number, "1000000"],
  ["output_bytes", "Output", parseBytes, "16M"],
  ["processes", "Processes", number, "16"],
  ["open_files", "Open files", number, "256"],
];

export class Options {
  constructor() {
    this.dir = h("input", { class: small, placeholder: "home of the server's owner" });
    this.args = h("textarea", {
      class: small,
      rows: 2,
      placeholder: "one a line",
      spellcheck: false,
    });
    this.timeout = h("input", { class: small, placeholder: "none, or 30s, 5m, 1h30m" });
    this.tags = h("input", { class: small, placeholder: "words, separated by commas" });
    this.priority = h("input", { class: small, placeholder: "0", inputMode: "numeric" });
    this.forward = h(
      "select",
      { class: "form-select form-select-sm" },
      ["as the server is set", "yes", "no"].map((text) => h("option", null, text)),
    );
    this.vars = h("div", { class: "vars" });
    this.limits = limits.map(([name, label, parse, placeholder]) => ({
      name,
      label,
      parse,
      input: h("input", { class: small, placeholder }),
    }));
    this.element = h(
      "details",
      { class: "options" },
      h("summary", null, "Options"),
      h(
        "div",
        { class: "options-grid" },
        field("Directory", this.dir),
        field("Time limit", this.timeout),
        field("Arguments", this.args),
        h(
          "div",
          { class: "field" },
          h("span", null, "Variables"),
          this.vars,
          h(
            "button",
            { type: "button", class: "tool", onclick: () => this.#addVar("", "").name.focus() },
            "Add a variable",
          ),
        ),
        field("Tags", this.tags),
        field("Priority", this.priority),
        field("Forward the log to hero_proc", this.forward),
      ),
      h("h3", null, "Limits"),
      h(
        "div",
        { class: "options-grid" },
        this.limits.map(({ label, input }) => field(label, input)),
      ),
    );
  }

  #addVar(name, value, isSecret = false) {
    const row = {
      name: h("input", {
        class: small,
        placeholder: "NAME",
        value: name,
        "aria-label": "Name of a variable",
      }),
      value: h("input", {
        class: small,
        placeholder: "value",
        value,
        type: isSecret ? "password" : "text",
        "aria-label": "Its value",
      }),
      secret: h("input", { type: "checkbox", class: "form-check-input", checked: isSecret }),
    };
    row.secret.addEventListener(
      "change",
      () => (row.value.type = row.secret.checked ? "password" : "text"),
    );
    const remove = h(
      "button",
      {
        type: "button",
        class: "icon-button",
        "aria-label": "Remove the variable",
        onclick: () => element.remove(),
      },
      icon(removeIcon),
    );
    const element = h(
      "div",
      { class: "var" },
      row.name,
      row.value,
      h("label", { title: "Never stored or shown" }, row.secret, " secret"),
      remove,
    );
    element.row = row;
    this.vars.append(element);
    return row;
  }

  #readVars() {
    return [...this.vars.children]
      .map(({ row }) => ({
        name: row.name.value.trim(),
        value: row.value.value,
        isSecret: row.secret.checked,
      }))
      .filter(({ name }) => name);
  }

  /** Members of session_start; throws an Error that names the field. */
  read() {
    const params = {};
    const set = (name, value) => {
      if (value !== undefined && value !== "") params[name] = value;
    };
    set("working_dir", this.dir.value.trim());
    set("timeout_ms", readNumber(this.timeout, parseDuration, "Time limit"));
    set("priority", readNumber(this.priority, number, "Priority"));
    const args = this.args.value.split("\n").filter(Boolean);
    if (args.length) params.args = args;
    const tags = this.tags.value
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean);
    if (tags.length) params.tags = tags;
    if (this.forward.selectedIndex) params.forward_logs = this.forward.selectedIndex === 1;
    const vars = this.#readVars();
    if (vars.length)
      params.env_vars = Object.fromEntries(vars.map(({ name, value }) => [name, value]));
    const secrets = vars.filter(({ isSecret }) => isSecret).map(({ name }) => name);
    if (secrets.length) params.secret_vars = secrets;
    const given = this.limits
      .map(({ name, label, parse, input }) => [name, readNumber(input, parse, label)])
      .filter(([, value]) => value !== undefined);
    if (given.length) params.limits = Object.fromEntries(given);
    return params;
  }

  /** From what a session was asked; values of variables are not known there. */
  write({ working_dir = "", args = [], env_names = [], timeout_ms, limits: given = {} }) {
    this.dir.value = working_dir;
    this.args.value = args.join("\n");
    this.timeout.value = timeout_ms ? String(timeout_ms) : "";
    this.vars.replaceChildren();
    for (const name of env_names) this.#addVar(name, "");
    for (const { name, input } of this.limits) input.value = given[name] ?? "";
    if (working_dir || args.length || env_names.length || timeout_ms || Object.keys(given).length)
      this.element.open = true;
  }
}
