// The figures of the service at a glance, each with its last minutes.
import { h, setText } from "./base/dom.js";
import { bytes, count, duration } from "./base/format.js";
import { live } from "./live/live.js";
import { callIfThere } from "./live/runner.js";

const POINTS = 120;
const SVG = "http://www.w3.org/2000/svg";

class Sparkline {
  constructor() {
    this.values = [];
    this.element = document.createElementNS(SVG, "svg");
    this.element.setAttribute("class", "sparkline");
    this.element.setAttribute("viewBox", `0 0 ${POINTS - 1} 24`);
    this.element.setAttribute("preserveAspectRatio", "none");
    this.element.setAttribute("aria-hidden", "true");
    this.area = this.element.appendChild(document.createElementNS(SVG, "path"));
    this.line = this.element.appendChild(document.createElementNS(SVG, "path"));
    this.area.setAttribute("class", "area");
    this.line.setAttribute("class", "line");
  }

  push(value) {
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
  }

  draw(least = 1) {
    const top = Math.max(least, ...this.values);
    const start = POINTS - this.values.length;
    const points = this.values.map((v, i) => `${start + i},${(23 - (22 * v) / top).toFixed(1)}`);
    if (points.length < 2) return;
    this.line.setAttribute("d", `M${points.join("L")}`);
    this.area.setAttribute("d", `M${start},24L${points.join("L")}L${POINTS - 1},24Z`);
  }
}

/** value(stats, before, seconds) → the number drawn; text(stats, number) → what is written. */
const figures = [
  {
    title: "Workers",
    value: (s) => s.workers.running,
    text: (s) => [
      `${Math.max(0, s.workers.slots - s.workers.running)} idle`,
      `${s.workers.running} busy`,
    ],
    least: (s) => s.workers.slots,
  },
  {
    title: "Sessions",
    value: (s) => s.workers.running + s.queue.pending,
    text: (s) => [`${count(s.workers.running)} running`, `${count(s.sessions.kept)} kept`],
    least: () => 2,
  },
  {
    title: "Queue",
    value: (s) => s.queue.pending,
    text: (s) => [`${count(s.queue.pending)} waiting`, `${count(s.queue.max)} at most`],
    least: () => 4,
  },
  {
    title: "Memory",
    value: (s) => s.memory.server_bytes,
    text: (s) => [bytes(s.memory.server_bytes), "server"],
    least: (s) => s.memory.server_bytes * 1.5,
  },
  {
    title: "CPU",
    value: (s, before, seconds) =>
      before && seconds > 0 ? (100 * (cpu(s) - cpu(before))) / (seconds * 1e6) : 0,
    text: (s, percent) => [`${percent.toFixed(percent < 10 ? 1 : 0)} %`, "server and sessions"],
    least: () => 10,
  },
];

function cpu({ cpu: c }) {
  return c.server_user_us + c.server_system_us + c.sessions_user_us + c.sessions_system_us;
}

function makeFigure(figure) {
  const sparkline = new Sparkline();
  const main = h("strong", null, "–");
  const rest = h("span", { class: "figure-rest" });
  const element = h(
    "div",
    { class: "figure" },
    h("div", { class: "figure-title" }, figure.title),
    h("div", { class: "figure-text" }, main, rest),
    sparkline.element,
  );
  return { ...figure, sparkline, main, rest, element };
}

export function startSidebar(sidebar) {
  const shown = figures.map(makeFigure);
  const uptime = h("div", { class: "sidebar-foot" });
  sidebar.append(...shown.map(({ element }) => element), uptime);
  let before = null;

  live.on("stats", ({ stats }) => {
    const seconds = before ? (stats.uptime_ms - before.uptime_ms) / 1000 : 0;
    if (before && seconds < 0.3 && seconds >= 0) return;
    if (seconds < 0) before = null; // another server
    for (const figure of shown) {
      const value = figure.value(stats, before, seconds);
      const [main, rest] = figure.text(stats, value);
      figure.sparkline.push(value);
      figure.sparkline.draw(figure.least(stats));
      setText(figure.main, main);
      setText(figure.rest, rest);
    }
    setText(uptime, `up ${duration(stats.uptime_ms)} · v${document.body.dataset.version}`);
    before = stats;
  });
  live.on("state", () => sidebar.classList.toggle("is-stale", live.state === "down"));
  fillHistory(shown);
}

/** The last minutes, from the server, so that a reload does not begin with empty lines. */
async function fillHistory(shown) {
  const stats = await callIfThere("stats", { history_s: POINTS, step_s: 1 }).catch(() => undefined);
  const samples = stats?.history?.samples;
  if (!samples?.length) return;
  const of = { Workers: "running", Queue: "queued", Memory: "memory_bytes" };
  for (const { title, sparkline } of shown) {
    const values = samples.map((sample) => {
      if (of[title]) return sample[of[title]];
      return title === "CPU"
        ? sample.cpu_ms / (10 * stats.history.step_s)
        : sample.running + sample.queued;
    });
    sparkline.values = [...values, ...sparkline.values].slice(-POINTS);
  }
}
