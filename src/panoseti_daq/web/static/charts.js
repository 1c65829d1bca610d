/** Charts of a module, by uPlot, which is loaded when the first one is wanted. */

let loading = null;

/** @returns {Promise<any>} uPlot */
export function library() {
  loading ??= new Promise((done, failed) => {
    const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/uPlot.min.css" });
    const script = Object.assign(document.createElement("script"), { src: "/static/uPlot.iife.min.js" });
    script.onload = () => done(window.uPlot);
    script.onerror = () => ((loading = null), failed(new Error("uPlot cannot be loaded")));
    document.head.append(sheet, script);
  });
  return loading;
}

/** Numbers of how many values fall into each of n bins from the least to the largest. */
export function histogram(values, n = 40) {
  if (!values.length) return { low: 0, step: 1, counts: [] };
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  const step = Math.max(high - low, 1) / n;
  const counts = new Array(n).fill(0);
  for (const value of values) counts[Math.min(n - 1, Math.floor((value - low) / step))]++;
  return { low, step, counts };
}

/** Points [[seconds, value], ...] as columns; null where more than `pause` seconds are between two. */
export function columns(points, pause = 3) {
  const x = [], y = [];
  for (const [t, value] of points) {
    if (x.length && t - x.at(-1) > pause) x.push((t + x.at(-1)) / 2), y.push(null);
    x.push(t), y.push(value);
  }
  return [x, y];
}

const LINES = ["#5ab0ff", "#ffb35a", "#7fe08a", "#ff7fb0"];

/** One chart in an element; it is replaced when the number of series changes. */
export class Chart {
  /** @param {HTMLElement} parent @param {{unit: string, bars?: boolean}} what */
  constructor(parent, what) {
    this.parent = parent;
    this.what = what;
    this.plot = null;
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(parent);
  }

  size() {
    return { width: Math.max(this.parent.clientWidth, 120), height: 150 };
  }

  /** @param {number[][]} data x, then y of each series @param {string[]} names of the series */
  async draw(data, names) {
    const uPlot = await library();
    const key = names.join("\n");
    if (this.plot && this.names === key && this.night === document.body.classList.contains("night")) {
      return this.plot.setData(data);
    }
    this.plot?.destroy();
    this.names = key;
    this.night = document.body.classList.contains("night");
    const style = getComputedStyle(document.body);
    const color = style.getPropertyValue("--text").trim();
    const clock = (_, times) => times.map((s) => new Date(s * 1000).toISOString().slice(11, 19));
    const axis = { stroke: color, grid: { stroke: style.getPropertyValue("--line").trim() }, ticks: { show: false }, font: "11px system-ui" };
    const { bars } = this.what;
    this.plot = new uPlot({
      ...this.size(),
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: !bars }, y: bars ? { range: (_, __, most) => [0, Math.max(most, 1) * 1.05] } : {} },
      axes: [{ ...axis, size: 26, space: 70, ...(bars ? {} : { values: clock }) }, { ...axis, size: 54 }],
      series: [
        bars ? { label: this.what.unit } : { label: "UTC", value: (_, s) => (s === null ? "--" : clock(_, [s])[0]) },
        ...names.map((label, i) => ({
          label,
          stroke: this.night ? color : LINES[i % LINES.length],
          fill: bars ? (this.night ? color : LINES[0]) : undefined,
          width: bars ? 0 : 1.5,
          points: { show: false },
          ...(bars ? { paths: uPlot.paths.bars({ size: [0.95, 100], align: 1 }) } : {}),
        })),
      ],
    }, data, this.parent);
  }
}
