// The package @vladmandic/human. Its packages lie in the folder that EDGE_BENCH_MODULES names.
'use strict';
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const { serve } = require('./serving.cjs');

const modules = process.env.EDGE_BENCH_MODULES;

// It fetches its models, and Node's fetch knows no files.
const fetched = globalThis.fetch;
globalThis.fetch = async (address, options) => {
  const text = typeof address === 'string' ? address : address.url;
  return text.startsWith('file:') ? new Response(fs.readFileSync(new URL(text))) : fetched(address, options);
};

const off = { enabled: false };

class HumanAdapter {
  // src/gear/emotion.ts: of networks with one channel
  labels = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];

  async load() {
    const { Human } = require(path.join(modules, '@vladmandic/human/dist/human.node-wasm.js'));
    this.human = new Human({
      backend: 'wasm',
      modelBasePath: `${pathToFileURL(path.join(modules, '@vladmandic/human/models')).href}/`,
      wasmPath: `${path.join(modules, '@tensorflow/tfjs-backend-wasm/dist')}/`,
      cacheSensitivity: 0,
      debug: false,
      filter: off,
      gesture: off,
      body: off,
      hand: off,
      object: off,
      face: {
        detector: { maxDetected: 10, rotation: false },
        mesh: off,
        iris: off,
        description: off,
        emotion: { enabled: true, minConfidence: 0, skipFrames: 0, skipTime: 0 },
      },
    });
    await this.human.load();
  }

  async process(pixels, height, width) {
    const { tf } = this.human;
    const tensor = tf.tensor4d(pixels, [1, height, width, 3], 'int32');
    const result = await this.human.detect(tensor);
    tensor.dispose();
    if (result.error) throw new Error(result.error);
    return result.face.length;
  }

  async classify(pixels, height, width) {
    const { tf } = this.human;
    const scores = tf.tidy(() => {
      const image = tf.div(tf.tensor4d(pixels, [1, height, width, 3], 'float32'), 255);
      const resized = tf.image.resizeBilinear(image, [64, 64], false);
      const gray = tf.sum(tf.mul(resized, [0.2989, 0.587, 0.114]), 3, true); // src/tfjs/constants.ts
      return this.human.models.models.emotion.execute(tf.mul(tf.sub(gray, 0.5), 2));
    });
    const values = Array.from(await scores.data());
    scores.dispose();
    return values;
  }
}

serve(new HumanAdapter());
