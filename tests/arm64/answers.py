"""Run model files on images, one at a time, and write all that comes out: the program that runs on every machine.

    python answers.py IMAGES.npy FOLDER FILE...

It imports nothing of this project: numpy and the two runtimes alone, used as plainly as can be. ``FOLDER/FILE.npz``
gets the outputs of ``FILE`` by name, floats and int8 alike. Of TFLite files it also gets each int8 tensor that becomes
float: where all are kept (``experimental_preserve_all_tensors``), XNNPACK still computes them, operator by operator.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np


def onnx_answers(file: str, images: Any) -> dict[str, Any]:
    """Outputs by name, ``[N, ...]`` each."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    rows = [session.run(None, {source.name: images[i : i + 1]}) for i in range(len(images))]
    names = [output.name for output in session.get_outputs()]
    return {name: np.concatenate(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def tflite_answers(file: str, images: Any) -> dict[str, Any]:
    """Outputs and the int8 tensors that become float, by name and index, ``[N, ...]`` each."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=file, num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    (source,) = interpreter.get_input_details()
    details = {each["index"]: each for each in interpreter.get_tensor_details()}
    kept = [output["index"] for output in interpreter.get_output_details()]
    for operator in interpreter._get_ops_details():
        if operator["op_name"] == "DEQUANTIZE":
            kept += [int(index) for index in operator["inputs"] if details[int(index)]["dtype"] == np.int8]
    kept = sorted(set(kept))
    # An integer file takes int8; what it is given are the same pixels, moved.
    given = images if source["dtype"] == np.uint8 else (images.astype(np.int16) - 128).astype(np.int8)
    rows = []
    for i in range(len(images)):
        interpreter.set_tensor(source["index"], given[i : i + 1])
        interpreter.invoke()
        rows.append([np.array(interpreter.get_tensor(index)) for index in kept])
    columns = zip(*rows, strict=True)
    return {f"{details[k]['name']}:{k}": np.stack(column) for k, column in zip(kept, columns, strict=True)}


def main() -> None:
    """Read the command line, run each file, write its answers."""
    images, folder = np.load(sys.argv[1]), Path(sys.argv[2])
    for file in sys.argv[3:]:
        run = onnx_answers if file.endswith(".onnx") else tflite_answers
        np.savez(folder / (Path(file).name + ".npz"), **run(file, images))


if __name__ == "__main__":
    main()
