// How the run is doing, as the server tells every second.

import { fill, say } from "./drawing.js";

export class HealthPanel {
  constructor(root) {
    this.root = root;
  }

  show(health, browsers) {
    const { fps, source } = health;
    facts(this.root.querySelector("#rates"), [
      ["captured", fps.captured.toFixed(1)],
      ["processed", fps.processed.toFixed(1)],
      ["dropped", fps.dropped.toFixed(1)],
    ]);
    this.#timings(health.timings_ms);
    facts(this.root.querySelector("#run"), [
      ["source", `${source.name}${source.live ? " (live)" : ""}`],
      ["state", source.state],
      ["reconnected", times(source.reconnects)],
      ["model", health.model || "–"],
      ["detector", health.detector || "–"],
      ["temperature", health.temperature_c == null ? "not told" : `${health.temperature_c.toFixed(1)} °C`],
      ...(health.undervoltage ? [["power supply", "too weak"]] : []),
      ["up for", duration(health.uptime_s)],
      ["frames", `${health.processed.toLocaleString("en")} read, ${source.dropped.toLocaleString("en")} dropped`],
      ["watched by", `${browsers} browser${browsers === 1 ? "" : "s"}`],
    ]);
    this.#sinks(Object.entries(health.sinks));
    const adapted = this.root.querySelector("#adapted");
    adapted.hidden = !health.adapted;
    say(adapted, health.adapted);
  }

  #timings(timings) {
    const stages = Object.entries(timings);
    const longest = Math.max(1, ...stages.map(([, value]) => value));
    const rows = fill(this.root.querySelector("#timings tbody"), stages.length, () => {
      const row = document.createElement("tr");
      row.innerHTML = '<th scope="row"></th><td><div class="bar"><i></i></div></td><td></td>';
      return row;
    });
    stages.forEach(([name, value], index) => {
      const [title, bar, number] = rows[index].children;
      say(title, name);
      bar.firstChild.firstChild.style.transform = `scaleX(${(value / longest).toFixed(3)})`;
      say(number, value < 10 ? value.toFixed(2) : value.toFixed(1));
    });
  }

  #sinks(sinks) {
    const rows = fill(this.root.querySelector("#sinks"), sinks.length, () => {
      const row = document.createElement("li");
      row.innerHTML = '<span class="state"></span><span class="detail"></span>';
      return row;
    });
    sinks.forEach(([name, { state, written, dropped, restarts }], index) => {
      const [title, detail] = rows[index].children;
      title.dataset.kind = state === "ok" ? "good" : "bad";
      say(title, state === "ok" ? name : `${name}: ${state}`);
      const parts = [`${written.toLocaleString("en")} taken`];
      if (dropped) parts.push(`${dropped.toLocaleString("en")} dropped`);
      if (restarts) parts.push(`opened again ${times(restarts)}`);
      say(detail, parts.join(", "));
    });
  }
}

/** Fill a list of terms and values. */
export function facts(list, pairs) {
  const grouped = list.classList.contains("figures");
  const make = () => {
    const group = document.createElement("div");
    group.append(document.createElement("dt"), document.createElement("dd"));
    return group;
  };
  if (grouped) {
    const groups = fill(list, pairs.length, make);
    pairs.forEach(([term, value, alarm], index) => {
      say(groups[index].children[0], term);
      say(groups[index].children[1], value);
      groups[index].classList.toggle("alarm", Boolean(alarm));
    });
    return;
  }
  while (list.children.length > 2 * pairs.length) list.lastChild.remove();
  while (list.children.length < 2 * pairs.length) list.append(document.createElement("dt"), document.createElement("dd"));
  pairs.forEach(([term, value], index) => {
    say(list.children[2 * index], term);
    say(list.children[2 * index + 1], value);
  });
}

const times = (count) => (count === 0 ? "never" : count === 1 ? "once" : `${count} times`);

function duration(seconds) {
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min ${Math.floor(seconds) % 60} s` : `${Math.floor(seconds)} s`;
}
