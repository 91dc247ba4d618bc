// The live picture, and on it what belongs to it: outlines, tags, landmarks. Tags never lie on a face.

import { begin, colors, font, percent } from "./drawing.js";

const INK = "#14120f";

export class Picture {
  #bitmap = null;
  #frame = null;

  constructor(canvas, layers, color) {
    this.canvas = canvas;
    this.layers = layers;
    this.color = color;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** Show a frame; without a picture of its own, an earlier one is not kept: it would be another moment's. */
  async show(frame, jpeg) {
    const bitmap = jpeg ? await createImageBitmap(jpeg) : null;
    this.#bitmap?.close();
    this.#bitmap = bitmap;
    this.#frame = frame;
    const [width, height] = frame.size;
    this.canvas.style.setProperty("--ratio", width / height);
    this.draw();
  }

  draw() {
    const frame = this.#frame;
    const begun = frame && begin(this.canvas);
    if (!begun) return;
    const { context, width, height } = begun;
    const mirror = this.layers.has("mirror");
    if (this.#bitmap && this.layers.has("picture")) {
      context.save();
      if (mirror) context.transform(-1, 0, 0, 1, width, 0);
      context.drawImage(this.#bitmap, 0, 0, width, height);
      context.restore();
    } else {
      context.fillStyle = colors().backdrop;
      context.fillRect(0, 0, width, height);
    }
    const scale = width / frame.size[0];
    const place = (x) => (mirror ? width - x * scale : x * scale);
    const faces = frame.event.faces.map((face, index) => {
      const [x, y, w, h] = face.box.map((value) => value * scale);
      const box = { x: mirror ? width - x - w : x, y, w, h };
      return { ...face, box, head: head(box), points: frame.landmarks?.[index] ?? [], color: this.color(face.emotion) };
    });
    if (this.layers.has("landmarks")) {
      for (const { points, color } of faces) {
        for (const [x, y] of points) dot(context, place(x), y * scale, color);
      }
    }
    if (this.layers.has("boxes")) for (const { box, color } of faces) corners(context, box, color);
    if (this.layers.has("labels")) tags(context, faces, width, height);
  }
}

/** The whole head: detectors' boxes end at the forehead. */
function head({ x, y, w, h }) {
  return { x: x - w / 20, y: y - 0.4 * h, w: 1.1 * w, h: 1.48 * h };
}

/** The four corners of a box, which leaves the face free; a dark edge, so that they show on light walls too. */
function corners(context, { x, y, w, h }, color) {
  const arm = Math.max(4, Math.min(w, h) / 5);
  context.lineJoin = context.lineCap = "round";
  for (const [style, line] of [[INK, 4.5], [color, 2.5]]) {
    context.strokeStyle = style;
    context.lineWidth = line;
    context.beginPath();
    for (const [cx, cy, dx, dy] of [[x, y, 1, 1], [x + w, y, -1, 1], [x, y + h, 1, -1], [x + w, y + h, -1, -1]]) {
      context.moveTo(cx + dx * arm, cy);
      context.lineTo(cx, cy);
      context.lineTo(cx, cy + dy * arm);
    }
    context.stroke();
  }
}

function dot(context, x, y, color) {
  context.beginPath();
  context.arc(x, y, 3, 0, 7);
  context.fillStyle = color;
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = INK;
  context.stroke();
}

/** Hang each tag above its head, below, right or left of it, where it hides no head and no other tag. */
function tags(context, faces, width, height) {
  const taken = faces.map((face) => face.head);
  context.font = font(13, 600);
  context.textBaseline = "middle";
  for (const face of faces) {
    const whole = `${face.id}  ${face.emotion}  ${percent(face.probabilities[face.emotion])}`;
    const spot = [whole, String(face.id)].map((text) => ({ text, area: free(context, text, face.head, taken, width, height) }));
    const { text, area } = spot.find((found) => found.area) ?? {};
    if (!area) continue; // everything is taken: the list of people tells it too
    taken.push(area);
    context.fillStyle = face.color;
    context.beginPath();
    context.roundRect(area.x, area.y, area.w, area.h, 4);
    context.fill();
    context.lineWidth = 1;
    context.strokeStyle = INK;
    context.stroke();
    context.fillStyle = INK;
    context.fillText(text, area.x + 7, area.y + area.h / 2 + 0.5);
  }
}

function free(context, text, head, taken, width, height) {
  const w = Math.ceil(context.measureText(text).width) + 14;
  const h = 22;
  const inside = Math.min(Math.max(head.x + (head.w - w) / 2, 2), width - w - 2);
  const side = Math.min(Math.max(head.y + head.h / 3, 2), height - h - 2);
  const spots = [
    [inside, head.y - h - 3],
    [inside, head.y + head.h + 3],
    [head.x + head.w + 3, side],
    [head.x - w - 3, side],
  ];
  for (const [x, y] of spots) {
    const area = { x, y, w, h };
    const fits = x >= 0 && y >= 0 && x + w <= width && y + h <= height;
    if (fits && !taken.some((other) => touch(area, other))) return area;
  }
  return null;
}

function touch(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
