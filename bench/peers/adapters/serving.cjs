// The worker's side of the conversation with bench.peers.process, for peers in Node; see serving.py.
'use strict';
const fs = require('fs');
const readline = require('readline');

const reply = (object) => fs.writeSync(1, `${JSON.stringify(object)}\n`);
console.log = console.error;
console.info = console.error;

/** Pictures of one size in an .npy file, read one at a time; BGR in the file, RGB as Node's packages take it. */
class Pictures {
  constructor(path) {
    this.file = fs.openSync(path, 'r');
    const head = Buffer.alloc(512);
    fs.readSync(this.file, head, 0, 512, 0);
    this.offset = 10 + head.readUInt16LE(8); // version 1 of the format: magic, version, length, header
    const shape = /'shape': \(([^)]*)\)/.exec(head.toString('latin1'))[1];
    [this.length, this.height, this.width] = shape.split(',').map(Number);
  }

  /** Return the pixels of a picture, RGB. */
  at(index) {
    const size = this.height * this.width * 3;
    const pixels = Buffer.alloc(size);
    fs.readSync(this.file, pixels, 0, size, this.offset + index * size);
    for (let i = 0; i < size; i += 3) [pixels[i], pixels[i + 2]] = [pixels[i + 2], pixels[i]];
    return new Uint8Array(pixels.buffer, pixels.byteOffset, size);
  }
}

/** Return the largest resident memory so far in MB; null where the kernel does not tell. */
function peakMb() {
  try {
    return (Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]) * 1024) / 1e6;
  } catch {
    return null;
  }
}

class Worker {
  constructor(adapter) {
    this.adapter = adapter;
    this.next = 0;
  }

  async load({ options, frames }) {
    this.pictures = new Pictures(frames);
    const { height, width } = this.pictures;
    const first = this.pictures.at(0);
    const base = peakMb();
    const start = performance.now();
    await this.adapter.load(options);
    const loaded = performance.now();
    await this.adapter.process(first, height, width);
    return {
      labels: this.adapter.labels, load_ms: loaded - start, first_ms: performance.now() - loaded, base_mb: base,
    };
  }

  async frames({ count, seconds }) {
    const times = [];
    const faces = [];
    let [cpu, sum] = [0, 0];
    const { height, width, length } = this.pictures;
    while (times.length < count || sum < seconds) {
      const pixels = this.pictures.at(this.next % length);
      this.next += 1;
      const before = process.cpuUsage();
      const start = performance.now();
      faces.push(await this.adapter.process(pixels, height, width));
      const took = (performance.now() - start) / 1e3;
      const used = process.cpuUsage(before);
      cpu += (used.user + used.system) / 1e6;
      times.push(took);
      sum += took;
    }
    return { times, faces, cpu, peak_mb: peakMb() };
  }

  async rewind() {
    this.next = 0;
    return {};
  }

  async faces({ path, begin, end }) {
    const pictures = new Pictures(path);
    const scores = [];
    for (let index = begin; index < Math.min(end, pictures.length); index += 1) {
      scores.push(await this.adapter.classify(pictures.at(index), pictures.height, pictures.width));
    }
    fs.closeSync(pictures.file);
    return { scores };
  }
}

/** Answer requests until standard input ends. */
async function serve(adapter) {
  const worker = new Worker(adapter);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    try {
      reply(await worker[request.do](request));
    } catch (error) {
      console.error(error);
      reply({ error: `${error.name}: ${String(error.message).split('\n')[0]}` });
    }
  }
  process.exit(0); // engines keep timers
}

module.exports = { serve };
