// Decoder, painter and what else of the page needs no browser; run by `node --test`, see test_node.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { columns, histogram } from "./static/charts.js";
import { decodePast, decodeWall, flawsOf } from "./static/decode.js";
import { sideFor } from "./static/grid.js";
import { modulesOf, readOptions, writeOptions } from "./static/options.js";
import { ORIENTATIONS, SIZE, assemble, fill, follow, place, quantiles, tableOf } from "./static/paint.js";
import { Rates } from "./static/rates.js";
import { Source, ageText, cardOf } from "./static/tile.js";
import { Travel } from "./static/travel.js";

const KEYS = new Map([
  [0, { id: 0, module: 7, kind: "movie", product: "img16", quabo: null, rows: 2, columns: 3 }],
  [1, { id: 1, module: 7, kind: "pulse_height", product: "ph256", quabo: 2, rows: 2, columns: 2 }],
]);

/** A wall of tiles [key, encoding, quality, low, high, pixels]. */
function wallOf(tiles) {
  const sizes = tiles.map(([, , , , , pixels]) => 32 + Math.ceil(pixels.byteLength / 8) * 8);
  const buffer = new ArrayBuffer(24 + sizes.reduce((a, b) => a + b, 0));
  const data = new DataView(buffer);
  data.setUint32(0, 0x00315750, true);
  data.setUint32(4, 9, true);
  data.setBigUint64(8, 1_767_225_600_000_000n, true);
  data.setUint16(16, tiles.length, true);
  let at = 24;
  tiles.forEach(([key, encoding, quality, low, high, pixels], i) => {
    data.setUint16(at, key, true);
    data.setUint8(at + 2, encoding);
    data.setUint16(at + 4, quality, true);
    data.setBigUint64(at + 8, 1_767_225_600_123_456_789n, true);
    data.setUint32(at + 16, 55, true);
    data.setUint32(at + 20, i ? 0xffffffff : 1500, true);
    data.setInt32(at + 24, low, true);
    data.setInt32(at + 28, high, true);
    new Uint8Array(buffer, at + 32).set(new Uint8Array(pixels.buffer));
    at += sizes[i];
  });
  return buffer;
}

const WALL = wallOf([
  [0, 2, 0, 0, 0, Uint16Array.of(1, 2, 3, 4, 5, 65535)],
  [1, 3, 0b1000000010, 0, 0, Int16Array.of(-5, 0, 7, 32767)],
]);

test("a wall is decoded without a copy of its pixels", () => {
  const wall = decodeWall(WALL, KEYS);
  assert.equal(wall.sequence, 9);
  const [movie, pulse] = wall.tiles;
  assert.deepEqual([...movie.values], [1, 2, 3, 4, 5, 65535]);
  assert.equal(movie.values.buffer, WALL);
  assert.equal(movie.ageMs, 1500);
  assert.equal(movie.frameNumber, 55);
  assert.ok(Math.abs(movie.unixMs - 1_767_225_600_123.456) < 1e-3);
  assert.deepEqual([...pulse.values], [-5, 0, 7, 32767]);
  assert.ok(Number.isNaN(pulse.ageMs));
  assert.deepEqual(flawsOf(pulse.quality), ["no Q1", "packet gap"]);
});

test("pixels of 8 bits are ADC counts again", () => {
  const [tile] = decodeWall(wallOf([[1, 0, 0, -100, 155, Uint8Array.of(0, 1, 254, 255)]]), KEYS).tiles;
  assert.deepEqual([...tile.values], [-100, -99, 154, 155]);
});

test("what is no wall, is cut short or has an unknown key is refused", () => {
  assert.throws(() => decodeWall(new ArrayBuffer(40), KEYS), /no wall/);
  for (const size of [0, 10, 24, 40, WALL.byteLength - 9]) assert.throws(() => decodeWall(WALL.slice(0, size), KEYS));
  assert.throws(() => decodeWall(WALL, new Map()), /unknown key 0/);
});

test("a wall of the past says itself what its keys are", () => {
  let text = JSON.stringify([...KEYS.values()]);
  text += " ".repeat((8 - ((text.length + 4) % 8)) % 8);
  const bytes = new Uint8Array(4 + text.length + WALL.byteLength);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(new TextEncoder().encode(text), 4);
  bytes.set(new Uint8Array(WALL), 4 + text.length);
  assert.deepEqual([...decodePast(bytes.buffer).tiles[1].values], [-5, 0, 7, 32767]);
});

const quabo = (number, value) => ({ key: { rows: 16, columns: 16, quabo: number }, values: new Float32Array(256).fill(value) });

test("quabos stand in their quadrants, and nothing where there is none", () => {
  const image = assemble([quabo(0, 1), quabo(1, 2), quabo(3, 4)]);
  const at = (row, column) => image[row * SIZE + column];
  assert.deepEqual([at(0, 0), at(0, 31), at(31, 0)], [1, 2, 4]);
  assert.ok(Number.isNaN(at(31, 31)));
});

test("a corner stays a corner in every orientation, and four turns are none", () => {
  const corners = { "as stored": [0, 0], "rotated 90": [0, 31], "rotated 180": [31, 31], "rotated 270": [31, 0], mirrored: [0, 31] };
  const image = new Float32Array(SIZE * SIZE);
  image[0] = 1;
  const table = tableOf([[0, 0, 0], [255, 255, 255]]);
  for (const name of ORIENTATIONS) {
    const out = new Uint32Array(SIZE * SIZE);
    fill(out, image, [0, 1], table, name);
    const [row, column] = corners[name];
    assert.equal(out.indexOf(table[1]), row * SIZE + column, name);
    assert.deepEqual(place(row, column, name), [0, 0]);
  }
});

