/** Line and bars on a canvas, with their scales. */

function frame(canvas, low, high, texts) {
  const g = canvas.getContext("2d");
  const style = getComputedStyle(document.body);
  g.clearRect(0, 0, canvas.width, canvas.height);
  g.strokeStyle = g.fillStyle = style.color;
  g.font = "11px system-ui, sans-serif";
  g.fillText(high, 4, 12);
  g.fillText(low, 4, canvas.height - 18);
  g.fillText(texts[0], 60, canvas.height - 4);
  g.fillText(texts[1], canvas.width - 6 - g.measureText(texts[1]).width, canvas.height - 4);
  return g;
}

/** Draw points [[seconds, value], ...]; a pause of more than 3 s is no line. */
export function drawCurve(canvas, points, nowS, spanS) {
  const shown = points.filter(([t]) => t >= nowS - spanS);
  const values = shown.map(([, value]) => value);
  const low = Math.min(...values), high = Math.max(...values);
  const g = shown.length
    ? frame(canvas, low.toFixed(1), high.toFixed(1), [`${spanS} s ago`, "now"])
    : frame(canvas, "", "", ["no images", ""]);
  const x = (t) => 60 + ((t - nowS + spanS) / spanS) * (canvas.width - 66);
  const y = (value) => canvas.height - 22 - ((value - low) / (high - low || 1)) * (canvas.height - 34);
  g.beginPath();
  shown.forEach(([t, value], i) => {
    if (i && t - shown[i - 1][0] < 3) g.lineTo(x(t), y(value));
    else g.rect(x(t), y(value), 1, 1), g.moveTo(x(t), y(value));
  });
  g.stroke();
}

/** Draw how often values occur, in 40 bins from the least to the largest. */
export function drawHistogram(canvas, values) {
  const low = Math.min(...values), high = Math.max(...values);
  const bins = new Array(40).fill(0);
  for (const value of values) bins[Math.min(39, Math.floor(((value - low) / (high - low || 1)) * 40))]++;
  const most = Math.max(...bins, 1);
  const g = values.length
    ? frame(canvas, "0", `${most}`, [`${low} ADC`, `${high} ADC, ${values.length} images`])
    : frame(canvas, "", "", ["no images", ""]);
  const width = (canvas.width - 66) / 40, tall = canvas.height - 34;
  bins.forEach((n, i) => g.fillRect(60 + i * width, canvas.height - 20 - (n / most) * tall, width - 1, (n / most) * tall));
}
