// Charts of the last hour.
import { add, h } from "../base/dom.js";
import { bytes, count, duration } from "../base/format.js";
import { live } from "../live/live.js";
import { callIfThere } from "../live/runner.js";
import { Chart } from "../stats/chart.js";

const HOUR_S = 3600;
const ranges = [
  ["5 min", 300, 1],
  ["15 min", 900, 5],
  ["1 hour", 3600, 15],
];

const rate = (name) => (sample, step) => sample[name] / step;
const perMinute = (name) => (sample, step) => (60 * sample[name]) / step;
const plain = (name) => (sample) => sample[name];
const whenStarted = (name) => (sample) => (sample.started ? sample[name] : null);

const charts = [
  {
    title: "Sessions per minute",
    format: (v) => count(v),
    series: [
      { label: "succeeded", color: "--green", fill: true, value: perMinute("succeeded") },
      { label: "failed", color: "--red", value: perMinute("failed") },
      { label: "cancelled", color: "--muted", value: perMinute("cancelled") },
    ],
  },
  {
    title: "Running and queued",
    format: (v) => (Number.isInteger(v) ? count(v) : v.toFixed(1)),
    series: [
      { label: "running", color: "--blue", fill: true, value: plain("running") },
      { label: "queued", color: "--amber", value: plain("queued") },
    ],
  },
  {
    title: "Start latency",
    format: (us) => duration(us / 1000),
    min: 100,
    series: [
      { label: "p50", color: "--blue", value: whenStarted("start_p50_us") },
      { label: "p99", color: "--amber", value: whenStarted("start_p99_us") },
    ],
  },
  {
    title: "Lines per second",
    format: (v) => count(v),
    min: 10,
    series: [{ label: "lines", color: "--teal", fill: true, value: rate("lines") }],
  },
  {
    title: "CPU",
    format: (v) => `${v.toFixed(v < 10 ? 1 : 0)} %`,
    min: 5,
    series: [
      {
        label: "server and sessions",
        color: "--violet",
        fill: true,
        value: (s, step) => s.cpu_ms / (10 * step),
      },
    ],
  },
  {
    title: "Memory",
    format: (v) => bytes(v),
    min: 1 << 20,
    incrs: Array.from({ length: 24 }, (_, i) => 2 ** (i + 16)),
    series: [{ label: "server", color: "--teal", fill: true, value: plain("memory_bytes") }],
  },
];

/** For a runner without a history: samples made of the figures that come. */
class OwnHistory {
  samples = [];
  #before = null;

  push(stats) {
    const before = this.#before;
    this.#before = stats;
    if (!before || stats.uptime_ms <= before.uptime_ms) return;
    const { sessions: a, cpu: c } = stats;
    const { sessions: b, cpu: d } = before;
    const used = (x) =>
      x.server_user_us + x.server_system_us + x.sessions_user_us + x.sessions_system_us;
    this.samples.push({
      t_ms: Date.now(),
      running: stats.workers.running,
      queued: stats.queue.pending,
      succeeded: a.succeeded - b.succeeded,
      failed: a.failed - b.failed,
      cancelled: a.cancelled - b.cancelled,
      lines: stats.lines - before.lines,
      cpu_ms: (used(c) - used(d)) / 1000,
      memory_bytes: stats.memory.server_bytes,
    });
    if (this.samples.length > HOUR_S) this.samples.shift();
  }
}

class StatsView {
  #range = ranges[1];
  #own = new OwnHistory();
  #isOld = false;

  constructor(container) {
    this.charts = charts.map((options) => ({
      ...options,
      chart: new Chart({ ...options, sync: "stats" }),
    }));
    this.note = h("span", { class: "muted" }, "drag to zoom, double click to see all");
    add(
      container,
      h("h1", { class: "visually-hidden" }, "Stats"),
      h(
        "div",
        { class: "bar" },
        h(
          "div",
          { class: "chips", role: "group", "aria-label": "Range" },
          ranges.map((range) => this.#rangeButton(range)),
        ),
        this.note,
      ),
      h(
        "div",
        { class: "charts" },
        this.charts.map(({ chart }) => chart.element),
      ),
    );
    this.off = live.on("stats", ({ stats }) => {
      this.#own.push(stats);
      if (this.#isOld) this.#show(this.#own.samples, 1);
    });
    this.retheme = () => this.charts.forEach(({ chart }) => chart.retheme());
    addEventListener("themechange", this.retheme);
    this.#load();
  }

  close() {
    this.off();
    clearTimeout(this.timer);
    this.isClosed = true;
    removeEventListener("themechange", this.retheme);
    this.charts.forEach(({ chart }) => chart.destroy());
  }

  refresh() {
    this.#load();
  }

  #rangeButton(range) {
    const button = h(
      "button",
      { type: "button", class: "chip", "aria-pressed": String(range === this.#range) },
      range[0],
    );
    button.addEventListener("click", () => {
      this.#range = range;
      for (const other of button.parentElement.children)
        other.setAttribute("aria-pressed", String(other === button));
      this.#load();
    });
    return button;
  }

  async #load() {
    clearTimeout(this.timer);
    const [, history_s, step_s] = this.#range;
    try {
      const stats = await callIfThere("stats", { history_s, step_s });
      if (this.isClosed) return;
      if (stats?.history) this.#show(stats.history.samples, stats.history.step_s);
      else this.#isOld = true;
    } catch (error) {
      // An older runner knows no parameters; one that is down is shown in the bar.
      if (error.code === -32602) this.#isOld = true;
    }
    if (!this.#isOld)
      this.timer = setTimeout(() => this.#load(), Math.min(5, Math.max(2, step_s)) * 1000);
  }

  #show(samples, step) {
    const shown = this.#isOld ? samples.slice(-this.#range[1]) : samples;
    const times = shown.map(({ t_ms }) => t_ms / 1000);
    for (const { chart, series } of this.charts) {
      chart.setData(
        [times, ...series.map(({ value }) => shown.map((sample) => value(sample, step) ?? null))],
        this.#range[1],
      );
    }
  }
}

export const open = (container) => new StatsView(container);
