// A card for each person: what the network reads now, and the last minute of it.

import { begin, colors, fill, font, percent, say, signed } from "./drawing.js";

const SECONDS = 60;
const EVERY = 0.25; // s between two points of a history
const LEAVE = 8; // s after which the card of somebody who left goes too
const MOST = 8; // cards

export class People {
  #people = new Map();
  #there = 0;
  #drawn = 0;

  constructor(root, layers, color) {
    this.cards = root.querySelector("#cards");
    this.nobody = root.querySelector("#nobody");
    this.count = root.querySelector("#count");
    this.more = root.querySelector("#more");
    this.template = document.querySelector("#card");
    this.layers = layers;
    this.color = color;
  }

  /** Forget everybody: another run began, whose ids are other people's. */
  clear() {
    this.#people.clear();
    this.#there = 0;
    this.cards.replaceChildren();
  }

  /** Take in the faces of a frame; `now` in seconds of a clock that stands still while no frames come. */
  add(faces, now) {
    this.#there = faces.length;
    for (const face of faces) {
      const person = this.#people.get(face.id) ?? { history: [], card: null };
      person.face = face;
      person.seen = now;
      const last = person.history.at(-1);
      if (!last || now - last.now >= EVERY) {
        const { emotion, valence, arousal } = face;
        person.history.push({ now, emotion, valence, arousal });
        while (now - person.history[0].now > SECONDS + 1) person.history.shift();
      }
      this.#people.set(face.id, person);
    }
    this.draw(now);
  }

