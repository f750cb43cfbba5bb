// Write a script, run it, watch it.
import { add, debounce, fill, h, icon, saveFile } from "../base/dom.js";
import { showMenuUnder } from "../base/dialog.js";
import { shortId } from "../base/format.js";
import { badge, durationText, isLive, stopSessions } from "../base/sessions.js";
import { toast, toastError } from "../base/toast.js";
import { live } from "../live/live.js";
import { LogFeed } from "../live/logfeed.js";
import { ask, call, callIfThere } from "../live/runner.js";
import { LogView, setEmpty } from "../log/logview.js";
import { logTools } from "../log/logtools.js";
import automation from "automation:scripts";
import { examples } from "../run/examples.js";
import { chooseScript } from "../run/library.js";
import { Options } from "../run/options.js";
import { InputsForm } from "../run/schemaform.js";
import { errorInSource } from "../run/source.js";
import { valueView } from "../run/value.js";
import { progressBar } from "./sessions.js";
import runIcon from "bootstrap-icons/icons/play-fill.svg";
import stopIcon from "bootstrap-icons/icons/stop-fill.svg";
import libraryIcon from "bootstrap-icons/icons/collection.svg";
import saveIcon from "bootstrap-icons/icons/cloud-arrow-up.svg";
import openIcon from "bootstrap-icons/icons/folder2-open.svg";
import downloadIcon from "bootstrap-icons/icons/download.svg";
import exampleIcon from "bootstrap-icons/icons/lightbulb.svg";

const draft = {
  get: () =>
    JSON.parse(localStorage.getItem("run.draft") ?? "null") ?? {
      text: examples[0].script,
      name: "",
    },
  set: (value) => localStorage.setItem("run.draft", JSON.stringify(value)),
};

let functionList = null;

/** The functions scripts can call, fetched once. */
export function loadFunctions() {
  functionList ??= callIfThere("functions")
    .then((answer) => answer?.functions ?? [])
    .catch(() => {
      functionList = null;
      return [];
    });
  return functionList;
}

class RunView {
  session = null;
  editor = null;

  constructor(container, query) {
    const { text, name } = draft.get();
    this.text = text;
    this.name = h("input", {
      class: "form-control form-control-sm script-name",
      value: name,
      placeholder: "name in the library",
      "aria-label": "Name of the script",
      onchange: () => this.#keep(),
    });
    this.options = new Options();
    this.inputs = new InputsForm();
    this.runButton = h(
      "button",
      {
        type: "button",
        class: "btn btn-sm btn-primary run-button",
        title: "Ctrl-Enter",
        onclick: () => this.#run(),
      },
      icon(runIcon),
      "Run",
    );
    this.stopButton = h(
      "button",
      {
        type: "button",
        class: "btn btn-sm btn-danger",
        hidden: true,
        onclick: () => stopSessions([this.session]),
      },
      icon(stopIcon),
      "Stop",
    );
    this.editorBox = h("div", { class: "editor" }, h("pre", { class: "editor-loading" }, text));
    this.state = h("div", { class: "run-state", role: "status" });
    this.outcome = h("div", { class: "run-outcome" });
    this.view = new LogView({ label: "Output" });
    this.keep = debounce(() => this.#keep(), 400);
    add(
      container,
      h("h1", { class: "visually-hidden" }, "Run a script"),
      this.#bar(),
      h(
        "div",
        { class: "run-body" },
        h(
          "div",
          { class: "run-left" },
          this.editorBox,
          h("div", { class: "run-form" }, this.inputs.element, this.options.element),
        ),
        h(
          "div",
          { class: "run-right" },
          this.state,
          logTools(this.view, { ids: () => (this.session ? [this.session.session_id] : []) }),
          this.view.element,
          this.outcome,
        ),
      ),
    );
    setEmpty(this.view, "Output appears here as it is printed.");
    this.off = live.on("sessions", ({ sessions }) => {
      const news = sessions.find(({ session_id }) => session_id === this.session?.session_id);
      if (news) this.#update(news);
    });
    this.ticker = setInterval(() => this.session && isLive(this.session) && this.#showState(), 500);
    this.#open(query);
  }

  close() {
    this.isClosed = true;
    this.off();
    clearInterval(this.ticker);
    this.#keep();
    this.feed?.close();
    this.view.destroy();
    this.editor?.destroy();
  }

  refresh() {}

  #bar() {
    const tool = (label, svg, onclick) =>
      h(
        "button",
        { type: "button", class: "tool", title: label, onclick },
        icon(svg),
        h("span", { class: "tool-text" }, label),
      );
    const file = h("input", {
      type: "file",
      hidden: true,
      accept: ".rhai,text/plain",
      onchange: () => this.#openFile(file),
    });
    const pick = tool("Examples", exampleIcon, () =>
      showMenuUnder(
        pick,
        [...examples, ...automation].map((example) => ({
          label: example.name,
          run: () => this.#setText(example.script, ""),
        })),
      ),
    );
    pick.setAttribute("aria-haspopup", "menu");
    return h(
      "div",
      { class: "bar" },
      this.runButton,
      this.stopButton,
      h("span", { class: "bar-line" }),
      tool("Library", libraryIcon, () => this.#openLibrary()),
      this.name,
      tool("Save", saveIcon, () => this.#save()),
      h("span", { class: "bar-line" }),
      tool("Open a file", openIcon, () => file.click()),
      file,
      tool("Save to disk", downloadIcon, () =>
        saveFile(`${(this.name.value || "script").split("/").pop()}.rhai`, [this.text]),
      ),
      pick,
    );
  }

  // ---- the script -----------------------------------------------------------------------------

  async #open(query) {
    const from = query.get("from");
    const named = query.get("script");
    if (from) {
      const request = await ask("session_request", { session_id: from });
      if (request?.script) {
        this.text = request.script;
        this.name.value = request.source.kind === "name" ? request.source.name : "";
        this.options.write(request);
        this.inputs.setValues(request.inputs ?? {});
      } else if (request) {
        toast("Edit", "The text of that script is not known.", "error");
      }
    } else if (named) {
      const script = await ask("script_get", { name: named });
      if (script) {
        this.text = script.script;
        this.name.value = script.name;
      }
    }
    const { createEditor } = await import("../run/editor.js");
    if (this.isClosed) return;
    this.editor = createEditor({
      text: this.text,
      functions: loadFunctions,
      check: (text) => this.#check(text),
      onChange: (text) => {
        this.text = text;
        this.keep();
      },
      onRun: () => this.#run(),
      onSave: () => this.#save(),
    });
    this.editorBox.replaceChildren(this.editor.element);
  }

  /** Errors for the editor; what the script declares goes to the form. */
  async #check(text) {
    const answer = await callIfThere("script_check", { script: text }).catch(() => undefined);
    if (!answer || this.isClosed) return [];
    if (answer.ok || Object.keys(answer.inputs?.properties ?? {}).length)
      this.inputs.setSchema(answer.inputs);
    return answer.errors;
  }

  #setText(text, name) {
    this.text = text;
    this.name.value = name;
    this.editor?.setText(text);
    this.#keep();
    this.#check(text);
    this.editor?.focus();
  }

