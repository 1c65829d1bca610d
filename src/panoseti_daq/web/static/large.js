/** One module large: values under the pointer, light curves, how large the pulses were, rates. */

import { Chart, columns, histogram } from "./charts.js";
import { SIZE } from "./paint.js";
import { Tile } from "./tile.js";

export const NAMES = { pulse_height: "pulse height", movie: "movie" };
const CURVE_S = 120;
const MOST_PIXELS = 4;
const CHARTS_EVERY_MS = 250;
const $ = (id) => document.getElementById(id);

export class Large {
  /** @param {() => string} orientation */
  constructor(orientation) {
    this.orientation = orientation;
    this.tiles = [];
    this.pixels = []; // {source, row, column, points}
    this.charts = {
      curve: new Chart($("curve"), { unit: "UTC" }),
      histogram: new Chart($("histogram"), { unit: "ADC counts", bars: true }),
      rates: new Chart($("rates"), { unit: "UTC" }),
    };
    this.drawnAt = 0;
  }

  get isOpen() {
    return this.tiles.length > 0;
  }

  /** @param {import("./tile.js").Source[]} sources none to close @param {string|null} card @param {string} title */
  open(sources, card, title) {
    this.card = card;
    this.pixels = [];
    this.tiles = sources.map((source) => new Tile(source, NAMES[source.kind]));
    $("large-images").replaceChildren(...this.tiles.map((tile) => tile.figure));
    for (const tile of this.tiles) {
      tile.figure.onpointermove = (event) => this.point(tile, event);
      tile.figure.onclick = (event) => this.pick(tile, event);
    }
    $("large").hidden = !this.isOpen;
    $("wall").hidden = this.isOpen;
    $("large-title").textContent = this.isOpen ? title : "";
    this.drawnAt = 0;
  }

  point(tile, event) {
    const [row, column] = tile.at(event, this.orientation());
    const value = tile.source.image?.[row * SIZE + column];
    const text = value === undefined || Number.isNaN(value) ? "nothing" : `${+value.toFixed(1)} ADC`;
    $("pointer").textContent = `${NAMES[tile.source.kind]}, row ${row}, column ${column}: ${text}`;
  }

  /** Choose the pixel of the light curve; with Shift another one beside it. */
  pick(tile, event) {
    const [row, column] = tile.at(event, this.orientation());
    const others = event.shiftKey ? this.pixels.filter((one) => one.source === tile.source) : [];
    this.pixels = [...others.slice(1 - MOST_PIXELS), { source: tile.source, row, column, points: [] }];
    this.follow();
    this.drawnAt = 0;
  }

  /** Take note of the pixels of the images that came. */
  follow() {
    for (const one of this.pixels) {
      const at = one.source.newest?.unixMs / 1000, value = one.source.image?.[one.row * SIZE + one.column];
      if (at === one.points.at(-1)?.[0] || Number.isNaN(value) || value === undefined) continue;
      one.points.push([at, value]);
      if (one.points.length > 20 * CURVE_S) one.points.shift();
    }
  }

  /** Draw the charts, some times a second at most. */
  draw(rates) {
    const now = performance.now();
    if (!this.isOpen || now - this.drawnAt < CHARTS_EVERY_MS) return;
    this.drawnAt = now;
    this.drawCurve();
    this.drawPulses();
    this.drawRates(rates);
  }

  drawCurve() {
    const movie = this.tiles.map((tile) => tile.source).find((source) => source.kind === "movie");
    const chosen = this.pixels[0]?.source ?? movie;
    const last = chosen.means.at(-1)?.[0] ?? 0;
    const recent = (points) => points.filter(([t]) => t > last - CURVE_S);
    $("curve-title").textContent = this.pixels.length
      ? `Light curve of ${NAMES[chosen.kind]}, pixel (row, column): ADC counts`
      : "Light curve: mean of the movie image, ADC counts";
    if (!this.pixels.length) return this.charts.curve.draw(columns(recent(movie.means)), ["mean"]);
    // Pixels that were chosen later have no values before.
    const x = recent(this.pixels.reduce((a, b) => (a.points.length >= b.points.length ? a : b)).points).map(([t]) => t);
    const values = this.pixels.map(({ points }) => {
      const known = new Map(points);
      return x.map((t) => known.get(t) ?? null);
    });
    this.charts.curve.draw([x, ...values], this.pixels.map(({ row, column }) => `(${row}, ${column})`));
  }

  drawPulses() {
    const pulses = this.tiles.map((tile) => tile.source).find((source) => source.kind === "pulse_height");
    const seconds = Number($("window").value);
    const last = pulses.largest.at(-1)?.[0] ?? 0;
    const values = pulses.largest.filter(([t]) => t > last - seconds).map(([, value]) => value);
    const { low, step, counts } = histogram(values);
    $("histogram-count").textContent = `${values.length} images`;
    this.charts.histogram.draw([counts.map((_, i) => low + i * step), counts], ["images"]);
  }

  drawRates({ history, texts }) {
    $("rates-text").textContent = texts(this.card);
    const points = history.map(([t, byCard]) => [t, ...(byCard.get(this.card) ?? [null, null])]);
    this.charts.rates.draw([0, 1, 2].map((i) => points.map((one) => one[i])), ["pulse height", "movie"]);
  }
}