  /** Bring cards up to date, at most ten times a second unless it has to be at once. */
  draw(now, atOnce = false) {
    if (!atOnce && now - this.#drawn < 0.1) return;
    this.#drawn = now;
    for (const [id, person] of this.#people) {
      if (now - person.seen <= LEAVE) continue;
      person.card?.remove();
      this.#people.delete(id);
    }
    const people = [...this.#people].sort(([a, p], [b, q]) => (now - p.seen > 1) - (now - q.seen > 1) || a - b);
    people.slice(MOST).forEach(([, person]) => {
      person.card?.remove();
      person.card = null;
    });
    const shown = people.slice(0, MOST);
    shown.forEach(([, person], index) => {
      person.card ??= this.template.content.firstElementChild.cloneNode(true);
      if (this.cards.children[index] !== person.card) this.cards.insertBefore(person.card, this.cards.children[index] ?? null);
      this.#card(person, now);
    });
    say(this.count, this.#there ? `· ${this.#there}` : "");
    this.nobody.hidden = this.#there > 0;
    this.more.hidden = people.length <= MOST;
    say(this.more, `and ${people.length - MOST} more`);
  }

  #card({ card, face, history, seen }, now) {
    const away = now - seen;
    card.classList.toggle("gone", away > 1);
    const swatch = card.querySelector(".swatch");
    swatch.style.background = this.color(face.emotion);
    say(swatch, String(face.id));
    say(card.querySelector(".name"), away > 1 ? `${face.emotion}, left ${Math.round(away)} s ago` : face.emotion);
    say(card.querySelector(".share"), percent(face.probabilities[face.emotion]));
    const bars = card.querySelector(".bars");
    bars.classList.toggle("off", !this.layers.has("bars"));
    const entries = Object.entries(face.probabilities);
    const rows = fill(bars, entries.length, bar);
    entries.forEach(([label, value], index) => {
      const [name, track, number] = rows[index].children;
      say(name, label);
      track.firstChild.style.background = this.color(label);
      track.firstChild.style.transform = `scaleX(${value.toFixed(3)})`;
      say(number, String(Math.round(100 * value)));
    });
    const canvas = card.querySelector(".history");
    canvas.setAttribute("aria-label", `Last minute: valence now ${signed(face.valence)}, arousal ${signed(face.arousal)}`);
    this.#history(canvas, history, face, now);
  }

  /** A strip of emotions, with their names where they last, above the lines of valence and arousal. */
  #history(canvas, history, face, now) {
    const begun = begin(canvas);
    if (!begun) return;
    const { context, width, height } = begun;
    const { line, faint, ink, accent, edge, well } = colors();
    const right = width - 62; // the lines' names and values stand there
    const at = (moment) => right * (1 - (now - moment) / SECONDS);
    context.fillStyle = well;
    context.fillRect(0, 0, right, 18);
    context.font = font(11, 600);
    context.textBaseline = "middle";
    context.textAlign = "left";
    for (const [from, to, emotion] of runs(history)) {
      const x = Math.max(0, at(from));
      const end = Math.min(right, at(to));
      if (end <= x) continue;
      context.fillStyle = this.color(emotion);
      context.fillRect(x, 0, end - x, 18);
      context.strokeStyle = edge;
      context.lineWidth = 1;
      context.strokeRect(x + 0.5, 0.5, Math.max(0, end - x - 1), 17);
      context.fillStyle = "#14120f";
      const text = [emotion, emotion.slice(0, 3), emotion[0]].find((t) => context.measureText(t).width + 6 <= end - x);
      if (text) context.fillText(text, x + 4, 9.5);
    }
    const top = 24;
    const low = height - 14;
    const middle = (top + low) / 2;
    const level = (value) => middle - (value * (low - top)) / 2;
    context.strokeStyle = line;
    context.beginPath();
    for (const y of [top, middle, low]) {
      context.moveTo(0, Math.round(y) + 0.5);
      context.lineTo(right, Math.round(y) + 0.5);
    }
    context.stroke();
    for (const [key, style, dashes] of [["valence", accent, []], ["arousal", ink, [4, 3]]]) {
      context.strokeStyle = style;
      context.lineWidth = 1.75;
      context.setLineDash(dashes);
      context.beginPath();
      history.forEach((point, index) => {
        const gap = index === 0 || point.now - history[index - 1].now > 1.5;
        context[gap ? "moveTo" : "lineTo"](Math.max(0, at(point.now)), level(point[key]));
      });
      context.stroke();
    }
    context.setLineDash([]);
    context.font = font(11);
    context.fillStyle = faint;
    context.fillText("60 s ago", 0, height - 5);
    key(context, right / 2, height - 5, accent, ink, faint);
    context.textAlign = "right";
    context.fillText("now", right, height - 5);
    context.textAlign = "left";
    this.#names(context, right + 6, [
      ["V", face.valence, accent, [], level(face.valence)],
      ["A", face.arousal, ink, [4, 3], level(face.arousal)],
    ], top, low);
  }

  /** Name both lines at their ends, apart from each other. */
  #names(context, x, names, top, low) {
    names.sort((a, b) => a[4] - b[4]);
    let [first, second] = [Math.max(names[0][4], top + 4), Math.min(names[1][4], low - 4)];
    const lack = 14 - (second - first);
    if (lack > 0) [first, second] = [first - lack / 2, second + lack / 2];
    context.font = font(12, 600);
    names.forEach(([name, value, style], index) => {
      context.fillStyle = style;
      context.fillText(`${name} ${signed(value)}`, x, index ? second : first);
    });
  }
}

/** Say which line is which. */
function key(context, middle, y, accent, ink, faint) {
  for (const [x, text, style, dashes] of [[middle - 72, "valence", accent, []], [middle + 10, "arousal", ink, [4, 3]]]) {
    context.strokeStyle = style;
    context.setLineDash(dashes);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + 18, y);
    context.stroke();
    context.fillStyle = faint;
    context.fillText(text, x + 23, y);
  }
  context.setLineDash([]);
}

function bar() {
  const row = document.createElement("li");
  for (const name of ["label", "bar", "value"]) {
    const part = document.createElement("span");
    part.className = name;
    if (name === "bar") part.append(document.createElement("i"));
    row.append(part);
  }
  return row;
}

/** Stretches of the same emotion: `[from, to, emotion]`. */
function runs(history) {
  const found = [];
  for (const { now, emotion } of history) {
    const last = found.at(-1);
    const joins = last && now - last[1] <= 1.5;
    if (joins) last[1] = now;
    if (!joins || last[2] !== emotion) found.push([now, now + 0.25, emotion]);
  }
  return found;
}
