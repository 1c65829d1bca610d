/** The page: grid of modules, choices, keys of the keyboard; what it is made of stands in the other files. */

import { COLORS } from "./colors.js";
import { SMALL, sideFor } from "./grid.js";
import { Large, NAMES } from "./large.js";
import { Link } from "./link.js";
import { modulesOf, readOptions, writeOptions } from "./options.js";
import { ORIENTATIONS, SCALES, tableOf } from "./paint.js";
import { Rates } from "./rates.js";
import { Source, Tile, ageText, cardOf, utc } from "./tile.js";
import { Travel } from "./travel.js";

const KINDS = ["pulse_height", "movie"];
const CHOICES = ["modules", "kinds", "levels", "scale", "colors", "orientation", "hz", "depth", "low", "high"];
const $ = (id) => document.getElementById(id);

const options = readOptions(location.search);
const sources = new Map(); // "card/kind"
const cards = new Map(); // card -> element
const cardKeys = new Map(); // card -> one of its keys
const tiles = new Map(); // "card/kind" -> Tile of the grid
const tables = Object.fromEntries(Object.entries(COLORS).map(([name, colors]) => [name, tableOf(colors)]));
const large = new Large(() => options.orientation);
const rates = new Rates();
const shown = () => (options.kinds === "both" ? KINDS : [options.kinds]);
let notes = {}; // lines about modules
let paused = false;
let owed = null; // says that the last wall is painted; kept while nothing more is wanted
let hosts = [], hostsAt = 0;

const link = new Link({
  wall: (wall, painted) => takeWall(wall, painted),
  keys: (keys) => (keys.forEach(makeCard), fit()),
  hosts: (list) => ((hosts = list), (hostsAt = performance.now()), sayState()),
  beside: (message) => takeBeside(message),
  state: () => sayState(),
  error: (text) => notice(text),
  denied: () => $("login").open || $("login").showModal(),
});

const travel = new Travel({
  show: (wall, us) => showPast(wall, us),
  live: () => showLive(),
  say: (text) => notice(text.trim()),
  query: () => new URLSearchParams({ modules: modulesShown().join(","), kinds: shown().join(","), depth: options.depth }),
  focus: () => focus(),
});

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

const modulesShown = () => (options.large ? [parseInt(options.large)] : modulesOf(options.modules));

/** "7", or "7 daq1" where several hosts have a module 7; "" for no card. */
function called(card) {
  const key = cardKeys.get(card);
  if (!key) return "";
  const alone = [...cardKeys.values()].every((other) => other.module !== key.module || other.host === key.host);
  return alone ? String(key.module) : card;
}

/** The cards in order: by host and module. */
const inOrder = () => [...cards.keys()].sort((a, b) => {
  const [one, other] = [cardKeys.get(a), cardKeys.get(b)];
  return one.host < other.host ? -1 : one.host > other.host ? 1 : one.module - other.module;
});

/** The card that is large, or will be when it comes: an address may have its number alone. */
const largeCard = () => inOrder().find((card) => options.large && [called(card), card, card.split(" ")[0]].includes(options.large));

function look() {
  if (paused || travel.at !== null) return;
  link.look({ modules: modulesShown(), kinds: shown(), hz: Number(options.hz), depth: Number(options.depth) });
}

function makeCard(key) {
  const wanted = modulesOf(options.modules);
  const name = cardOf(key);
  if (cards.has(name) || (wanted.length && !wanted.includes(key.module))) return;
  const card = document.createElement("section");
  card.className = "module";
  card.tabIndex = 0;
  card.dataset.module = key.module;
  card.dataset.host = key.host;
  card.innerHTML = '<h2></h2><p class="note"></p><div class="pair"></div>';
  card.onclick = () => enlarge(name);
  card.onkeydown = (event) => event.key === "Enter" && enlarge(name);
  for (const kind of KINDS) {
    const place = `${name}/${kind}`;
    sources.set(place, sources.get(place) ?? new Source(key, kind));
    const tile = new Tile(sources.get(place), NAMES[kind]);
    tile.figure.hidden = !shown().includes(kind);
    tiles.set(place, tile);
    card.lastChild.append(tile.figure);
  }
  cards.set(name, card);
  cardKeys.set(name, key);
  const order = inOrder();
  $("wall").insertBefore(card, cards.get(order[order.indexOf(name) + 1]) ?? null);
  for (const [other, element] of cards) element.querySelector("h2").textContent = `module ${called(other)}`;
  sayNote(card, notes[called(name)]);
  if (largeCard() === name) enlarge(name);
}

