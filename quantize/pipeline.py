"""Make the files, hold each to its gate, and put what passed into the bundle."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.bundle import CONFIG_NAME, Bundle, Config, File, Metrics, describe_file, read_bundle, write_config
from edge.card import write_card
from edge.engines.network import EmotionNetwork
from edge.engines.torch import load_network
from edge.errors import EdgeError
from edge.files import replacing
from quantize.formats import Target
from quantize.parity import Parity, Reference, check


@dataclasses.dataclass(frozen=True)
class Source:
    """A checkpoint, loaded.

    Attributes:
        bundle: where it lies.
        checkpoint: name of its file.
        network: the network, float32, in evaluation mode.
    """

    bundle: Bundle
    checkpoint: str
    network: EmotionNetwork


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one target.

    Attributes:
        target: the file that was to be made.
        problem: why it is not in the bundle, in one line; None when it is.
        size: bytes; None where nothing was written.
        parity: None where nothing could be compared.
    """

    target: Target
    problem: str | None
    size: int | None = None
    parity: Parity | None = None


class Workbench:
    """What the exporters share: network, calibration images, and intermediate forms made once, when first needed."""

    def __init__(self, network: EmotionNetwork, config: Config, calibration: NDArray[np.uint8], folder: Path) -> None:
        self.network = network
        self.config = config
        self.calibration = calibration
        self.folder = folder

    @cached_property
    def float_onnx(self) -> Path:
        """The float ONNX file."""
        from quantize.export.onnx import export_onnx

        path = self.folder / "float.onnx"
        export_onnx(self.network, path, self.config)
        return path

    @cached_property
    def keras_model(self) -> Any:
        """The network rebuilt in Keras."""
        from quantize.export.keras import build_keras

        return build_keras(self.network, self.config.input.size)


def _torchscript(bench: Workbench, path: Path) -> None:
    from quantize.export.torchscript import export_torchscript

    export_torchscript(bench.network, path, bench.config.input.size)


def _onnx(bench: Workbench, path: Path) -> None:
    shutil.copyfile(bench.float_onnx, path)


def _keras(bench: Workbench, path: Path) -> None:
    from quantize.export.keras import export_keras

    export_keras(bench.keras_model, path)


def _tflite(bench: Workbench, path: Path) -> None:
    from quantize.export.tflite import export_tflite

    export_tflite(bench.keras_model, path)


def _int8_onnx(bench: Workbench, path: Path) -> None:
    from quantize.int8.onnx import export_int8_onnx

    export_int8_onnx(bench.float_onnx, path, bench.calibration, bench.config)


def _int8_tflite(bench: Workbench, path: Path) -> None:
    from quantize.int8.tflite import export_int8_tflite

    export_int8_tflite(bench.keras_model, path, bench.calibration)


#: Writes the file of a target; by the target's name.
EXPORTERS: dict[str, Callable[[Workbench, Path], None]] = {
    "torchscript": _torchscript,
    "onnx": _onnx,
    "keras": _keras,
    "tflite": _tflite,
    "onnx-int8": _int8_onnx,
    "tflite-int8": _int8_tflite,
}


def open_source(path: Path) -> Source:
    """Load the checkpoint of a bundle.

    Args:
        path: the bundle's folder, or the ``.pth`` file in it.

    Raises:
        EdgeError: nothing there, no ``.pth``, not what the config describes, or damaged.
    """
    if not path.exists():
        raise EdgeError(f"{path}: no such bundle or file; edge-train writes one to RUN/bundle")
    bundle = read_bundle(path if path.is_dir() else path.parent)
    if path.is_file() and path.suffix != ".pth":
        raise EdgeError(f"{path}: no PyTorch checkpoint (.pth); give the bundle's folder or its model_weights.pth")
    listed = [name for name, file in bundle.config.files.items() if file.format == "pth"]
    name = path.name if path.is_file() else (listed or ["model_weights.pth"])[0]
    return Source(bundle, name, load_network(bundle.path(name), bundle.config))


