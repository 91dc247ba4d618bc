"""Writing the file of each format; what several formats need is made once."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.bundle import Config, Quantization
from edge.engines.network import EmotionNetwork
from edge.errors import EdgeError
from edge.verify import FLOAT_LIMIT
from quantize.images import Images
from quantize.int8.recipe import RECIPES, Recipe, RecipeName
from quantize.parity import Reference, run_all
from quantize.record import Trial
from quantize.source import Source

if TYPE_CHECKING:
    from quantize.int8.bench import Int8Bench, Kind
    from quantize.int8.search import Goal

#: How far an int8 file's answers may be from its own on another processor: what float heads add to equal integers.
FLOAT_TAIL = 1e-5


@dataclasses.dataclass(frozen=True)
class Made:
    """What is to be known of a file that was written.

    Attributes:
        quantization: how int8 was made; None for float files.
        recipe: of an int8 file.
        tolerance: see :class:`edge.bundle.File`.
        trials: what the search tried.
    """

    quantization: Quantization | None = None
    recipe: Recipe | None = None
    tolerance: float | None = None
    trials: tuple[Trial, ...] = ()


@dataclasses.dataclass(frozen=True)
class Options:
    """How int8 is made.

    Attributes:
        recipe: its name.
        goal: for ``best``.
        tuned_steps: of quantization-aware fine-tuning; 0: none.
    """

    recipe: RecipeName
    goal: Goal
    tuned_steps: int = 0


class Workbench:
    """What the exporters share."""

    def __init__(
        self,
        source: Source,
        images: Images,
        options: Options,
        folder: Path,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Take what is needed; nothing is computed yet. ``folder`` is for files, finished and intermediate."""
        self.source = source
        self.config: Config = source.bundle.config
        self.images = images
        self.options = options
        self.folder = folder
        self.say = say

    @property
    def network(self) -> EmotionNetwork:
        """The network; formats that need it are refused where there is none."""
        assert self.source.network is not None
        return self.source.network

    @cached_property
    def float_onnx(self) -> Path:
        """The float ONNX file."""
        if self.source.network is None:
            return self.source.path
        from quantize.export.onnx import export_onnx

        path = self.folder / "float.onnx"
        export_onnx(self.network, path, self.config)
        return path

    @cached_property
    def keras_model(self) -> Any:
        """The network rebuilt in Keras."""
        from quantize.export.keras import build_keras

        return build_keras(self.network, self.config.input.size)

    @cached_property
    def float_tflite(self) -> bytes:
        """The float TFLite file's content."""
        from quantize.export.tflite import convert

        return convert(self.keras_model)

    @cached_property
    def int8(self) -> Int8Bench:
        """Makes int8 files."""
        from quantize.int8.bench import Int8Bench

        float_onnx = self.float_onnx if self.source.network is None else None
        return Int8Bench(
            self.source.network,
            self.config,
            self.images.calibration,
            self.folder,
            self.images.tuning,
            self.say,
            float_onnx,
        )

    @cached_property
    def search_reference(self) -> Reference | None:
        """What the checkpoint says about the images that recipes are chosen by; None without labels."""
        if self.images.search is None:
            return None
        pictures, truth = self.images.search()
        answers = run_all(self.source.run, pictures)
        return Reference(pictures, *answers, "training images", truth, self.config.labels)


def _torchscript(bench: Workbench, path: Path) -> Made:
    from quantize.export.torchscript import export_torchscript

    export_torchscript(bench.network, path, bench.config.input.size)
    return Made(tolerance=FLOAT_LIMIT)


def _onnx(bench: Workbench, path: Path) -> Made:
    shutil.copyfile(bench.float_onnx, path)
    return Made(tolerance=FLOAT_LIMIT)


def _keras(bench: Workbench, path: Path) -> Made:
    from quantize.export.keras import export_keras

    export_keras(bench.keras_model, path)
    return Made(tolerance=FLOAT_LIMIT)


def _tflite(bench: Workbench, path: Path) -> Made:
    path.write_bytes(bench.float_tflite)
    return Made(tolerance=FLOAT_LIMIT)


def _float16_tflite(bench: Workbench, path: Path) -> Made:
    from quantize.export.tflite import export_float16

    export_float16(bench.float_tflite, path)
    return Made(tolerance=FLOAT_LIMIT)


def _dynamic_tflite(bench: Workbench, path: Path) -> Made:
    from quantize.export.tflite import export_dynamic

    export_dynamic(bench.float_tflite, path)
    # Activations are rounded at run time, from float values that differ in the last bit between processors.
    return Made(Quantization(recipe="dynamic", ranges=None, data=None, images=0, weight_bits=8))


def _int8_onnx(bench: Workbench, path: Path) -> Made:
    return _int8(bench, path, "onnx")


def _int8_tflite(bench: Workbench, path: Path) -> Made:
    return _int8(bench, path, "tflite")


def _integer_tflite(bench: Workbench, path: Path) -> Made:
    return _int8(bench, path, "integer")


def _int8(bench: Workbench, path: Path, kind: Kind) -> Made:
    from quantize.int8.bench import BITS

    recipe, reason, trials = _chosen(bench, kind)
    exact = bench.int8.write(kind, recipe, path)
    quantization = Quantization(
        recipe=bench.options.recipe,
        ranges=recipe.ranges,
        data=bench.images.calibration_data,
        images=len(bench.images.calibration),
        weight_bits=BITS[kind],
        equalized=recipe.equalize,
        bias_corrected=recipe.correct,
        tuned_steps=recipe.tuned_steps,
        float_layers=recipe.float_layers,
        reason=reason,
    )
    tolerance = None if not exact else 0.0 if kind == "integer" else FLOAT_TAIL
    return Made(quantization, recipe, tolerance, trials)


def _chosen(bench: Workbench, kind: Kind) -> tuple[Recipe, str | None, tuple[Trial, ...]]:
    options = bench.options
    if options.recipe == "best":
        from quantize.int8.search import search

        if bench.search_reference is None:
            raise EdgeError("--recipe best chooses by labelled training images: give --data KIND:DIR")
        float_file = bench.float_onnx
        if kind != "onnx":
            float_file = bench.folder / "float.tflite"
            float_file.write_bytes(bench.float_tflite)
        choice = search(bench.int8, kind, float_file, bench.search_reference, options.goal, bench.say)
        bench.say(f"best: chose {choice.reason}")
        return choice.recipe, choice.reason, choice.trials
    recipe = dataclasses.replace(RECIPES[options.recipe], tuned_steps=options.tuned_steps)
    return bench.int8.possible(recipe), None, ()


#: Writes the file of a target; by the target's name.
EXPORTERS: dict[str, Callable[[Workbench, Path], Made]] = {
    "torchscript": _torchscript,
    "onnx": _onnx,
    "keras": _keras,
    "tflite": _tflite,
    "tflite-float16": _float16_tflite,
    "tflite-dynamic": _dynamic_tflite,
    "onnx-int8": _int8_onnx,
    "tflite-int8": _int8_tflite,
    "tflite-integer": _integer_tflite,
}
