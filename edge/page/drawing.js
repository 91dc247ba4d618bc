// What all canvases of the page share.

let theme = {};

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ground", "panel", "well", "ink", "faint", "line", "accent", "edge", "backdrop"];
  theme = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
readTheme();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readTheme);

/** The colours of the style sheet, light or dark. */
export const colors = () => theme;

export const font = (size, weight = 400) => `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;

export const percent = (value) => `${Math.round(100 * value)} %`;

export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

/** A cleared context in CSS pixels, as sharp as the screen; null while the canvas isn't shown. */
export function begin(canvas) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return null;
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const wide = Math.round(width * ratio);
  const high = Math.round(height * ratio);
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const context = canvas.getContext("2d");
  context.setTransform(wide / width, 0, 0, high / height, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Set a text only where it is another one: nothing is laid out, or read out, for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make a list of `count` children, each from `make()`. */
export function fill(parent, count, make) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) parent.append(make());
  return parent.children;
}
