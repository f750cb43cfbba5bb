// The bar over a log: which stream, search, times, wrap, follow, jump, download.
import { debounce, h, icon, saveFile } from "../base/dom.js";
import { count, shortId } from "../base/format.js";
import { promptDialog } from "../base/dialog.js";
import { toast, toastError } from "../base/toast.js";
import { call } from "../live/runner.js";
import upIcon from "bootstrap-icons/icons/chevron-up.svg";
import downIcon from "bootstrap-icons/icons/chevron-down.svg";
import followIcon from "bootstrap-icons/icons/arrow-down-circle.svg";
import wrapIcon from "bootstrap-icons/icons/text-wrap.svg";
import saveIcon from "bootstrap-icons/icons/download.svg";
import jumpIcon from "bootstrap-icons/icons/signpost.svg";

const PAGE_LINES = 10000;

const remembered = {
  get: (name, otherwise) => localStorage.getItem(`log.${name}`) ?? otherwise,
  set: (name, value) => localStorage.setItem(`log.${name}`, value),
};

function toggle(label, text, pressed, onchange) {
  const button = h(
    "button",
    {
      class: "tool",
      type: "button",
      "aria-pressed": String(pressed),
      "aria-label": label,
      title: label,
    },
    text,
  );
  button.addEventListener("click", () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    onchange(now);
  });
  return button;
}

/** A time of today, a time with its day, or seconds since the first line ("+12.5"). */
function parseTime(text, view) {
  if (/^\+\d+(\.\d+)?$/.test(text))
    return Math.min(...view.starts.values()) + Number(text.slice(1)) * 1000;
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?$/.exec(text);
  if (clock) return new Date().setHours(clock[1], clock[2], 0, 0) + Number(clock[3] ?? 0) * 1000;
  return Date.parse(text);
}

async function jump(view) {
  const help =
    "Line number, time of day (14:03:09), date and time, or seconds since the start (+12.5)";
  const text = await promptDialog("Jump to", help, { action: "Jump" });
  if (!text) return;
  if (/^\d+$/.test(text)) {
    view.goToSeq(Number(text));
    return;
  }
  const ms = parseTime(text, view);
  if (Number.isNaN(ms)) toast("Jump", `"${text}" is neither a line nor a time`, "error");
  else view.goToTime(ms);
}

/** All kept lines of a session, as texts. */
async function wholeLog(id) {
  const parts = [];
  let after_seq = 0;
  for (;;) {
    const page = await call("session_logs", { session_id: id, after_seq, limit: PAGE_LINES });
    if (page.dropped) parts.push(`... ${page.dropped} lines are no longer kept\n`);
    for (const { line } of page.lines) parts.push(`${line}\n`);
    if (!page.lines.length) return parts;
    after_seq = page.next_seq;
  }
}

/** What is filtered is saved as it is shown, with several sessions mixed by time; one session's log is
 * saved whole, also what is not in the page. */
async function download(view, ids, isFiltered) {
  const name = `${ids.map(shortId).join("+") || "empty"}.log`;
  try {
    saveFile(name, isFiltered || ids.length !== 1 ? view.text() : await wholeLog(ids[0]));
  } catch (error) {
    toastError(error);
  }
}

/** view.on is set here. ids() gives the sessions whose log it is. */
export function logTools(view, { ids }) {
  const state = { kind: null, query: "", isRegex: false, isExact: false, onlyMatches: false };
  const kinds = h(
    "select",
    {
      class: "tool-select",
      "aria-label": "Which output",
      onchange: () => apply({ kind: [null, 0, 1][kinds.selectedIndex] }),
    },
    h("option", null, "all output"),
    h("option", null, "stdout"),
    h("option", null, "stderr"),
  );
  const search = h("input", {
    class: "tool-search",
    type: "search",
    placeholder: "search",
    "aria-label": "Search the log",
    oninput: debounce(() => apply({ query: search.value }), 150),
    onkeydown: (event) => {
      if (event.key !== "Enter") return;
      apply({ query: search.value });
      view.goToMatch(event.shiftKey ? -1 : 1);
    },
  });
  const matches = h("span", { class: "tool-matches", role: "status" });
  const times = h(
    "select",
    { class: "tool-select", "aria-label": "Time stamps", onchange: () => setTimes(times.value) },
    h("option", { value: "relative" }, "since start"),
    h("option", { value: "absolute" }, "time of day"),
    h("option", { value: "none" }, "no times"),
  );
  const follow = toggle(
    "Follow the end",
    [icon(followIcon), h("span", { class: "tool-text" }, "follow")],
    view.follows,
    (on) => view.setFollows(on),
  );
  const wrap = toggle(
    "Wrap long lines",
    icon(wrapIcon),
    remembered.get("wraps") === "true",
    (on) => {
      remembered.set("wraps", on);
      view.setWraps(on);
    },
  );

  function apply(change) {
    if (Object.entries(change).every(([name, value]) => state[name] === value)) return;
    Object.assign(state, change);
    const error = view.setFilter(state);
    search.classList.toggle("is-wrong", Boolean(error));
    search.title = error;
  }
  function setTimes(value) {
    remembered.set("times", value);
    view.setTimes(value);
  }
  function showMatches() {
    const n = view.lines.found.length;
    const at = view.currentMatch < 0 ? "" : `${count(view.currentMatch + 1)} of `;
    matches.textContent = state.query ? `${at}${count(n)}` : "";
  }

  view.on.follow = (on) => follow.setAttribute("aria-pressed", String(on));
  view.on.change = showMatches;
  times.value = remembered.get("times", "relative");
  view.times = times.value;
  view.wraps = remembered.get("wraps") === "true";
  view.element.classList.toggle("wraps", view.wraps);
  const matchButton = (label, svg, step) =>
    h(
      "button",
      {
        class: "tool",
        type: "button",
        "aria-label": label,
        title: label,
        onclick: () => view.goToMatch(step),
      },
      icon(svg),
    );
  return h(
    "div",
    { class: "log-tools", role: "toolbar", "aria-label": "Log" },
    kinds,
    h(
      "span",
      { class: "tool-group" },
      search,
      toggle("Search with a regular expression", ".*", false, (on) => apply({ isRegex: on })),
      toggle("Match case", "Aa", false, (on) => apply({ isExact: on })),
      toggle("Show only lines that match", "only", false, (on) => apply({ onlyMatches: on })),
      matchButton("Previous match", upIcon, -1),
      matchButton("Next match", downIcon, 1),
      matches,
    ),
    h("span", { class: "tool-space" }),
    times,
    wrap,
    h(
      "button",
      {
        class: "tool",
        type: "button",
        "aria-label": "Jump to a line or time",
        title: "Jump to a line or time",
        onclick: () => jump(view),
      },
      icon(jumpIcon),
    ),
    h(
      "button",
      {
        class: "tool",
        type: "button",
        "aria-label": "Download",
        title: "Download",
        onclick: () => download(view, ids(), state.kind !== null || view.lines.filter.onlyMatches),
      },
      icon(saveIcon),
    ),
    follow,
  );
}
