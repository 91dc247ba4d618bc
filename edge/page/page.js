// The page: what comes from the socket goes to its parts, what somebody presses goes to the server.

import { Connection } from "./connection.js";
import { fill, percent, say } from "./drawing.js";
import { facts, HealthPanel } from "./health.js";
import { Layers } from "./layers.js";
import { People } from "./people.js";
import { Picture } from "./picture.js";
import { Plane } from "./plane.js";

const QUIET = 3; // s without a frame before the page says so

const find = (selector) => document.querySelector(selector);
const seconds = () => performance.now() / 1000;

let palette = {};
let health = null;
let link = "opening";
let retry = 0;
let lastFrame = 0;
let lastEvent = null;
let clock = 0; // seconds that frames came: histories don't run on while the run is paused
let described = 0;
const color = (label) => palette[label] ?? "#bebebe";

const layers = new Layers(find("#toggles"), redraw);
const picture = new Picture(find("#picture"), layers, color);
const plane = new Plane(find("#plot"), layers, color);
const people = new People(find("#people"), layers, color);
const panel = new HealthPanel(find("#health"));
const connection = new Connection(take, (state, pause) => {
  link = state;
  retry = pause;
  tell();
});

async function take(message, jpeg) {
  link = "open";
  if (message.hello) greet(message.hello);
  if (message.colors) paint(message.colors);
  if (message.health) {
    if (health && message.health.uptime_s < health.uptime_s) people.clear();
    health = message.health;
    panel.show(health, message.browsers);
    say(find("#source"), health.source.name);
    figures();
    tell();
  }
  if (message.event) {
    await picture.show(message, jpeg);
    const now = seconds();
    clock += Math.min(now - lastFrame, 1);
    lastFrame = now;
    lastEvent = message.event;
    find("#empty").hidden = true;
    plane.add(lastEvent.faces, clock);
    people.add(lastEvent.faces, clock);
    figures();
    describe(lastEvent.faces);
  }
}

function greet(hello) {
  layers.offer(hello.layers, hello.shown);
  find("#controls").hidden = !hello.controls;
}

function paint(colors) {
  palette = colors;
  const entries = Object.entries(colors);
  const rows = fill(find("#legend"), entries.length, () => {
    const row = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    row.append(swatch, document.createElement("span"));
    return row;
  });
  entries.forEach(([label, value], index) => {
    rows[index].children[0].style.background = value;
    say(rows[index].children[1], label);
  });
}

function redraw() {
  connection?.want(layers.has("picture"));
  picture.draw();
  plane.draw();
  people.draw(clock, true);
}

function figures() {
  const event = lastEvent;
  if (!event) return;
  const { total, latency } = event.timings_ms;
  const pairs = [
    [event.faces.length === 1 ? "face" : "faces", String(event.faces.length)],
    ["FPS", (health?.fps.processed ?? 0).toFixed(1)],
    ["ms a frame", (total ?? 0).toFixed(1)],
  ];
  if (latency != null) pairs.push(["ms behind the camera", latency.toFixed(0)]);
  if (health?.source.dropped) pairs.push(["dropped", health.source.dropped.toLocaleString("en")]);
  facts(find("#stats"), pairs);
}

/** Say in words what the picture shows, for who can't see it; not more often than one can listen. */
function describe(faces) {
  if (seconds() - described < 2) return;
  described = seconds();
  const who = faces.map((face) => `${face.id}: ${face.emotion}, ${percent(face.probabilities[face.emotion])}`);
  find("#picture").setAttribute("aria-label", who.length ? `Live picture. ${who.join("; ")}` : "Live picture, nobody in view");
}

/** The state in a word, and where something is wrong, in a sentence. */
function tell() {
  const quiet = lastFrame && seconds() - lastFrame > QUIET;
  let [kind, word, sentence] = ["good", "live", ""];
  if (link === "lost") {
    [kind, word, sentence] = ["bad", "no connection", `The connection to edge-run is lost. Trying again in ${retry} s.`];
  } else if (link === "opening" || !health) {
    [kind, word] = ["wait", "connecting"];
  } else if (health.source.state !== "ok") {
    [kind, word, sentence] = ["bad", "source lost", `${health.source.name}: ${health.source.state}`];
  } else if (health.paused) {
    [kind, word] = ["wait", "paused"];
  } else if (quiet) {
    [kind, word] = ["wait", "waiting"];
    sentence = `No new frame for ${Math.round(seconds() - lastFrame)} s.`;
  }
  const state = find("#state");
  state.dataset.kind = kind;
  say(state, word);
  if (link !== "opening") {
    // while a connection is tried again, what was said last still holds
    find("#notice").hidden = !sentence;
    find("#notice").dataset.kind = kind;
    say(find("#notice"), sentence);
  }
  document.body.classList.toggle("stale", kind === "bad");
  say(find("#pause"), health?.paused ? "Resume" : "Pause");
  say(find("#empty"), health?.paused ? "Paused. Step shows one frame." : "Waiting for the first picture");
}

async function control(wish) {
  const answer = await fetch(`controls/${wish}`, { method: "POST" }).catch(() => null);
  if (!answer?.ok || !health) return;
  health.paused = (await answer.json()).paused;
  tell();
}

find("#pause").addEventListener("click", () => control(health?.paused ? "resume" : "pause"));
find("#step").addEventListener("click", () => control("step"));
find("#layers").open = matchMedia("(min-width: 941px)").matches;

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const onButton = event.target.closest?.("button, summary");
  const controls = !find("#controls").hidden;
  if (event.key === " " && controls && !onButton) control(health?.paused ? "resume" : "pause");
  else if (event.key === "n" && controls) control("step");
  else if (!layers.press(event.key)) return;
  event.preventDefault();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => requestAnimationFrame(redraw));
