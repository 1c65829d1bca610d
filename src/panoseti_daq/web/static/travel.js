/** Time travel: a slider over the night's files, steps, and the way back to live. */

import { decodePast } from "./decode.js";

const STEPS_US = { second: 1e6, minute: 60e6 };
const RANGE_EVERY_MS = 60000;

export class Travel {
  /**
   * @param {{show: Function, live: Function, say: Function, query: () => string, focus: () => object|null}} on
   *   `show(wall, us)` shows a moment, `live()` the newest images, `say(text)` a fault; `query()` says which
   *   modules and kinds, `focus()` which module and product the steps by frame follow.
   */
  constructor(on) {
    this.on = on;
    this.at = null; // us since 1970; null for live
    this.wanted = null;
    this.busy = false;
    this.range = null;
    this.rangeAt = -Infinity;
  }

  /** Begin and end of what can be seen, us; asks again after a while. */
  async span() {
    if (performance.now() - this.rangeAt > RANGE_EVERY_MS) {
      this.rangeAt = performance.now();
      const answer = await this.ask("/api/runs");
      if (answer) this.range = await answer.json();
    }
    return this.range?.begin_us ? this.range : null;
  }

  /** Go to a share of the night, 0 to 1; the end is live. */
  async slide(share) {
    if (share >= 1) return this.back();
    const range = await this.span();
    if (!range) return this.on.say("there are no files of the last 24 hours to look into");
    await this.go(Math.round(range.begin_us + share * (range.end_us - range.begin_us)));
  }

  /** Share of the night at which we are. */
  share() {
    if (this.at === null || !this.range) return 1;
    const { begin_us: begin, end_us: end } = this.range;
    return Math.min(Math.max((this.at - begin) / Math.max(end - begin, 1), 0), 1);
  }

  /** Go to a moment; while one is on its way, only the last that was wanted is asked for. */
  async go(us) {
    this.wanted = us;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted !== null) {
        const next = this.wanted;
        this.wanted = null;
        const answer = await this.ask(`/api/frames?t=${next}&${this.on.query()}`);
        if (!answer) return;
        const wall = decodePast(await answer.arrayBuffer());
        // Back to live meanwhile: what comes now is of nobody's interest.
        if (this.left) return;
        this.at = next;
        this.on.show(wall, next);
      }
    } finally {
      this.busy = this.left = false;
    }
  }

  /** @param {"frame"|"second"|"minute"} by @param {1|-1} sign */
  async step(by, sign, nowUs) {
    const from = this.wanted ?? this.at ?? nowUs;
    if (by !== "frame") return this.go(from + sign * STEPS_US[by]);
    const focus = this.on.focus();
    if (!focus) return;
    const where = `module=${focus.module}&host=${encodeURIComponent(focus.host)}&product=${focus.product}`;
    const answer = await this.ask(`/api/step?t=${this.at === null ? focus.us : from}&${where}&by=${sign}`);
    if (!answer) return;
    const { t } = await answer.json();
    if (t === null) return this.on.say(`there is no frame ${sign > 0 ? "after" : "before"} this one`);
    await this.go(t);
  }

  back() {
    this.left = this.busy;
    this.wanted = this.at = null;
    this.on.live();
  }

  async ask(path) {
    const answer = await fetch(path).catch(() => null);
    if (answer?.ok) return answer;
    this.on.say(answer ? (answer.status === 404 ? "this server looks into no files" : await answer.text()) : "no connection");
    return null;
  }
}
