/** One image on the page: canvas, age, time, flaws. */

import { flawsOf } from "./decode.js";
import { SIZE, assemble, fill, follow, place, quantiles } from "./paint.js";

const OLD_S = 5;
const DEAD_S = 30;
const HISTORY = 3000;

/** The newest image of one module and kind, whatever data product it comes as. */
export class Source {
  constructor(module, kind) {
    this.module = module;
    this.kind = kind;
    this.tiles = new Map(); // by quabo, null for all four
    this.levels = null;
    this.means = []; // [s, mean]
    this.largest = []; // largest pixel of each pulse-height image
  }

  /** Take the tiles of a wall that belong here; of two products only the newest counts. */
  take(tiles, receivedMs, lateMs) {
    const newest = tiles.reduce((a, b) => (b.unixMs > a.unixMs ? b : a));
    const product = newest.key.product;
    if (product !== this.product) this.tiles.clear(), (this.product = product), (this.levels = null);
    let isNew = false;
    for (const tile of tiles) {
      if (tile.key.product !== product) continue;
      const before = this.tiles.get(tile.key.quabo);
      const fresh = !before || before.frameNumber !== tile.frameNumber || before.unixMs !== tile.unixMs;
      tile.takenMs = receivedMs - tile.ageMs - lateMs;
      if (!fresh) tile.takenMs = Math.min(tile.takenMs, before.takenMs || tile.takenMs);
      this.tiles.set(tile.key.quabo, tile);
      if (fresh && this.kind === "pulse_height") push(this.largest, Math.round(tile.values.reduce((a, b) => Math.max(a, b))));
      isNew ||= fresh;
    }
    this.newest = newest;
    if (isNew) {
      this.image = assemble([...this.tiles.values()]);
      this.levels = follow(this.levels, quantiles(this.image));
      const known = this.image.filter((v) => v === v);
      push(this.means, [receivedMs / 1000, known.reduce((a, b) => a + b, 0) / known.length]);
    }
    return isNew;
  }

  /** Age of the newest image, s; NaN without a time. */
  age(nowMs) {
    return this.newest ? (nowMs - this.newest.takenMs) / 1000 : NaN;
  }
}

const push = (list, value) => {
  list.push(value);
  if (list.length > HISTORY) list.splice(0, HISTORY / 10);
};

export const ageText = (s) =>
  Number.isNaN(s) ? "no time" : s < 10 ? `${Math.max(s, 0).toFixed(1)} s` : s < 120 ? `${Math.floor(s)} s`
    : s < 7200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;

/** The figure that shows a source. */
export class Tile {
  constructor(source, name) {
    this.source = source;
    this.figure = document.createElement("figure");
    this.figure.className = "empty";
    this.figure.dataset.image = `${source.module}/${source.kind}`;
    this.figure.innerHTML = `<div class="picture"><canvas class="image" width="32" height="32"></canvas></div>
      <figcaption><span class="name"></span><span class="age"></span><span class="when"></span><span class="flaws"></span></figcaption>`;
    this.canvas = this.figure.querySelector("canvas");
    this.context = this.canvas.getContext("2d");
    this.pixels = this.context.createImageData(SIZE, SIZE);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.texts = Object.fromEntries(["name", "age", "when", "flaws"].map((n) => [n, this.figure.querySelector(`.${n}`)]));
    this.say("name", name);
  }

  say(what, text) {
    if (this.texts[what].textContent !== text) this.texts[what].textContent = text; // layout costs more than painting
  }

  paint(levels, table, orientation, scale) {
    const { image, newest, product, tiles } = this.source;
    if (!image) return;
    fill(this.words, image, levels, table, orientation, scale);
    this.context.putImageData(this.pixels, 0, 0);
    const quabos = newest.key.quabo === null ? "" : ` Q${[...tiles.keys()].sort().join("")}`;
    this.say("name", `${product}${quabos} #${newest.frameNumber}`);
    const time = newest.timeStatus === 2 ? "no time" : new Date(newest.unixMs).toISOString().slice(0, 23).replace("T", " ");
    this.say("when", time);
    let flaws = 0;
    for (const tile of tiles.values()) flaws |= tile.quality;
    this.say("flaws", flawsOf(flaws).join(", "));
    this.figure.title = newest.key.file;
  }

  tick(nowMs) {
    const age = this.source.age(nowMs);
    this.say("age", this.source.newest ? ageText(age) : "no image");
    const list = this.figure.classList;
    list.toggle("empty", !this.source.newest);
    list.toggle("old", age > OLD_S);
    list.toggle("dead", age > DEAD_S);
  }

  /** Row and column of the image below the pointer. */
  at(event, orientation) {
    const box = this.canvas.getBoundingClientRect();
    const within = (share) => Math.min(Math.max(Math.floor(share * SIZE), 0), SIZE - 1);
    return place(within((event.clientY - box.top) / box.height), within((event.clientX - box.left) / box.width), orientation);
  }
}
