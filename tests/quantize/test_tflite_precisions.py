"""TFLite in float16, in dynamic range, and with integer input and outputs, all from one small taught network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from msgspec.structs import replace
from numpy.typing import NDArray

from edge.bundle import FILE_NAMES, Config, Precision, describe_file, read_bundle, write_config
from edge.engines import load_engine
from edge.engines.keras import import_keras
from edge.engines.torch import load_network
from edge.errors import EdgeError
from edge.model import Model
from edge.quiet import quiet
from edge.verify import FLOAT16_LIMIT
from quantize.export.keras import KerasPort, build_keras
from quantize.export.tflite import convert, export_dynamic, export_float16
from quantize.images import choose

pytestmark = pytest.mark.timeout(600)


@dataclasses.dataclass(frozen=True)
class Taught:
    """A network that tells the patterns of the ``ferplus`` fixture apart, and its float TFLite files.

    Attributes:
        config: of its bundle.
        folder: for files.
        content: float32, uint8 input.
        bare: float32, float input 0..255.
        images: validation images.
        calibration: training images.
        logits: the checkpoint's answers to ``images``.
        affect: likewise.
    """

    config: Config
    folder: Path
    content: bytes
    bare: bytes
    images: NDArray[np.uint8]
    calibration: NDArray[np.uint8]
    logits: NDArray[np.float32]
    affect: NDArray[np.float32]


@pytest.fixture(scope="module")
def taught(make_bundle: Callable[[Path, str], Path], ferplus: Path, tmp_path_factory: pytest.TempPathFactory) -> Taught:
    folder = make_bundle(tmp_path_factory.mktemp("precisions"), "mobilenet_v2")
    bundle = read_bundle(folder)
    network = load_network(bundle.path("model_weights.pth"), bundle.config)
    images = choose(f"ferplus:{ferplus}", bundle.config, 0, 64, 0)
    with torch.inference_mode():
        logits, affect = (output.numpy() for output in network(torch.from_numpy(images.comparison)))
    keras = import_keras()
    with quiet():
        port = KerasPort(network, keras)
        image = keras.Input((bundle.config.input.size,) * 2 + (3,), name="image")
        bare = keras.Model(image, port.heads(port.backbone(port.normalized(image))))
    content = convert(build_keras(network, bundle.config.input.size))
    found = (images.comparison, images.calibration, logits, affect)
    return Taught(bundle.config, folder, content, convert(bare), *found)


def integer(taught: Taught, brightest: int) -> Path:
    """A file with int8 input and outputs whose input is calibrated on pixels 0..``brightest``."""
    path = taught.folder / f"integer_{brightest}.tflite"
    pixels = taught.calibration.astype(np.float32) * (brightest / 255)
    pixels[:, 0, 0], pixels[:, 0, 1] = 0, brightest
    with quiet():
        from litert_quantizer import quantizer, recipe

        work = quantizer.Quantizer(taught.bare, recipe.static_wi8_ai8())
        ranges = work.calibrate({"serving_default": [{"image": picture[None]} for picture in pixels]})
        path.write_bytes(work.quantize(ranges).quantized_model)
    return path


def operators(path: Path) -> list[str]:
    model = Interpreter(model_path=str(path))
    model.allocate_tensors()
    return [operator["op_name"] for operator in model._get_ops_details()]


@pytest.mark.parametrize(
    ("export", "share"), [(export_float16, 0.53), (export_dynamic, 0.32)], ids=["float16", "dynamic"]
)
def test_smaller_float_files_are_small_quiet_whole_and_named(
    taught: Taught, export: Callable[[bytes, Path], None], share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    path = taught.folder / f"{export.__name__}.tflite"
    export(taught.content, path)
    assert capfd.readouterr() == ("", "")
    assert path.stat().st_size < share * len(taught.content)
    assert operators(path).count("DELEGATE") == 1  # XNNPACK takes the network in one piece
    model = Interpreter(model_path=str(path))
    assert [(d["name"], d["dtype"]) for d in model.get_input_details()] == [("image", np.uint8)]
    outputs = {d["name"]: (d["shape"][-1], d["dtype"]) for d in model.get_output_details()}
    assert outputs == {"logits": (8, np.float32), "valence_arousal": (2, np.float32)}
    again = taught.folder / "again.tflite"
    export(taught.content, again)
    assert again.read_bytes() == path.read_bytes()


def test_float16_gives_the_checkpoints_numbers_nearly(taught: Taught) -> None:
    path = taught.folder / "model_float16.tflite"
    export_float16(taught.content, path)
    engine = load_engine(path, taught.config)
    logits, affect = engine.run(taught.images)
    assert 1e-4 < np.abs(logits - taught.logits).max() < FLOAT16_LIMIT * np.abs(taught.logits).max()
    np.testing.assert_allclose(affect, taught.affect, rtol=0, atol=2e-2)
    np.testing.assert_allclose(engine.run(taught.images[:1])[0], logits[:1], rtol=0, atol=1e-5)


def test_dynamic_range_names_the_same_emotions_whatever_the_batch(taught: Taught) -> None:
    path = taught.folder / "model_dynamic.tflite"
    export_dynamic(taught.content, path)
    engine = load_engine(path, taught.config)
    logits, affect = engine.run(taught.images)
    assert np.mean(logits.argmax(1) == taught.logits.argmax(1)) >= 0.95
    assert np.sqrt(np.mean((affect - taught.affect) ** 2)) < 0.05
    assert np.abs(logits - taught.logits).max() > 1e-3  # it did quantize
    # Each image is quantized by its own range: its neighbours in a batch do not matter.
    np.testing.assert_allclose(engine.run(taught.images[5:6])[0], logits[5:6], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("precisions", "chosen"),
    [
        (["float16", "float32", "dynamic"], "model_dynamic.tflite"),
        (["float16", "float32"], "model.tflite"),
        (["float16"], "model_float16.tflite"),
    ],
)
def test_of_a_bundles_float_files_the_quickest_is_run(
    taught: Taught, tmp_path: Path, precisions: list[Precision], chosen: str
) -> None:
    files = {FILE_NAMES["tflite", precision]: precision for precision in precisions}
    for name, precision in files.items():
        match precision:
            case "float32":
                (tmp_path / name).write_bytes(taught.content)
            case "float16":
                export_float16(taught.content, tmp_path / name)
            case _:
                export_dynamic(taught.content, tmp_path / name)
    described = {name: describe_file(tmp_path / name, "tflite", precision) for name, precision in files.items()}
    write_config(tmp_path, replace(taught.config, files=described))
    model = Model(tmp_path)
    assert model.path.name == chosen
    emotions = model.classify(taught.images)
    assert np.mean([e.probabilities.index(max(e.probabilities)) for e in emotions] == taught.logits.argmax(1)) >= 0.95


def test_integer_file_takes_bytes_and_gives_floats(taught: Taught) -> None:
    path = integer(taught, 255)
    plain = Interpreter(model_path=str(path))
    plain.allocate_tensors()
    (image,) = plain.get_input_details()
    assert (image["dtype"], image["quantization"]) == (np.int8, (1.0, -128))
    engine = load_engine(path, taught.config)
    logits, affect = engine.run(taught.images)
    assert logits.dtype == affect.dtype == np.float32
    assert np.mean(logits.argmax(1) == taught.logits.argmax(1)) >= 0.9
    assert np.abs(affect).max() <= 1
    plain.set_tensor(image["index"], (taught.images[:1].astype(np.int16) - 128).astype(np.int8))
    plain.invoke()
    for output, found in zip(("logits", "valence_arousal"), (logits, affect), strict=True):
        (detail,) = [d for d in plain.get_output_details() if d["name"] == output]
        scale, zero = detail["quantization"]
        steps: Any = plain.get_tensor(detail["index"]).astype(np.float64)
        np.testing.assert_allclose(found[:1], (steps - zero) * scale, rtol=0, atol=1e-5)


def test_integer_file_whose_input_steps_are_not_bytes_is_refused(taught: Taught) -> None:
    path = integer(taught, 200)
    with pytest.raises(EdgeError) as raised:
        load_engine(path, taught.config)
    assert str(raised.value) == (
        f"{path} takes int8 in steps of 0.784314 from -128, not bytes 0..255 (steps of 1 from -128); "
        "calibrate its input on 0..255, or export it again with edge-quantize"
    )


def test_file_with_float_input_is_refused(taught: Taught) -> None:
    path = taught.folder / "bare.tflite"
    path.write_bytes(taught.bare)
    with pytest.raises(EdgeError, match=r"takes \[\('float32', \[1, 32, 32, 3\]\)\], its config says uint8"):
        load_engine(path, taught.config)
