/** Size of the images, so that all modules are seen at once. */

const GAP = 8, EDGE = 18, TEXT = 64, SMALL_TEXT = 30;
export const SMALL = 110; // below, there is no room for names and times under an image
const LEAST = 40, MOST = 420;

/**
 * The largest side of an image with which n cards of `perCard` images fit, or the least side.
 * @param {number} n @param {number} perCard @param {number} width @param {number} height pixels that are free
 */
export function sideFor(n, perCard, width, height) {
  for (let side = MOST; side > LEAST; side -= 2) {
    const inRow = Math.floor((width - GAP) / (perCard * (side + 6) + EDGE));
    const tall = side + (side < SMALL ? SMALL_TEXT : TEXT) + GAP + EDGE;
    if (inRow && Math.ceil(n / inRow) * tall <= height) return side;
  }
  return LEAST;
}
