/** Frames per second: what the servers count, and what came here. */

import { cardOf } from "./tile.js";

const HISTORY = 720; // an hour of answers, one in 5 s

export class Rates {
  constructor() {
    this.history = []; // [s, Map(card -> [pulse height, movie])]
    this.byKey = new Map(); // id -> Hz
    this.keys = new Map();
    this.texts = (card) => this.text(card);
  }

  /** @param {Object<string, number>} rates Hz by id @param {Map<number, any>} keys */
  take(rates, keys, nowS) {
    this.byKey = new Map(Object.entries(rates).map(([id, hz]) => [Number(id), hz]));
    this.keys = keys;
    const byCard = new Map();
    for (const [id, hz] of this.byKey) {
      const key = keys.get(id);
      if (!key) continue;
      const pair = byCard.get(cardOf(key)) ?? [0, 0];
      pair[key.kind === "movie" ? 1 : 0] += hz;
      byCard.set(cardOf(key), pair);
    }
    this.history.push([nowS, byCard]);
    if (this.history.length > HISTORY) this.history.shift();
  }

  /** "img16 1000.2 /s, ph256 12.1 /s" of a module. */
  text(card) {
    const products = new Map();
    for (const [id, hz] of this.byKey) {
      const key = this.keys.get(id);
      if (key && cardOf(key) === card) products.set(key.product, (products.get(key.product) ?? 0) + hz);
    }
    return [...products].map(([product, hz]) => `${product} ${hz.toFixed(1)} /s`).join(", ") || "not known";
  }
}