def open_output(source: Source, out: Path | None) -> Bundle:
    """Return the bundle that files go into: the source's own, or one in another folder, with a copy of the checkpoint.

    Raises:
        EdgeError: the folder holds another model's bundle, or cannot be written to.
    """
    config = source.bundle.config
    if out is None or out.resolve() == source.bundle.folder.resolve():
        return source.bundle
    entry = config.files[source.checkpoint]
    plain = msgspec.structs.replace(config, files={})
    if (out / CONFIG_NAME).exists():
        there = read_bundle(out)
        kept = there.config.files.get(source.checkpoint)
        # A temperature may have been fitted since: it belongs to the same weights, and the files do not hold it.
        renewed = msgspec.structs.replace(there.config, temperature=config.temperature, calibration=config.calibration)
        if msgspec.structs.replace(renewed, files={}) != plain or kept is None or kept.sha256 != entry.sha256:
            raise EdgeError(f"--out {out} holds another model's bundle; choose an empty folder")
        return Bundle(out, renewed)
    with replacing(out / source.checkpoint) as temporary:
        shutil.copyfile(source.bundle.folder / source.checkpoint, temporary)
    bundle = Bundle(out, msgspec.structs.replace(plain, files={source.checkpoint: entry}))
    write_config(out, bundle.config)
    return bundle


def quantize(
    source: Source,
    output: Bundle,
    targets: Sequence[Target],
    reference: Reference,
    calibration: NDArray[np.uint8],
    refused: dict[str, str] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Outcome]:
    """Make every target; what passes its gate is put into the bundle at once, what does not is kept out.

    Args:
        source: the checkpoint.
        output: the bundle to extend; files it lists already stay, those made here are replaced.
        targets: what to make.
        reference: the checkpoint's outputs on the comparison images.
        calibration: images for int8, uint8 ``[N, S, S, 3]``.
        refused: by target name, why it is not even tried.
        say: told what is being done.

    Returns:
        One outcome a target, in order.
    """
    refused = refused or {}
    output = _recorded(output, source.checkpoint, reference.metrics())
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="edge-quantize-") as folder:
        bench = Workbench(source.network, source.bundle.config, calibration, Path(folder))
        for target in targets:
            if target.name in refused:
                outcomes.append(Outcome(target, refused[target.name]))
                continue
            say(f"{target.file}: exporting and comparing")
            outcome = _made(target, bench, reference)
            if outcome.problem is None:
                output = _installed(output, target, bench.folder / target.file, outcome.parity)
            outcomes.append(outcome)
    write_card(output)
    return outcomes


def _made(target: Target, bench: Workbench, reference: Reference) -> Outcome:
    path = bench.folder / target.file
    try:
        EXPORTERS[target.name](bench, path)
        parity = check(path, bench.config, reference, int8=target.precision == "int8")
    except Exception as error:  # four converters, each with its own exceptions; the other formats must go on
        size = path.stat().st_size if path.exists() else None
        lines = f"{type(error).__name__}: {error}".splitlines() if not isinstance(error, EdgeError) else [str(error)]
        return Outcome(target, f"could not be made: {lines[0][:200]}", size)
    return Outcome(target, parity.problem, path.stat().st_size, parity)


def _installed(bundle: Bundle, target: Target, path: Path, parity: Parity | None) -> Bundle:
    """Move a file into a bundle. At no moment does the config on disk describe another file than the one beside it."""
    others = {name: file for name, file in bundle.config.files.items() if name != target.file}
    if len(others) != len(bundle.config.files):
        write_config(bundle.folder, msgspec.structs.replace(bundle.config, files=others))
    with replacing(bundle.folder / target.file) as temporary:
        shutil.copyfile(path, temporary)
    figures = (parity.metrics,) if parity and parity.metrics else ()
    entry = describe_file(bundle.folder / target.file, target.format, target.precision, figures)
    return _with_files(bundle, {**bundle.config.files, target.file: entry})


def _recorded(bundle: Bundle, checkpoint: str, figures: tuple[Metrics, ...]) -> Bundle:
    """Add the checkpoint's own figures on the comparison images to its entry, beside what training wrote."""
    entry = bundle.config.files[checkpoint]
    renewed = {metrics.data for metrics in figures}
    kept = tuple(metrics for metrics in entry.metrics if metrics.data not in renewed)
    return _with_files(
        bundle, {**bundle.config.files, checkpoint: msgspec.structs.replace(entry, metrics=(*kept, *figures))}
    )


def _with_files(bundle: Bundle, files: dict[str, File]) -> Bundle:
    config = msgspec.structs.replace(bundle.config, files=files)
    write_config(bundle.folder, config)
    return Bundle(bundle.folder, config)
