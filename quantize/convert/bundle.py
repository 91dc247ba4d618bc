"""Write what was converted as a bundle, and read the packaged portraits with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge.assets import ASSETS
from edge.bundle import FILE_NAMES, Bundle, Config, Format, Precision, describe_file, write_config
from edge.card import write_card
from edge.errors import EdgeError
from edge.files import replacing
from edge.reader import EmotionReader
from quantize.convert.checkpoint import Checkpoint
from quantize.convert.onnx import Wrapped, write_model
from quantize.convert.output import new_folder


def write_checkpoint(checkpoint: Checkpoint, source: Path, out: Path) -> str:
    """Write ``model_weights.pth``, config and card into a new folder.

    Args:
        checkpoint: from :func:`quantize.convert.checkpoint.convert_checkpoint`.
        source: the user's file, for messages.
        out: a folder that is new or empty.

    Returns:
        What the network reads in the packaged portraits.

    Raises:
        EdgeError: ``out`` is not free, or the network does not run at the input size.
    """
    from train.checkpoint import save_weights

    name = FILE_NAMES["pth", "float32"]
    with new_folder(out) as folder:
        save_weights(checkpoint.network, folder / name, half=checkpoint.half)
        bundle = _described(folder, checkpoint.config, name, "pth", "float16" if checkpoint.half else "float32")
        try:
            return _readings(bundle.folder)
        except (RuntimeError, AssertionError, ValueError) as error:
            size, reason = bundle.config.input.size, " ".join(str(error).split())[:120]
            raise EdgeError(
                f"{source}: {bundle.config.architecture} does not run at --size {size} ({reason}); give the size it "
                "was taught at"
            ) from error


def write_onnx(wrapped: Wrapped, source: Path, out: Path) -> tuple[str, float]:
    """Write ``model.onnx``, config and card into a new folder.

    Args:
        wrapped: from :func:`quantize.convert.onnx.convert_onnx`.
        source: the user's file.
        out: a folder that is new or empty.

    Returns:
        What the network reads in the packaged portraits, and the largest difference from the original.

    Raises:
        EdgeError: ``out`` is not free, or the file does not answer as the original.
    """
    name = FILE_NAMES["onnx", "float32"]
    with new_folder(out) as folder:
        with replacing(folder / name) as temporary:
            worst = write_model(wrapped, source, temporary)
        bundle = _described(folder, wrapped.config, name, "onnx", "float32")
        return _readings(bundle.folder), worst


def _described(folder: Path, config: Config, name: str, format: Format, precision: Precision) -> Bundle:
    entry = describe_file(folder / name, format, precision)
    bundle = Bundle(folder, msgspec.structs.replace(config, files={name: entry}))
    write_config(folder, bundle.config)
    write_card(bundle)
    return bundle


def _readings(folder: Path) -> str:
    """What the written bundle says of the portraits, through the runtime: wrong labels or colours often show there."""
    told = []
    with EmotionReader(folder) as reader:
        for path in sorted(ASSETS.glob("portrait_*.jpg")):
            readings = reader.read(np.asarray(cv2.imread(str(path)), np.uint8))
            if not readings:
                continue
            emotion = readings[0].emotion
            numbers = (*emotion.probabilities, emotion.valence, emotion.arousal)
            if not np.isfinite(numbers).all():
                raise EdgeError("the network gives values that are no numbers; its file is damaged, or not trained")
            told.append(f"{path.stem.removeprefix('portrait_')} {emotion.label} {max(emotion.probabilities):.0%}")
    return ", ".join(told)
