"""Record golden answers: the inputs, what the checkpoint gives for them, and what each file gives.

:mod:`edge.verify` holds a bundle to them on the machine where it runs.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, Config, Golden, sha256, write_config
from edge.engines import load_engine
from edge.errors import EdgeError
from edge.files import write_atomically
from edge.golden import GOLDEN_NAME, Run, answers, encode, pack, read_images
from quantize.portraits import portrait_crops

FACES = 8
_SEED = 4


def golden_images(config: Config) -> NDArray[np.uint8]:
    """Return the golden inputs of a model, uint8 ``[12, S, S, 3]``, RGB; the same at every call.

    Eight are crops of the packaged portraits. Four are synthetic: black, white (normalisation left out, or done twice,
    shows there), noise, and :func:`_two_faced`, which shows red and blue swapped.

    Args:
        config: of the model: crop and input size.

    Raises:
        EdgeError: a portrait is missing from the installation.
    """
    size = config.input.size
    faces = portrait_crops(config, FACES, _SEED)
    black = np.zeros((size, size, 3), np.uint8)
    noise = np.random.default_rng(_SEED).integers(0, 256, (size, size, 3), np.uint8)
    return np.concatenate((faces, np.stack((black, ~black, noise, _two_faced(faces[0])))))


def record_goldens(bundle: Bundle, run: Run) -> Bundle:
    """Record golden inputs and the checkpoint's answers to them in a bundle; return it as it is then.

    Inputs that the bundle holds already are kept, and with them what its files answered. A run that is killed leaves a
    bundle without goldens, or with the old or the new ones, whole: the picture is in place before the config names it,
    and the config lets go of an old one (and of the files' answers to it) before that is replaced.

    Args:
        bundle: folder and config; the config is written.
        run: the float checkpoint: uint8 ``[N, S, S, 3]`` to logits and valence/arousal.

    Raises:
        EdgeError: a portrait is missing from the installation, or the folder cannot be written to.
    """
    folder, config = bundle.folder, bundle.config
    try:
        images = read_images(bundle)
    except EdgeError:  # none yet, or damaged
        images = golden_images(config)
        if config.golden is not None or any(file.outputs for file in config.files.values()):
            forgotten = {
                name: msgspec.structs.replace(file, outputs=None, tolerance=None) for name, file in config.files.items()
            }
            config = msgspec.structs.replace(config, golden=None, files=forgotten)
            write_config(folder, config)
        write_atomically(folder / GOLDEN_NAME, pack(images))
    path = folder / (config.golden.file if config.golden else GOLDEN_NAME)
    golden = Golden(path.name, sha256(path), path.stat().st_size, len(images), encode(*answers(run, images)))
    config = msgspec.structs.replace(config, golden=golden)
    write_config(folder, config)
    return Bundle(folder, config)


def recorded_outputs(path: Path, config: Config, images: NDArray[np.uint8]) -> str:
    """Run a file in its own runtime on golden inputs and return its answers, encoded for ``File.outputs``.

    One image at a time, for the reason that :func:`edge.golden.answers` gives.

    Args:
        path: the file.
        config: of its bundle.
        images: :func:`edge.golden.read_images` of the bundle.

    Raises:
        EdgeError: no runtime for it is installed, or it cannot be loaded.
    """
    engine = load_engine(path, config)
    try:
        return encode(*answers(engine.run, images))
    finally:
        engine.close()


def _two_faced(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture whose red, green and blue differ strongly: a face, a ramp from left to right, the face's negative.

    With red and blue swapped it is the negative of a face, also to a network that sees luma only: the packaged one's
    logits change by 1.8 (root mean square), where a plain colour ramp moves them by 0.15, hardly more than int8 does.
    """
    gray = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    red = (gray - gray.min()) / max(float(np.ptp(gray)), 1.0) * 255
    ramp = np.broadcast_to(np.linspace(0, 255, len(face), dtype=np.float32), gray.shape)
    return np.stack((red, ramp, 255 - red), axis=2).round().astype(np.uint8)
