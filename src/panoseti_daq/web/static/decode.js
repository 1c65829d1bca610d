/** Walls as the server sends them; the layout stands in panoseti_daq/wire/wall.py. */

const MAGIC = 0x00315750;
const HEAD_BYTES = 24;
const TILE_BYTES = 32;
const UNKNOWN_AGE = 0xffffffff;
const ARRAYS = [Uint8Array, Uint8Array, Uint16Array, Int16Array];

/**
 * Decode a wall; the pixels are views of the buffer, not copies.
 * @param {ArrayBuffer} buffer
 * @param {Map<number, {rows: number, columns: number}>} keys what the numbers of keys stand for
 */
export function decodeWall(buffer, keys) {
  const data = new DataView(buffer);
  if (buffer.byteLength < HEAD_BYTES || data.getUint32(0, true) !== MAGIC) throw new Error("no wall");
  const wall = {
    sequence: data.getUint32(4, true),
    sentMs: Number(data.getBigUint64(8, true)) / 1000,
    tiles: [],
  };
  const nTiles = data.getUint16(16, true);
  let at = HEAD_BYTES;
  for (let i = 0; i < nTiles; i++) {
    const id = data.getUint16(at, true);
    const key = keys.get(id);
    if (!key) throw new Error(`unknown key ${id}`);
    const encoding = data.getUint8(at + 2);
    const pixels = new ARRAYS[encoding](buffer, at + TILE_BYTES, key.rows * key.columns);
    const age = data.getUint32(at + 20, true);
    wall.tiles.push({
      id,
      key,
      timeStatus: data.getUint8(at + 3),
      quality: data.getUint16(at + 4, true),
      unixMs: Number(data.getBigUint64(at + 8, true) / 1000n) / 1000,
      frameNumber: data.getUint32(at + 16, true),
      ageMs: age === UNKNOWN_AGE ? NaN : age,
      values: encoding === 0 ? unscaled(pixels, data.getInt32(at + 24, true), data.getInt32(at + 28, true)) : pixels,
    });
    at += TILE_BYTES + Math.ceil(pixels.byteLength / 8) * 8;
  }
  return wall;
}

/** Decode a wall that says itself what its keys stand for: of the past. */
export function decodePast(buffer) {
  const n = new DataView(buffer).getUint32(0, true);
  const keys = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, n)));
  return decodeWall(buffer.slice(4 + n), new Map(keys.map((key) => [key.id, key])));
}

/** ADC counts of pixels that were scaled to 8 bits. */
function unscaled(pixels, low, high) {
  const values = new Float32Array(pixels.length);
  const step = (high - low) / 255;
  for (let i = 0; i < pixels.length; i++) values[i] = low + pixels[i] * step;
  return values;
}

/** Names of the bits of quality, as panoseti_daq/pff/flags.py numbers them. */
export const FLAWS = [
  "no Q0", "no Q1", "no Q2", "no Q3", "Q0 zero", "Q1 zero", "Q2 zero", "Q3 zero",
  "all zero", "packet gap", "time backwards", "host clock", "no time",
];

/** @param {number} quality @returns {string[]} */
export const flawsOf = (quality) => FLAWS.filter((_, bit) => quality & (1 << bit));
