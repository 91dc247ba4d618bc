// The web socket: messages in, wishes out, and back by itself after it broke.

const PATIENCE = 5000; // ms without a word before the connection counts as dead: the server speaks every second
const PAUSES = [1000, 2000, 4000, 8000];

export class Connection {
  #socket = null;
  #failures = 0;
  #timer = 0;
  #heard = 0;
  #picture = true;

  /** `onMessage(json, jpegBlobOrNull)` may return a promise; the server is told when it is done. */
  constructor(onMessage, onState) {
    this.onMessage = onMessage;
    this.onState = onState;
    setInterval(() => this.#watch(), 1000);
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#now();
      this.#ask();
    });
    this.#open();
  }

  /** Say whether pictures are wanted; a hidden page never wants them. */
  want(picture) {
    this.#picture = picture;
    this.#ask();
  }

  #open() {
    clearTimeout(this.#timer);
    const address = new URL("live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.search = "";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heard = performance.now();
    let line = Promise.resolve(); // one after the other, however long a picture takes to decode
    socket.onopen = () => this.#ask();
    socket.onmessage = ({ data }) => {
      this.#heard = performance.now();
      this.#failures = 0;
      const [content, jpeg] = unpack(data);
      line = line
        .then(() => this.onMessage(content, jpeg))
        .catch((error) => console.error(error))
        .then(() => {
          if (content.event && socket.readyState === WebSocket.OPEN) socket.send('{"got":1}');
        });
    };
    socket.onclose = () => this.#lost(socket);
    this.onState("opening", 0);
  }

  #lost(socket) {
    if (socket !== this.#socket) return;
    socket.onclose = socket.onmessage = null;
    this.#socket = null;
    const pause = PAUSES[Math.min(this.#failures++, PAUSES.length - 1)];
    this.onState("lost", pause / 1000);
    this.#timer = setTimeout(() => this.#open(), pause);
    // A token that was changed meanwhile: the server shows the form.
    fetch("health", { cache: "no-store" }).then(
      (answer) => answer.status === 401 && location.reload(),
      () => {},
    );
  }

  #watch() {
    const socket = this.#socket;
    if (!socket || performance.now() - this.#heard < PATIENCE) return;
    socket.close();
    this.#lost(socket); // of a dead network, the browser itself would tell minutes later
  }

  #now() {
    if (!this.#socket) this.#open();
  }

  #ask() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#socket.send(JSON.stringify({ picture: this.#picture && !document.hidden }));
  }
}

/** 4 bytes length (little endian), so much JSON, and the rest a JPEG. */
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const content = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const rest = buffer.byteLength - 4 - length;
  return [content, rest ? new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" }) : null];
}
