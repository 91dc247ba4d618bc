"""What all int8 files of one run share: prepared networks, float graphs and histograms, each made once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Config
from edge.engines.network import EmotionNetwork
from quantize.export.onnx import export_graph
from quantize.int8.bias import correct_biases
from quantize.int8.equalization import equalize
from quantize.int8.onnx import OnnxGraph
from quantize.int8.prepared import PreparedNetwork
from quantize.int8.ranges import Histogram, Range, choose_all
from quantize.int8.recipe import Recipe
from quantize.int8.simulation import observe
from quantize.int8.tflite import TfliteGraph
from quantize.int8.tuning import tune

Kind = Literal["onnx", "tflite", "integer"]

#: Of the weights. ONNX Runtime on x86 without VNNI is only right with 7; TFLite's kernels widen before they multiply.
BITS: dict[str, int] = {"onnx": 7, "tflite": 8, "integer": 8}


class Int8Bench:
    """Makes int8 files of one network."""

    def __init__(
        self,
        network: EmotionNetwork | None,
        config: Config,
        calibration: NDArray[np.uint8],
        folder: Path,
        tuning: Callable[[], NDArray[np.uint8]] | None = None,
        say: Callable[[str], None] = lambda line: None,
        float_onnx: Path | None = None,
    ) -> None:
        """Take what is needed; nothing is computed yet.

        Args:
            network: the float network; None where only ``float_onnx`` is known.
            config: of the bundle.
            calibration: uint8 ``[N, S, S, 3]``.
            folder: for intermediate files.
            tuning: reads training images, for recipes that fine-tune.
            say: told about fine-tuning, which takes minutes.
            float_onnx: the network as float ONNX, where that is all there is.
        """
        self.config = config
        self.calibration = calibration
        self._network = network
        self._float_onnx = float_onnx
        self._folder = folder
        self._tuning = tuning
        self._say = say
        self._networks: dict[tuple[Recipe, int], PreparedNetwork] = {}
        self._histograms: dict[int, dict[str, Histogram]] = {}
        self._graphs: dict[tuple[int, Kind], tuple[OnnxGraph | TfliteGraph, dict[str, Histogram]]] = {}

    @cached_property
    def prepared(self) -> PreparedNetwork:
        """The float network, prepared."""
        assert self._network is not None
        return PreparedNetwork(self._network)

    @property
    def inside(self) -> bool:
        """Whether the network's layers are known, not only its ONNX file."""
        return self._network is not None

    def possible(self, recipe: Recipe) -> Recipe:
        """Return what can be done of a recipe: of a bare ONNX file, only ranges can be chosen."""
        if self.inside:
            return dataclasses.replace(recipe, equalize=recipe.equalize and self.equalized is not self.prepared)
        return Recipe(ranges=recipe.ranges)

    @cached_property
    def equalized(self) -> PreparedNetwork:
        """The same equalized, or as it was where nothing can be."""
        return equalize(self.prepared, self.calibration) or self.prepared

    def network(self, recipe: Recipe, bits: int) -> PreparedNetwork:
        """The float network whose rounding a recipe wants."""
        key = (recipe, bits)
        if not recipe.correct and not recipe.tuned_steps:
            return self.equalized if recipe.equalize else self.prepared
        if key not in self._networks:
            self._networks[key] = self._made(recipe, bits)
        return self._networks[key]

    def ranges(self, recipe: Recipe, bits: int) -> dict[str, Range]:
        """Activation ranges of a recipe's network by the points of :mod:`quantize.int8.simulation`."""
        return choose_all(recipe.ranges, self.observed(self.network(recipe, bits)))

    def observed(self, network: PreparedNetwork) -> dict[str, Histogram]:
        """Histograms of a network's activations, by point."""
        if id(network) not in self._histograms:
            self._histograms[id(network)] = observe(network, self.calibration)
        return self._histograms[id(network)]

    def write(self, kind: Kind, recipe: Recipe, path: Path) -> bool:
        """Write the int8 file of a recipe; return whether every processor computes the same integers with it."""
        network = self.network(recipe, BITS[kind]) if self.inside else None
        graph, histograms = self._graph(network, kind)
        ranges = choose_all(recipe.ranges, histograms)
        if isinstance(graph, OnnxGraph):
            return graph.write(path, ranges, self.config, recipe.float_layers)
        graph.write(path, ranges, recipe.float_layers, integer=kind == "integer")
        return not recipe.float_layers

    def _made(self, recipe: Recipe, bits: int) -> PreparedNetwork:
        network = self.equalized if recipe.equalize else self.prepared
        if recipe.correct:
            ranges = choose_all(recipe.ranges, self.observed(network))
            network = correct_biases(network, ranges, bits, self.calibration, recipe.float_layers)
        if recipe.tuned_steps:
            assert self._tuning is not None
            ranges = choose_all(recipe.ranges, self.observed(network))
            images = self._tuning()
            network = tune(
                network,
                ranges,
                bits,
                images,
                recipe.tuned_steps,
                say=self._say,
                teacher=self.prepared,
                float_layers=recipe.float_layers,
            )
        return network

    def _graph(
        self, network: PreparedNetwork | None, kind: Kind
    ) -> tuple[OnnxGraph | TfliteGraph, dict[str, Histogram]]:
        key = (id(network), kind)
        if key not in self._graphs:
            graph: OnnxGraph | TfliteGraph
            size = self.config.input.size
            if network is None:
                assert self._float_onnx is not None
                graph = OnnxGraph(self._float_onnx, self._folder)
            elif kind == "onnx":
                path = self._folder / f"prepared_{len(self._graphs)}.onnx"
                export_graph(network, path, size)
                graph = OnnxGraph(path, self._folder)
            else:
                from quantize.export.tflite import convert
                from quantize.int8.keras_network import build_prepared

                pixels: Literal["uint8", "float32"] = "float32" if kind == "integer" else "uint8"
                graph = TfliteGraph(convert(build_prepared(network, size, pixels)))
            self._graphs[key] = graph, graph.observe(self.calibration)
        return self._graphs[key]
