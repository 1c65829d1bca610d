/** The page: grid of modules, one module large, choices, keys. */

import { COLORS } from "./colors.js";
import { drawCurve, drawHistogram } from "./charts.js";
import { Link } from "./link.js";
import { modulesOf, readOptions, writeOptions } from "./options.js";
import { ORIENTATIONS, SCALES, SIZE, tableOf } from "./paint.js";
import { Source, Tile, ageText } from "./tile.js";

const KINDS = ["pulse_height", "movie"];
const NAMES = { pulse_height: "pulse height", movie: "movie" };
const CURVE_S = 120;
const $ = (id) => document.getElementById(id);

const options = readOptions(location.search);
const sources = new Map(); // "module/kind"
const cards = new Map(); // module -> element
const tiles = new Map(); // "module/kind" -> Tile of the grid
const tables = Object.fromEntries(Object.entries(COLORS).map(([name, colors]) => [name, tableOf(colors)]));
const shown = () => (options.kinds === "both" ? KINDS : [options.kinds]);
let large = []; // Tiles of the large module
let pixel = null; // [row, column] of the light curve
let pixelCurve = [];
let paused = false;
let hosts = [], hostsAt = 0;

const link = new Link({
  wall: (wall, painted) => takeWall(wall, painted),
  keys: (keys) => keys.forEach(makeCard),
  hosts: (list) => ((hosts = list), (hostsAt = performance.now()), tellState()),
  state: () => tellState(),
  error: (text) => notice(text),
  denied: () => $("login").open || $("login").showModal(),
});

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

function look() {
  const modules = options.large ? [Number(options.large)] : modulesOf(options.modules);
  if (paused) return;
  link.look({ modules, kinds: shown(), hz: Number(options.hz), depth: Number(options.depth) });
}

function makeCard(key) {
  const wanted = modulesOf(options.modules);
  if (cards.has(key.module) || (wanted.length && !wanted.includes(key.module))) return;
  const card = document.createElement("section");
  card.className = "module";
  card.tabIndex = 0;
  card.dataset.module = key.module;
  card.innerHTML = `<h2>module ${key.module}</h2><div class="pair"></div>`;
  card.onclick = () => enlarge(key.module);
  card.onkeydown = (event) => event.key === "Enter" && enlarge(key.module);
  for (const kind of KINDS) {
    const source = new Source(key.module, kind);
    const tile = new Tile(source, NAMES[kind]);
    tile.figure.hidden = !shown().includes(kind);
    sources.set(`${key.module}/${kind}`, source);
    tiles.set(`${key.module}/${kind}`, tile);
    card.lastChild.append(tile.figure);
  }
  cards.set(key.module, card);
  const after = [...cards.keys()].filter((module) => module > key.module).sort((a, b) => a - b)[0];
  $("wall").insertBefore(card, after === undefined ? null : cards.get(after));
  if (options.large === String(key.module)) enlarge(key.module);
}

function takeWall(wall, painted) {
  const now = performance.now();
  const groups = Map.groupBy ? Map.groupBy(wall.tiles, nameOf) : groupBy(wall.tiles, nameOf);
  for (const [name, group] of groups) sources.get(name)?.take(group, now, wall.late);
  // A hidden page is not painted: it says nothing, and so the server sends nothing.
  requestAnimationFrame(() => {
    paintAll();
    if (!paused) painted();
    else owed = painted;
  });
}
let owed = null;

const nameOf = (tile) => `${tile.key.module}/${tile.key.kind}`;
function groupBy(list, nameOf) {
  const groups = new Map();
  for (const one of list) groups.set(nameOf(one), [...(groups.get(nameOf(one)) ?? []), one]);
  return groups;
}

function levelsOf(source) {
  if (options.levels === "fixed") return [Number(options.low), Number(options.high)];
  if (options.levels === "auto") return source.levels;
  const all = [...sources.values()].filter((one) => one.kind === source.kind && one.levels);
  return [Math.min(...all.map((one) => one.levels[0])), Math.max(...all.map((one) => one.levels[1]))];
}

function paintAll() {
  for (const tile of large.length ? large : tiles.values()) {
    if (tile.figure.hidden || !tile.source.image) continue;
    tile.paint(levelsOf(tile.source), tables[options.colors], options.orientation, SCALES[options.scale]);
  }
  if (large.length) paintCharts();
  tick();
}

function paintCharts() {
  const movie = sources.get(`${options.large}/movie`);
  const now = performance.now() / 1000;
  if (pixel && pixel.source.image) {
    const at = pixel.source.means.at(-1)?.[0];
    const value = pixel.source.image[pixel.row * SIZE + pixel.column];
    if (at !== pixelCurve.at(-1)?.[0] && value === value) pixelCurve.push([at, value]);
  }
  drawCurve($("curve"), pixel ? pixelCurve : movie.means, now, CURVE_S);
  drawHistogram($("histogram"), sources.get(`${options.large}/pulse_height`).largest);
}

