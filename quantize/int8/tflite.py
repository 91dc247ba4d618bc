"""int8 TFLite: int8 activations per tensor, int8 weights per channel, as XNNPACK and accelerators take them.

Google's LiteRT Quantizer writes the file; which range an activation gets is decided here, by the same code as for ONNX.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge.quiet import quiet
from quantize.export.tflite import name_tensors
from quantize.int8.keras_network import layer_name
from quantize.int8.ranges import Histogram, Range, histograms

#: Operators whose arithmetic must be int8.
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
#: Behind the last feature map: float, so that the answers are not rounded to steps of a tenth.
TAIL = ("MEAN", "FULLY_CONNECTED", "TANH", "OUTPUT")


class TfliteGraph:
    """A float TFLite file of a prepared network, ready to be observed and written as int8, several times over."""

    def __init__(self, float_file: bytes) -> None:
        """Take the content of a file made by TFLiteConverter from a prepared network."""
        self.content = float_file
        model = schema.Model.GetRootAs(float_file, 0)
        graph = model.Subgraphs(0)
        names = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
        self._computed = {graph.Tensors(int(graph.Inputs(0))).Name().decode()}
        self._before_weights: set[str] = set()
        for index in range(graph.OperatorsLength()):
            operator = graph.Operators(index)
            if names[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()] in WEIGHTED:
                self._before_weights = self._before_weights or set(self._computed)
            self._computed |= {
                graph.Tensors(int(operator.Outputs(place))).Name().decode() for place in range(operator.OutputsLength())
            }

    def observe(self, images: NDArray[np.uint8], batch: int = 16) -> dict[str, Histogram]:
        """Return the histogram of every float tensor that is not constant, by name."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        images = images[: max(batch, len(images) // batch * batch)]  # whole batches: resizing costs more than it gives
        batch = min(batch, len(images))
        with quiet():
            # The plain kernels: XNNPACK would keep the tensors between its operators to itself.
            interpreter = Interpreter(
                model_content=self.content,
                num_threads=1,
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            image = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(image["index"], (batch, *images.shape[1:]))
            interpreter.allocate_tensors()
        tensors = [
            (detail["index"], detail["name"])
            for detail in interpreter.get_tensor_details()
            if detail["dtype"] == np.float32 and detail["name"] in self._computed
        ]

        def batches() -> Iterator[dict[str, NDArray[np.float32]]]:
            for start in range(0, len(images), batch):
                interpreter.set_tensor(image["index"], images[start : start + batch].astype(image["dtype"]))
                interpreter.invoke()
                yield {name: interpreter.get_tensor(index) for index, name in tensors}

        return histograms(batches)

    def write(
        self, path: Path, ranges: dict[str, Range], float_layers: Sequence[str] = (), integer: bool = False
    ) -> None:
        """Write the int8 file.

        Args:
            path: the file to write.
            ranges: of every tensor, from :meth:`observe`.
            float_layers: convolutions that stay float, by the names of their torch modules.
            integer: int8 to the very end, input and outputs included; the network must take float32 pixels then.

        Raises:
            RuntimeError: a convolution that was to be int8 is not.
        """
        with quiet():
            from litert_quantizer import quantizer, recipe_manager

            recipe = recipe_manager.RecipeManager()
            everything = quantizer._TFLOpName.ALL_SUPPORTED
            recipe.add_static_config(regex=".*", operation_name=everything, activation_num_bits=8, weight_num_bits=8)
            keep = quantizer.AlgorithmName.NO_QUANTIZE
            for operator in () if integer else TAIL:
                recipe.add_quantization_config(".*", quantizer._TFLOpName(operator), None, keep)
            for name in float_layers:
                pattern = rf".*(^|[;/]){re.escape(layer_name(name))}/.*"
                recipe.add_quantization_config(pattern, everything, None, keep)
            written = quantizer.Quantizer(self.content, recipe.get_quantization_recipe()).quantize(
                {name: _ends(*self._pixels(name, ends)) for name, ends in ranges.items()}
            )
            content = name_tensors(bytes(written.quantized_model))
        path.write_bytes(content)
        kinds = weight_types(path)
        wanted = 0 if integer else 2
        left = sum(kind != "int8" for kind in kinds) - len(float_layers)
        if left != wanted:
            raise RuntimeError(
                f"{left - wanted} layers were left in float: weights are {', '.join(sorted(set(kinds)))}"
            )

    def _pixels(self, name: str, ends: Range) -> Range:
        """Pixels keep their own steps, whatever the calibration images held."""
        return (0.0, 255.0) if name in self._before_weights else ends


def weight_types(path: Path) -> list[str]:
    """Types of the weights of all convolutions and linear layers in a TFLite file, in the order of the graph."""
    names = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    codes = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    graph = model.Subgraphs(0)
    kinds = []
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        if codes[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()] in WEIGHTED:
            kinds.append(names[graph.Tensors(operator.Inputs(1)).Type()].lower())
    return kinds


def _ends(low: float, high: float) -> dict[str, Any]:
    return {"min": np.full((1, 1, 1, 1), low, np.float32), "max": np.full((1, 1, 1, 1), high, np.float32)}