test("levels leave out the extreme hundredth and follow slowly", () => {
  const image = Float32Array.from({ length: 1024 }, (_, i) => (i === 5 ? 60000 : i === 6 ? NaN : i % 100));
  const [low, high] = quantiles(image);
  assert.ok(low <= 1 && high < 101);
  assert.deepEqual(quantiles(new Float32Array(4).fill(NaN)), [0, 1]);
  assert.deepEqual(follow([0, 100], [10, 200], 0.5), [5, 150]);
});

test("values beyond the levels get the last color, and nothing its own", () => {
  const image = new Float32Array(SIZE * SIZE).fill(NaN);
  image.set([-1e9, 0, 50, 100, 1e9]);
  const table = tableOf([[0, 0, 0], [1, 0, 0], [2, 0, 0]]);
  const out = new Uint32Array(SIZE * SIZE);
  fill(out, image, [0, 100], table, "as stored");
  assert.deepEqual([...out.subarray(0, 5)], [table[0], table[0], table[1], table[2], table[2]]);
  assert.equal(out[5], 0xff362b2b);
});

test("ages are said as people say them", () => {
  const said = [0.04, 9.96, 119, 7199, 7200, NaN, -0.4].map(ageText);
  assert.deepEqual(said, ["0.0 s", "10.0 s", "119 s", "119 min", "2 h", "no time", "0.4 s later"]);
});

test("choices survive the address", () => {
  const options = { ...readOptions(""), modules: "1,3-5", colors: "gray", at: "1767225600123456" };
  assert.deepEqual(readOptions(writeOptions(options)), options);
  assert.equal(writeOptions(readOptions("")), "");
  assert.deepEqual(modulesOf("1,3-5,x,"), [1, 3, 4, 5]);
});

test("a histogram counts every value once", () => {
  const { counts, low, step } = histogram([1, 1, 2, 41], 40);
  assert.equal(counts.reduce((a, b) => a + b), 4);
  assert.deepEqual([low, step, counts[0], counts[1], counts[39]], [1, 1, 2, 1, 1]);
  assert.deepEqual(histogram([]).counts, []);
});

test("a pause is no line", () => {
  assert.deepEqual(columns([[1, 5], [2, 6], [9, 7]]), [[1, 2, 5.5, 9], [5, 6, null, 7]]);
});

test("more modules are smaller, and none is too small", () => {
  const sides = [1, 4, 16, 64, 255].map((n) => sideFor(n, 2, 1400, 800));
  assert.deepEqual(sides, [...sides].sort((a, b) => b - a));
  assert.ok(sides[0] > 300 && sides[3] >= 40 && sides[4] === 40);
});

test("rates are added up per module and kind", () => {
  const rates = new Rates();
  rates.take({ 0: 1000, 1: 2.5 }, KEYS, 60);
  assert.deepEqual(rates.history[0][1].get(cardOf(KEYS.get(0))), [2.5, 1000]);
  assert.equal(rates.text(cardOf(KEYS.get(0))), "img16 1000.0 /s, ph256 2.5 /s");
  assert.equal(rates.text("8 "), "not known");
});

const tile = (unixMs, value) => ({ ...quabo(0, value), key: { rows: 16, columns: 16, quabo: 0, product: "ph256" }, unixMs, frameNumber: unixMs, ageMs: 100 });

test("the past is shown instead of the newest image, which goes on behind it", () => {
  const source = new Source({ module: 7 }, "pulse_height");
  source.take([tile(1000, 5)], 0, 0);
  source.travel([tile(400, 3)], 900);
  assert.equal(source.image[0], 3);
  assert.equal(source.age(0), 0.5);
  source.take([tile(2000, 8)], 0, 0);
  assert.equal(source.image[0], 3);
  source.comeBack();
  assert.equal(source.image[0], 8);
  assert.deepEqual(source.largest.map(([, value]) => value), [5, 8]);
  source.travel([], 900);
  assert.equal(source.image, null);
});

test("of many moments that are wanted at once, the last is shown, and none after the way back", async () => {
  let text = "[]  ";
  const empty = new Uint8Array(4 + text.length + 24);
  new DataView(empty.buffer).setUint32(0, text.length, true);
  empty.set(new TextEncoder().encode(text), 4);
  empty.set(new Uint8Array(WALL.slice(0, 16)), 4 + text.length);
  const asked = [], shown = [];
  let answer = () => {};
  globalThis.fetch = (path) => (asked.push(path), new Promise((done) => (answer = () => done({ ok: true, arrayBuffer: async () => empty.buffer }))));
  const travel = new Travel({ show: (_, us) => shown.push(us), live: () => {}, say: () => {}, query: () => "", focus: () => null });
  const turn = async () => (answer(), await new Promise((done) => setTimeout(done)));
  travel.go(1), travel.go(2), travel.go(3);
  await turn(), await turn();
  assert.deepEqual(asked.map((path) => path.split(/[=&]/)[1]), ["1", "3"]);
  assert.deepEqual(shown, [1, 3]);
  travel.go(4), travel.back();
  await turn();
  assert.deepEqual(shown, [1, 3]);
  assert.equal(travel.at, null);
  travel.go(5);
  await turn();
  assert.deepEqual(shown, [1, 3, 5]);
});
