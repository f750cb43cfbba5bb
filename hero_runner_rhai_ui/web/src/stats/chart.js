// A chart over time. Loaded with the Stats tab.
import uPlot from "uplot";
import { h } from "../base/dom.js";
import { clock } from "../base/format.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** uPlot draws on a canvas, so colours are read when it is made; a change of theme makes it anew. */
export class Chart {
  /** series: [{ label, color: a CSS variable, fill }]; format(value) → text */
  constructor({ title, series, format, sync, min = 1, incrs }) {
    this.options = { title, series, format, sync, min, incrs };
    this.span = null; // seconds up to now that are shown; null: all there is
    this.box = h("div", { class: "chart-box" });
    this.element = h("section", { class: "chart" }, h("h2", null, title), this.box);
    this.data = [[], ...series.map(() => [])];
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.box);
    this.isZoomed = false;
  }

  destroy() {
    this.observer.disconnect();
    this.plot?.destroy();
  }

  #make() {
    const { series, format, sync, min, incrs } = this.options;
    const axis = {
      stroke: css("--muted"),
      grid: { stroke: css("--border"), width: 1 },
      ticks: { stroke: css("--border"), width: 1 },
      font: "11px system-ui, sans-serif",
    };
    this.plot?.destroy();
    this.plot = new uPlot(
      {
        width: this.box.clientWidth,
        height: 170,
        padding: [8, 8, 0, 0],
        cursor: { sync: { key: sync }, drag: { x: true, y: false }, points: { size: 6 } },
        legend: { live: true },
        scales: {
          x: { range: (plot, low, high) => this.#xRange(low, high) },
          y: { range: (plot, low, high) => [0, Math.max(min, (high ?? 0) * 1.1)] },
        },
        axes: [
          { ...axis, size: 30, values: (plot, splits) => this.#times(splits), space: 70 },
          { ...axis, values: (plot, splits) => splits.map(format), size: 66, incrs },
        ],
        series: [
          { label: "time", value: (plot, s) => (s === null ? "–" : clock(s * 1000)) },
          ...series.map(({ label, color, fill }) => ({
            label,
            stroke: css(color),
            fill: fill ? `color-mix(in srgb, ${css(color)} 18%, transparent)` : undefined,
            width: 1.5,
            spanGaps: true,
            points: { show: false },
            value: (plot, v) => (v === null || v === undefined ? "–" : format(v)),
          })),
        ],
        hooks: {
          setSelect: [() => (this.isZoomed = true)],
          ready: [(plot) => plot.over.addEventListener("dblclick", () => this.#unzoom())],
        },
      },
      this.data,
      this.box,
    );
  }

  #xRange(low, high) {
    const now = high ?? Date.now() / 1000;
    return this.span ? [now - this.span, now] : [low ?? now - 60, now];
  }

  /** Seconds only where they tell something. */
  #times(splits) {
    const isFine = splits.length > 1 && splits[1] - splits[0] < 60;
    return splits.map((s) => clock(s * 1000).slice(0, isFine ? 8 : 5));
  }

  #resize() {
    if (!this.box.clientWidth) return;
    if (!this.plot) this.#make();
    else this.plot.setSize({ width: this.box.clientWidth, height: 170 });
  }

  #unzoom() {
    this.isZoomed = false;
    this.plot.setData(this.data);
  }

  setData(data, span) {
    this.data = data;
    this.span = span;
    this.plot?.setData(data, !this.isZoomed);
    if (this.isZoomed) this.plot?.redraw();
  }

  retheme() {
    if (this.plot) this.#make();
  }
}