/** Make the images as large as all of them fit; a phone has its own layout. */
function fit() {
  const free = innerHeight - document.querySelector("header").offsetHeight - document.querySelector("footer").offsetHeight;
  const side = sideFor(cards.size, shown().length, document.body.clientWidth, free - 16);
  document.body.style.setProperty("--tile", `${side}px`);
  $("wall").classList.toggle("small", side < SMALL && innerWidth > 520);
  $("wall").classList.toggle("narrow", side < 150);
}

/** Leave out the cards of modules that are no longer wanted. */
function chooseModules() {
  const wanted = modulesOf(options.modules);
  for (const [name, card] of cards) {
    if (!wanted.length || wanted.includes(cardKeys.get(name).module)) continue;
    card.remove();
    cards.delete(name);
    cardKeys.delete(name);
    for (const kind of KINDS) tiles.delete(`${name}/${kind}`);
  }
}

function grouped(list) {
  const groups = new Map();
  for (const tile of list) {
    const name = `${cardOf(tile.key)}/${tile.key.kind}`;
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(tile);
  }
  return groups;
}

function takeWall(wall, painted) {
  if (paused || travel.at !== null) return void (owed = painted);
  const now = performance.now();
  for (const [name, group] of grouped(wall.tiles)) sources.get(name)?.take(group, now, wall.late);
  large.follow();
  // A hidden page is not painted: it says nothing, and so the server sends nothing.
  requestAnimationFrame(() => {
    paintAll();
    if (paused || travel.at !== null) owed = painted;
    else painted();
  });
}

function showPast(wall, us) {
  wall.tiles.forEach((tile) => makeCard(tile.key));
  fit();
  const groups = grouped(wall.tiles);
  for (const [name, source] of sources) source.travel(groups.get(name) ?? [], us / 1000);
  options.at = String(us);
  notice("");
  keep();
  sayState();
  paintAll();
}

function showLive() {
  for (const source of sources.values()) source.comeBack();
  options.at = "";
  owed?.();
  owed = null;
  keep();
  sayState();
  paintAll();
}

/** Module and product that steps by frame follow: of the large module, else the first; the movie, else pulses. */
function focus() {
  const card = largeCard() ?? inOrder()[0];
  for (const kind of [...shown()].reverse()) {
    const newest = sources.get(`${card}/${kind}`)?.newest;
    if (!newest) continue;
    const { module, host, product } = newest.key;
    return { module, host, product, us: Math.floor(newest.unixMs * 1000) };
  }
  return null;
}

function levelsOf(source) {
  if (options.levels === "fixed") return [Number(options.low), Number(options.high)];
  if (options.levels === "auto") return source.levels;
  const all = [...sources.values()].filter((one) => one.kind === source.kind && one.levels);
  return [Math.min(...all.map((one) => one.levels[0])), Math.max(...all.map((one) => one.levels[1]))];
}

const onScreen = () => (large.isOpen ? large.tiles : tiles.values());

function paintAll() {
  for (const tile of onScreen()) {
    if (tile.figure.hidden || !tile.source.image) continue;
    tile.paint(levelsOf(tile.source), tables[options.colors], options.orientation, SCALES[options.scale]);
  }
  large.draw(rates);
  tick();
}

/** Ages grow, whether images come or not. */
function tick() {
  const now = performance.now();
  for (const tile of onScreen()) tile.tick(now);
}

function takeBeside(message) {
  notes = message.modules;
  rates.take(message.rates, link.keys, Date.now() / 1000);
  for (const [name, card] of cards) sayNote(card, notes[called(name)]);
  sayNote($("large"), notes[called(largeCard())]);
}

function sayNote(card, note) {
  const line = card.querySelector(".note");
  line.textContent = note?.text ?? "";
  line.className = `note${note?.old ? " gone" : note?.severity >= 32 ? " critical" : note?.severity >= 16 ? " warning" : ""}`;
}

