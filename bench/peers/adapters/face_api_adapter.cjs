// The package @vladmandic/face-api. Its packages lie in the folder that EDGE_BENCH_MODULES names.
'use strict';
const path = require('path');
const { serve } = require('./serving.cjs');

const modules = process.env.EDGE_BENCH_MODULES;
const taken = (name) => require(path.join(modules, name));

class FaceApiAdapter {
  labels = ['neutral', 'happy', 'sad', 'angry', 'fearful', 'disgusted', 'surprised'];

  async load({ detector }) {
    taken('@tensorflow/tfjs-backend-wasm').setWasmPaths(`${path.join(modules, '@tensorflow/tfjs-backend-wasm/dist')}/`);
    this.tf = taken('@tensorflow/tfjs');
    await this.tf.setBackend('wasm');
    await this.tf.ready();
    this.api = taken('@vladmandic/face-api/dist/face-api.node-wasm.js');
    const { nets } = this.api;
    const model = path.join(modules, '@vladmandic/face-api/model');
    await (detector === 'tiny' ? nets.tinyFaceDetector : nets.ssdMobilenetv1).loadFromDisk(model);
    await nets.faceExpressionNet.loadFromDisk(model);
    this.options = detector === 'tiny' ? new this.api.TinyFaceDetectorOptions() : new this.api.SsdMobilenetv1Options();
    if (String(this.labels) !== String(this.api.FACE_EXPRESSION_LABELS)) throw new Error('other labels than expected');
  }

  async process(pixels, height, width) {
    const tensor = this.tf.tensor3d(pixels, [height, width, 3], 'int32');
    const found = await this.api.detectAllFaces(tensor, this.options).withFaceExpressions();
    tensor.dispose();
    return found.length;
  }

  async classify(pixels, height, width) {
    const tensor = this.tf.tensor3d(pixels, [height, width, 3], 'int32');
    const scores = await this.api.nets.faceExpressionNet.predictExpressions(tensor);
    tensor.dispose();
    return this.labels.map((label) => scores[label]);
  }
}

serve(new FaceApiAdapter());
