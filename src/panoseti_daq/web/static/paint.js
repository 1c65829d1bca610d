/** Levels, orientation and painting of images; nothing here knows the page. */

export const SIZE = 32;
const CORNERS = [[0, 0], [0, 16], [16, 16], [16, 0]]; // row and column of each quabo, as in pff/quabos.py
const NOTHING = 0xff362b2b; // ABGR, pixels that nobody measured

/** Image of a module, 32 x 32 with NaN where nothing is, from the tiles of one product. */
export function assemble(tiles) {
  const image = new Float32Array(SIZE * SIZE).fill(NaN);
  for (const { key, values } of tiles) {
    const [row0, column0] = key.rows === SIZE ? [0, 0] : CORNERS[key.quabo];
    for (let row = 0; row < key.rows; row++) {
      image.set(values.subarray(row * key.columns, (row + 1) * key.columns), (row0 + row) * SIZE + column0);
    }
  }
  return image;
}

/** Values below which 1 % and 99 % of the pixels lie. */
export function quantiles(image) {
  const known = image.filter((value) => value === value).sort();
  if (!known.length) return [0, 1];
  const last = known.length - 1;
  return [known[Math.floor(last * 0.01)], known[Math.ceil(last * 0.99)]];
}

/** Levels that follow the image slowly, so that noise does not make the picture flicker. */
export function follow(before, now, share = 0.2) {
  if (!before) return now;
  return [before[0] + share * (now[0] - before[0]), before[1] + share * (now[1] - before[1])];
}

export const SCALES = {
  linear: (x) => x,
  sqrt: Math.sqrt,
  log: (x) => Math.log1p(x * 999) / Math.log(1000),
};

export const ORIENTATIONS = ["as stored", "rotated 90", "rotated 180", "rotated 270", "mirrored"];

/** Row and column in the image of a place on the screen. */
export function place(row, column, orientation) {
  const last = SIZE - 1;
  switch (orientation) {
    case "rotated 90": return [last - column, row];
    case "rotated 180": return [last - row, last - column];
    case "rotated 270": return [column, last - row];
    case "mirrored": return [row, last - column];
    default: return [row, column];
  }
}

const orders = new Map();

/** Index in the image of each pixel of the screen; made once. */
function orderOf(orientation) {
  if (!orders.has(orientation)) {
    const index = (_, i) => place(Math.floor(i / SIZE), i % SIZE, orientation).reduce((row, column) => row * SIZE + column);
    orders.set(orientation, Uint16Array.from({ length: SIZE * SIZE }, index));
  }
  return orders.get(orientation);
}

/** Colors of a map as ABGR numbers, from [[r, g, b], ...]. */
export function tableOf(colors) {
  return Uint32Array.from(colors, ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0);
}

/**
 * Fill the pixels of a canvas of 32 x 32.
 * @param {Uint32Array} out
 */
export function fill(out, image, [low, high], table, orientation, scale = SCALES.linear) {
  const span = Math.max(high - low, 1e-6);
  const last = table.length - 1;
  const order = orderOf(orientation);
  for (let i = 0; i < out.length; i++) {
    const value = image[order[i]];
    const share = Math.min(Math.max((value - low) / span, 0), 1);
    out[i] = value === value ? table[Math.round(scale(share) * last)] : NOTHING;
  }
}