/** Ages go on, whether images come or not. */
function tick() {
  const now = performance.now();
  for (const tile of large.length ? large : tiles.values()) tile.tick(now);
}

function tellState() {
  const lost = link.lostAt;
  $("state").classList.toggle("bad", lost !== null && lost !== undefined);
  $("state").textContent = paused ? "paused" : lost != null ? `no connection for ${ageText((performance.now() - lost) / 1000)}, retrying` : "connected";
  const more = (performance.now() - hostsAt) / 1000;
  const gone = hosts.filter((host) => !host.connected);
  $("hosts").textContent = gone.length
    ? gone.map((host) => `${host.host} lost ${ageText(host.for_s + more)} ago, retrying${host.reason ? ` (${host.reason})` : ""}`).join("; ")
    : hosts.length === 1 ? hosts[0].host : `${hosts.length} hosts`;
  $("hosts").classList.toggle("bad", gone.length > 0);
}

function enlarge(module) {
  options.large = module === null ? "" : String(module);
  pixel = null;
  pixelCurve = [];
  large = module === null ? [] : KINDS.map((kind) => new Tile(sources.get(`${module}/${kind}`), NAMES[kind]));
  $("large-images").replaceChildren(...large.map((tile) => tile.figure));
  for (const tile of large) {
    tile.figure.onpointermove = (event) => point(tile, event);
    tile.figure.onclick = (event) => pick(tile, event);
  }
  $("large").hidden = !large.length;
  $("wall").hidden = large.length > 0;
  $("large-title").textContent = large.length ? `module ${module}` : "";
  $("curve-title").textContent = "Light curve: mean of the movie image";
  keep();
  paintAll();
}

function point(tile, event) {
  const [row, column] = tile.at(event, options.orientation);
  const value = tile.source.image?.[row * SIZE + column];
  $("pointer").textContent = `${NAMES[tile.source.kind]}, row ${row}, column ${column}: ${value === undefined || value !== value ? "nothing" : `${+value.toFixed(1)} ADC`}`;
}

function pick(tile, event) {
  const [row, column] = tile.at(event, options.orientation);
  pixel = { source: tile.source, row, column };
  pixelCurve = [];
  $("curve-title").textContent = `Light curve: ${NAMES[tile.source.kind]}, row ${row}, column ${column}`;
}

/** Keep the choices in the address, and ask for what they need. */
function keep() {
  history.replaceState(null, "", location.pathname + writeOptions(options));
  look();
}

function apply() {
  for (const name of ["kinds", "levels", "scale", "colors", "orientation", "hz", "depth", "low", "high"]) $(name).value = options[name];
  $("fixed").hidden = options.levels !== "fixed";
  document.body.classList.toggle("night", options.night !== "");
  $("night").setAttribute("aria-pressed", options.night !== "");
  for (const tile of tiles.values()) tile.figure.hidden = !shown().includes(tile.source.kind);
  keep();
  paintAll();
}

function next(name) {
  const choices = [...$(name).options].map((one) => one.value);
  options[name] = choices[(choices.indexOf(options[name]) + 1) % choices.length];
  apply();
}

function pause() {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  if (!paused) {
    owed?.();
    owed = null;
    look();
  }
  tellState();
}

function step(by) {
  const modules = [...cards.keys()].sort((a, b) => a - b);
  if (large.length) enlarge(modules[(modules.indexOf(Number(options.large)) + by + modules.length) % modules.length]);
}

const KEYS = {
  " ": pause, c: () => next("colors"), l: () => next("levels"), g: () => next("scale"), o: () => next("orientation"),
  n: () => ((options.night = options.night ? "" : "1"), apply()),
  f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  arrowleft: () => step(-1), arrowright: () => step(1), escape: () => large.length && enlarge(null),
  "?": () => $("legend").showModal(),
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) return;
  const act = KEYS[event.key.toLowerCase()];
  if (!act || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  act();
});

async function enter(token) {
  const answer = await fetch("/session", { method: "POST", body: JSON.stringify({ token }) });
  if (!answer.ok) return await answer.text();
  $("login").close();
  link.open();
  return "";
}
$("login-form").onsubmit = async (event) => {
  event.preventDefault();
  $("login-error").textContent = await enter($("token").value);
  $("token").value = "";
};

function begin() {
  for (const name of Object.keys(tables)) $("colors").add(new Option(name));
  for (const name of ORIENTATIONS) $("orientation").add(new Option(name));
  for (const name of ["kinds", "levels", "scale", "colors", "orientation", "hz", "depth", "low", "high"]) {
    $(name).onchange = () => ((options[name] = $(name).value), apply());
  }
  $("pause").onclick = pause;
  $("night").onclick = KEYS.n;
  $("help").onclick = KEYS["?"];
  $("back").onclick = () => enlarge(null);
  setInterval(() => (tick(), tellState()), 250);
  const shared = location.hash.startsWith("#share_") ? location.hash.slice(1) : "";
  apply(); // which takes the link's secret out of the address
  if (shared) enter(shared).then((error) => error && (notice(error), link.open()));
  else link.open();
}
begin();
