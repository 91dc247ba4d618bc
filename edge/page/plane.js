// Valence to the right, arousal upwards, both -1..1: a dot for each person, and the way it came.

import { begin, colors, font } from "./drawing.js";

const SECONDS = 4;
const MOST = 80; // points of a trail, however fast frames come

export class Plane {
  #trails = new Map();
  #faces = [];

  constructor(canvas, layers, color) {
    this.canvas = canvas;
    this.layers = layers;
    this.color = color;
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  add(faces, now) {
    this.#faces = faces;
    const there = new Set(faces.map((face) => face.id));
    for (const id of this.#trails.keys()) if (!there.has(id)) this.#trails.delete(id);
    for (const { id, valence, arousal } of faces) {
      const trail = this.#trails.get(id) ?? [];
      trail.push({ valence, arousal, now });
      while (trail.length > MOST || now - trail[0].now > SECONDS) trail.shift();
      this.#trails.set(id, trail);
    }
    this.draw();
  }

  draw() {
    const begun = begin(this.canvas);
    if (!begun) return;
    const { context, width, height } = begun;
    const { line, faint, ink, panel } = colors();
    const radius = Math.min(width / 2 - 8, height / 2 - 20);
    const [cx, cy] = [width / 2, height / 2];
    context.lineWidth = 1;
    context.strokeStyle = line;
    context.beginPath();
    for (const part of [0.5, 1]) {
      context.moveTo(cx + part * radius, cy);
      context.arc(cx, cy, part * radius, 0, 2 * Math.PI);
    }
    context.moveTo(cx - radius, cy);
    context.lineTo(cx + radius, cy);
    context.moveTo(cx, cy - radius);
    context.lineTo(cx, cy + radius);
    context.stroke();
    context.font = font(12);
    context.textBaseline = "middle";
    const name = (text, x, y, align) => {
      context.textAlign = align;
      context.lineWidth = 4;
      context.strokeStyle = panel; // a margin around the letters, where the circle runs behind them
      context.strokeText(text, x, y);
      context.fillStyle = faint;
      context.fillText(text, x, y);
    };
    name("excited", cx, 9, "center");
    name("calm", cx, height - 9, "center");
    name("unpleasant", Math.max(cx - radius - 8, context.measureText("unpleasant").width), cy - 10, "right");
    name("pleasant", Math.min(cx + radius + 8, width - context.measureText("pleasant").width), cy - 10, "left");
    context.lineWidth = 1;
    const at = ({ valence, arousal }) => [cx + valence * radius, cy - arousal * radius];
    for (const face of this.#faces) {
      const color = this.color(face.emotion);
      const trail = this.#trails.get(face.id) ?? [];
      if (this.layers.has("trail")) way(context, trail, at, color, ink);
      const [x, y] = at(face);
      context.beginPath();
      context.arc(x, y, 10, 0, 2 * Math.PI);
      context.fillStyle = color;
      context.fill();
      context.lineWidth = 2;
      context.strokeStyle = panel;
      context.stroke();
      context.lineWidth = 1;
      context.strokeStyle = ink;
      context.stroke();
      context.fillStyle = "#14120f";
      context.textAlign = "center";
      context.font = font(12, 700);
      context.fillText(face.id, x, y + 0.5);
    }
  }
}

/** The older, the fainter. */
function way(context, trail, at, color, ink) {
  context.lineCap = "round";
  for (let i = 1; i < trail.length; i++) {
    context.beginPath();
    context.moveTo(...at(trail[i - 1]));
    context.lineTo(...at(trail[i]));
    context.globalAlpha = (0.1 + 0.9 * (i / trail.length)) * 0.45;
    context.strokeStyle = ink;
    context.lineWidth = 4;
    context.stroke();
    context.globalAlpha = 0.1 + 0.9 * (i / trail.length);
    context.strokeStyle = color;
    context.lineWidth = 2.5;
    context.stroke();
  }
  context.globalAlpha = 1;
}
