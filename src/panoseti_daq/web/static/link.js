/** The connection to the server: credit, coming back, and clocks. */

import { decodeWall } from "./decode.js";

const SILENCE_MS = 12000; // the server says something every 5 s
const LONGEST_WAIT_MS = 5000;

export class Link {
  /**
   * @param {{wall: Function, keys: Function, hosts: Function, beside: Function, state: Function, error: Function, denied: Function}} on
   */
  constructor(on) {
    this.on = on;
    this.keys = new Map();
    this.view = null;
    this.waitMs = 250;
    this.heardAt = 0;
    this.offsetMs = Infinity; // least difference of our clock and the server's when a wall came
    this.lostAt = performance.now();
    setInterval(() => this.watch(), 1000);
    for (const event of ["online", "focus", "pageshow"]) addEventListener(event, () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  open() {
    clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws`, "panoseti.v1");
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.heardAt = performance.now();
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.waitMs = 250;
      this.lostAt = null;
      this.offsetMs = Infinity;
      this.on.state();
      if (this.view) this.send(this.view);
    };
    socket.onmessage = (event) => socket === this.socket && this.take(event.data);
    socket.onclose = (event) => socket === this.socket && this.lost(opened, event.code);
  }

  take(data) {
    this.heardAt = performance.now();
    if (typeof data !== "string") {
      const wall = decodeWall(data, this.keys);
      const offset = Date.now() - wall.sentMs;
      this.offsetMs = Math.min(this.offsetMs, offset);
      wall.late = offset - this.offsetMs; // how much longer than the fastest one this wall was on its way
      this.on.wall(wall, () => this.send({ op: "painted", seq: wall.sequence }));
      return;
    }
    const message = JSON.parse(data);
    if (message.op === "keys") {
      this.keys = new Map(message.keys.map((key) => [key.id, key]));
      this.on.keys(message.keys);
    } else if (message.op === "beside") this.on.beside(message);
    else if (message.op === "hosts") this.on.hosts(message.hosts);
    else if (message.op === "error") this.on.error(message.text);
  }

  async lost(opened, code) {
    this.lostAt ??= performance.now();
    this.socket = null;
    this.on.state();
    if (code === 4401 || !opened) {
      const answer = await fetch("/api/status", { cache: "no-store" }).catch(() => null);
      if (answer && answer.status === 401) return this.on.denied();
    }
    this.timer = setTimeout(() => this.open(), this.waitMs);
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
  }

  /** Try at once: the page is seen again, or the network is back. */
  hurry() {
    if (!this.socket && this.timer) this.open();
    else this.watch();
  }

  /** A socket that says nothing is dead, whatever TCP believes, as after sleep. */
  watch() {
    if (this.socket && performance.now() - this.heardAt > SILENCE_MS) {
      const socket = this.socket;
      this.socket = null;
      socket.onclose = null;
      socket.close();
      this.lostAt = this.heardAt;
      this.on.state();
      this.open();
    }
  }

  look(view) {
    this.view = { op: "view", ...view };
    this.send(this.view);
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
