/** One image on the page: canvas, age, time, flaws. */

import { flawsOf } from "./decode.js";
import { SIZE, assemble, fill, follow, place, quantiles } from "./paint.js";

const OLD_S = 5;
const DEAD_S = 30;
const HISTORY = 3000;

/** Name of the card of a module: two hosts may have modules of one number. */
export const cardOf = (key) => `${key.module} ${key.host ?? ""}`;

/** What is known of one module and kind at one time, whatever data product it comes as. */
class Picture {
  constructor() {
    this.tiles = new Map(); // by quabo, null for all four
    this.product = this.newest = this.image = this.levels = null;
  }
}

/** The newest image of one module and kind, and that of the past which is looked at instead. */
export class Source {
  constructor(key, kind) {
    this.module = key.module;
    this.card = cardOf(key);
    this.kind = kind;
    this.now = new Picture();
    this.past = null;
    this.means = []; // [s, mean]
    this.largest = []; // [s, largest pixel] of each pulse-height image
  }

  get shown() {
    return this.past ?? this.now;
  }
  get image() {
    return this.shown.image;
  }
  get newest() {
    return this.shown.newest;
  }
  get levels() {
    return this.shown.levels;
  }

  /** Take the tiles of a wall that belong here; of two products only the newest counts. */
  take(tiles, receivedMs, lateMs) {
    const now = this.now;
    const newest = tiles.reduce((a, b) => (b.unixMs > a.unixMs ? b : a));
    const product = newest.key.product;
    if (product !== now.product) now.tiles.clear(), (now.product = product), (now.levels = null);
    let isNew = false;
    for (const tile of tiles) {
      if (tile.key.product !== product) continue;
      const before = now.tiles.get(tile.key.quabo);
      const fresh = !before || before.frameNumber !== tile.frameNumber || before.unixMs !== tile.unixMs;
      tile.takenMs = receivedMs - tile.ageMs - lateMs;
      if (!fresh) tile.takenMs = Math.min(tile.takenMs, before.takenMs || tile.takenMs);
      now.tiles.set(tile.key.quabo, tile);
      if (fresh && this.kind === "pulse_height") {
        push(this.largest, [tile.unixMs / 1000, Math.round(tile.values.reduce((a, b) => Math.max(a, b)))]);
      }
      isNew ||= fresh;
    }
    now.newest = newest;
    if (isNew) {
      now.image = assemble([...now.tiles.values()]);
      now.levels = follow(now.levels, quantiles(now.image));
      const known = now.image.filter((v) => v === v);
      push(this.means, [newest.unixMs / 1000, known.reduce((a, b) => a + b, 0) / known.length]);
    }
    return isNew;
  }

  /** Show the tiles of a moment, which may be none. */
  travel(tiles, momentMs) {
    const past = (this.past = new Picture());
    past.momentMs = momentMs;
    if (!tiles.length) return;
    past.newest = tiles.reduce((a, b) => (b.unixMs > a.unixMs ? b : a));
    past.product = past.newest.key.product;
    for (const tile of tiles) if (tile.key.product === past.product) past.tiles.set(tile.key.quabo, tile);
    past.image = assemble([...past.tiles.values()]);
    past.levels = quantiles(past.image);
  }

  /** Show the newest images again. */
  comeBack() {
    this.past = null;
  }

  /** Age of the image, s: now, or at the moment that is looked at; NaN without a time. */
  age(nowMs) {
    if (this.past) return this.past.newest ? (this.past.momentMs - this.past.newest.unixMs) / 1000 : NaN;
    return this.newest ? (nowMs - this.newest.takenMs) / 1000 : NaN;
  }
}

const push = (list, value) => {
  list.push(value);
  if (list.length > HISTORY) list.splice(0, HISTORY / 10);
};

/** UTC with milliseconds, of microseconds since 1970. */
export const utc = (us) => new Date(us / 1000).toISOString().slice(0, 23).replace("T", " ");

export const ageText = (s) =>
  Number.isNaN(s) ? "no time" : s < -0.05 ? `${(-s).toFixed(1)} s later` : s < 10 ? `${Math.max(s, 0).toFixed(1)} s` : s < 120 ? `${Math.floor(s)} s`
    : s < 7200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;

/** The figure that shows a source. */
export class Tile {
  constructor(source, name) {
    this.source = source;
    this.figure = document.createElement("figure");
    this.figure.className = "empty";
    this.figure.dataset.image = `${source.module}/${source.kind}`;
    this.figure.innerHTML = `<div class="picture"><canvas class="image" width="32" height="32"></canvas></div>
      <figcaption><span class="name"></span><span class="age"></span><span class="when"><span class="date"></span><span class="time"></span></span><span class="flaws"></span></figcaption>`;
    this.canvas = this.figure.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { willReadFrequently: true }); // in memory: only pixels are put there
    this.pixels = this.context.createImageData(SIZE, SIZE);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.texts = Object.fromEntries(["name", "age", "date", "time", "flaws"].map((n) => [n, this.figure.querySelector(`.${n}`)]));
    this.say("name", name);
  }

  say(what, text) {
    if (this.texts[what].textContent !== text) this.texts[what].textContent = text; // layout costs more than painting
  }

  paint(levels, table, orientation, scale) {
    const { image, newest, product, tiles } = this.source.shown;
    if (!image) return;
    fill(this.words, image, levels, table, orientation, scale);
    this.context.putImageData(this.pixels, 0, 0);
    const quabos = newest.key.quabo === null ? "" : ` Q${[...tiles.keys()].sort().join("")}`;
    this.say("name", `${product}${quabos} #${newest.frameNumber}`);
    const [date, time] = newest.timeStatus === 2 ? ["", "no time"] : utc(newest.unixMs * 1000).split(" ");
    this.say("date", date && `${date} `);
    this.say("time", time);
    let flaws = 0;
    for (const tile of tiles.values()) flaws |= tile.quality;
    this.say("flaws", flawsOf(flaws).join(", "));
    const title = `${newest.key.file} #${newest.frameNumber} ${this.texts.flaws.textContent}`;
    if (this.figure.title !== title) this.figure.title = title;
  }

  tick(nowMs) {
    const age = this.source.age(nowMs), far = Math.abs(age); // of the past, it may also be later
    this.say("age", this.source.newest ? ageText(age) : "no image");
    const list = this.figure.classList;
    list.toggle("empty", !this.source.newest);
    list.toggle("old", far > OLD_S);
    list.toggle("dead", far > DEAD_S);
  }

  /** Row and column of the image below the pointer. */
  at(event, orientation) {
    const box = this.canvas.getBoundingClientRect();
    const within = (share) => Math.min(Math.max(Math.floor(share * SIZE), 0), SIZE - 1);
    return place(within((event.clientY - box.top) / box.height), within((event.clientX - box.left) / box.width), orientation);
  }
}