function sayState() {
  const lost = link.lostAt, past = travel.at !== null;
  $("state").classList.toggle("bad", lost !== null);
  const away = lost !== null && `no connection for ${ageText((performance.now() - lost) / 1000)}, retrying`;
  $("state").textContent = away || (past ? "not live" : paused ? "paused" : "connected");
  document.body.classList.toggle("past", past);
  $("moment").textContent = past ? `${utc(travel.at)} UTC` : "live";
  $("live").setAttribute("aria-pressed", !past);
  if (document.activeElement !== $("slider")) $("slider").value = travel.share() * $("slider").max;
  const more = (performance.now() - hostsAt) / 1000;
  const gone = hosts.filter((host) => !host.connected);
  $("hosts").textContent = gone.length
    ? gone.map((host) => `${host.host} lost ${ageText(host.for_s + more)} ago, retrying${host.reason ? ` (${host.reason})` : ""}`).join("; ")
    : hosts.length === 1 ? hosts[0].host : `${hosts.length} hosts`;
  $("hosts").classList.toggle("bad", gone.length > 0);
}

function enlarge(card) {
  options.large = card === null ? "" : called(card);
  large.open(card === null ? [] : KINDS.map((kind) => sources.get(`${card}/${kind}`)), card, `module ${options.large}`);
  sayNote($("large"), notes[options.large]);
  keep();
  if (travel.at !== null) travel.go(travel.at); // of the others nothing was asked for
  paintAll();
}

/** Keep the choices in the address, and ask for what they need. */
function keep() {
  history.replaceState(null, "", location.pathname + writeOptions(options));
  look();
}

function apply() {
  for (const name of CHOICES) $(name).value = options[name];
  $("fixed").hidden = options.levels !== "fixed";
  document.body.classList.toggle("night", options.night !== "");
  $("night").setAttribute("aria-pressed", options.night !== "");
  for (const tile of tiles.values()) tile.figure.hidden = !shown().includes(tile.source.kind);
  chooseModules();
  fit();
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
  sayState();
}

function step(by) {
  const names = inOrder();
  if (large.isOpen) enlarge(names[(names.indexOf(large.card) + by + names.length) % names.length]);
}

const move = (by, sign) => travel.step(by, sign, Date.now() * 1000);

const KEYS = {
  " ": pause, c: () => next("colors"), l: () => next("levels"), g: () => next("scale"), o: () => next("orientation"),
  n: () => ((options.night = options.night ? "" : "1"), apply()),
  f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  arrowleft: () => step(-1), arrowright: () => step(1), escape: () => large.isOpen && enlarge(null),
  ",": () => move("frame", -1), ".": () => move("frame", 1), "[": () => move("second", -1), "]": () => move("second", 1),
  "{": () => move("minute", -1), "}": () => move("minute", 1), b: () => travel.back(),
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
  for (const name of CHOICES) $(name).onchange = () => ((options[name] = $(name).value), apply());
  for (const button of document.querySelectorAll("[data-step]")) {
    const [by, sign] = button.dataset.step.split(" ");
    button.onclick = () => move(by, Number(sign));
  }
  $("slider").oninput = () => travel.slide($("slider").value / $("slider").max);
  $("slider").onpointerenter = () => travel.span(); // takes a second
  $("slider").onchange = () => $("slider").blur();
  $("live").onclick = () => travel.back();
  $("pause").onclick = pause;
  $("night").onclick = KEYS.n;
  $("help").onclick = KEYS["?"];
  $("more").onclick = () => $("controls").classList.toggle("open");
  $("back").onclick = () => enlarge(null);
  $("window").onchange = () => (large.drawnAt = 0);
  addEventListener("resize", fit);
  setInterval(() => (tick(), sayState(), large.draw(rates)), 250);
  const shared = location.hash.startsWith("#share_") ? location.hash.slice(1) : "";
  const at = Number(options.at);
  apply(); // which takes the link's secret out of the address
  if (shared) enter(shared).then((error) => error && (notice(error), link.open()));
  else link.open();
  if (at > 0) travel.go(at);
}
begin();
