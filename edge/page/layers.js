// Which layers are shown: one button each, remembered in this browser.

const KEY = "edge-run layers";

/** Shown on this page only, beside the layers that window and video have too. */
const OWN = {
  picture: { about: "the camera's picture; without it only readings are sent", key: "i" },
  mirror: { about: "the picture as a mirror shows it", key: "x" },
};

export class Layers {
  #shown = new Set();
  #names = {};

  constructor(group, onChange) {
    this.group = group;
    this.onChange = onChange;
  }

  /** Make the buttons of what the server offers; `shown` holds until somebody chose otherwise. */
  offer(layers, shown) {
    this.#names = { picture: OWN.picture, ...layers, mirror: OWN.mirror };
    const chosen = remembered();
    const usual = new Set([...shown, "picture"]);
    this.#shown = new Set(Object.keys(this.#names).filter((name) => chosen[name] ?? usual.has(name)));
    this.group.replaceChildren(
      ...Object.entries(this.#names).map(([name, { about, key }]) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = name;
        button.dataset.name = name;
        button.title = `${about} (${key})`;
        button.setAttribute("aria-keyshortcuts", key);
        button.addEventListener("click", () => this.toggle(name));
        return button;
      }),
    );
    this.#apply();
  }

  has(name) {
    return this.#shown.has(name);
  }

  toggle(name) {
    if (!this.#shown.delete(name)) this.#shown.add(name);
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...remembered(), [name]: this.has(name) }));
    } catch {
      // private windows may refuse to remember
    }
    this.#apply();
  }

  /** Toggle the layer of a key; false where the key has none. */
  press(key) {
    const name = Object.keys(this.#names).find((other) => this.#names[other].key === key);
    if (name) this.toggle(name);
    return Boolean(name);
  }

  #apply() {
    for (const button of this.group.children) button.setAttribute("aria-pressed", this.has(button.dataset.name));
    for (const name of Object.keys(this.#names)) {
      document.body.classList.toggle(`no-${name}`, !this.has(name));
      for (const part of document.querySelectorAll(`[data-layer="${name}"]`)) part.classList.toggle("off", !this.has(name));
    }
    this.onChange();
  }
}

function remembered() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}