  #keep() {
    draft.set({ text: this.text, name: this.name.value });
  }

  async #openLibrary() {
    const script = await chooseScript();
    if (script) this.#setText(script.script, script.name);
  }

  async #openFile(file) {
    const [chosen] = file.files;
    if (!chosen) return;
    this.#setText(await chosen.text(), chosen.name.replace(/\.rhai$/, ""));
    file.value = "";
  }

  async #save() {
    const name = this.name.value.trim();
    if (!name) {
      toast("Save", "Give the script a name first.", "error");
      this.name.focus();
      return;
    }
    const saved = await ask("script_save", { name, script: this.text });
    if (saved) toast("Saved", `${saved.name}, version ${saved.version}`);
    this.#keep();
  }

  // ---- running --------------------------------------------------------------------------------

  async #run() {
    let params;
    try {
      const inputs = this.inputs.read();
      params = {
        script: this.text,
        ...this.options.read(),
        ...(inputs && Object.keys(inputs).length ? { inputs } : {}),
      };
    } catch (error) {
      toast("Run", error.message, "error");
      return;
    }
    this.#keep();
    this.runButton.disabled = true;
    try {
      const { session_id } = await call("session_start", params);
      this.#watch(session_id, params.script);
    } catch (error) {
      toastError(error);
    } finally {
      this.runButton.disabled = false;
    }
  }

  #watch(id, script) {
    this.feed?.close();
    this.view.clear();
    this.view.setFollows(true);
    fill(this.outcome);
    setEmpty(this.view, "");
    this.session = { session_id: id, status: "pending", queued_at_ms: Date.now(), lines: 0 };
    this.script = script;
    this.#showState();
    this.feed = new LogFeed(id, {
      add: (from, entries) => this.view.add(from, entries),
      end: () => this.#ended(id),
      progress: (from, progress) => this.#update({ ...this.session, progress }),
      fail: (from, error) => toastError(error),
    });
  }

  #update(session) {
    if (!isLive(this.session)) return;
    this.session = session;
    this.#showState();
  }

  async #ended(id) {
    try {
      const [session, result] = await Promise.all([
        call("session_get", { session_id: id }),
        call("session_result", { session_id: id }),
      ]);
      if (this.session?.session_id !== id) return;
      this.session = session;
      this.#showState();
      this.#showOutcome(result);
      if (!this.view.lines.all.length) setEmpty(this.view, "Nothing was printed.");
    } catch (error) {
      toastError(error);
    }
  }

  #showState() {
    const { session } = this;
    this.stopButton.hidden = !isLive(session);
    fill(
      this.state,
      badge(session),
      h("span", { class: "session-time" }, durationText(session)),
      session.progress && isLive(session) && progressBar(session.progress),
      h("span", { class: "tool-space" }),
      h(
        "a",
        { href: `sessions/${session.session_id}` },
        h("code", null, shortId(session.session_id)),
      ),
    );
  }

  #showOutcome(result) {
    if (result?.success) {
      fill(this.outcome, h("h2", null, "Result"), valueView(result.value, result.value_type));
      return;
    }
    const error = result?.error ?? { message: this.session.message ?? this.session.status };
    fill(
      this.outcome,
      h("h2", null, this.session.status === "cancelled" ? "Stopped" : "Error"),
      errorInSource(error, this.script),
    );
    if (!error.line) return;
    const go = () => this.editor?.goTo(error.line, error.position);
    this.outcome.append(
      h("button", { type: "button", class: "tool", onclick: go }, `Go to line ${error.line}`),
    );
  }
}

export const open = (container, { query }) => new RunView(container, query);
