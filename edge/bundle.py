"""The model bundle: a folder whose ``model_config.json`` says all there is to know about the files beside it.

See docs/model-bundle.md. Reading is strict: unknown keys, wrong types, files that do not match their hash are refused
with one line that names them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from edge.errors import EdgeError
from edge.files import write_atomically

#: Written; 1, which knew neither ``temperature`` nor ``calibration``, is read as well.
SCHEMA_VERSION: Final = 2
CONFIG_NAME = "model_config.json"

Format = Literal["pth", "torchscript", "onnx", "keras", "tflite"]
Precision = Literal["float32", "float16", "int8"]
Positive = Annotated[int, msgspec.Meta(gt=0)]
PositiveNumber = Annotated[float, msgspec.Meta(gt=0)]

#: File name of each (format, precision) in a bundle.
FILE_NAMES: dict[tuple[str, str], str] = {
    ("pth", "float32"): "model_weights.pth",
    ("torchscript", "float32"): "model.pt",
    ("onnx", "float32"): "model.onnx",
    ("keras", "float32"): "model.h5",
    ("tflite", "float32"): "model.tflite",
    ("onnx", "int8"): "model_int8.onnx",
    ("tflite", "int8"): "model_int8.tflite",
}


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all records of the schema: immutable, and a key nobody knows is an error."""


class Crop(Strict, frozen=True):
    """How a face is cut out of a frame; see :func:`edge.preprocess.crop_face`.

    Attributes:
        scale: side of the square, in face-box sides.
        shift_y: how far the square's centre lies below the box's centre, in face-box sides, along the face's vertical.
        align: ``"eyes"`` turns the eye line level; ``"none"`` leaves the face as it is.
        source_size: side, in pixels, of the pictures the network was taught on, when they were smaller than its input.
            Crops are brought down to it first, so that they are as soft as what the network knows. None: no limit.
    """

    scale: PositiveNumber = 1.0
    shift_y: float = 0.0
    align: Literal["eyes", "none"] = "eyes"
    source_size: Positive | None = None


class Input(Strict, frozen=True):
    """What the exported files take: uint8 ``[N, size, size, 3]``, RGB, 0..255.

    ``color``, ``mean`` and ``std`` describe what happens *inside* the graph and are needed to rebuild it from weights.
    """

    size: Positive
    color: Literal["rgb", "gray"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Training(Strict, frozen=True):
    """Where the weights come from.

    Attributes:
        data: name of the training data.
        licence: what the data's owner allows.
        valence_arousal: what taught the second head: annotations, or a weak signal, in words.
        teachers: networks whose answers were learnt too, each with its own data and licence, in words.
    """

    data: str
    licence: str
    valence_arousal: str
    teachers: tuple[str, ...] = ()


class ClassMetrics(Strict, frozen=True):
    """How well one emotion is read.

    Attributes:
        images: number of images with this label.
        recall: share of them that are called so, 0..1.
        precision: share of those called so that are, 0..1; None where nothing is called so.
    """

    images: Positive
    recall: float
    precision: float | None = None


class Metrics(Strict, frozen=True):
    """Figures of one file on one data set.

    Attributes:
        data: data set, split and rule, in words.
        samples: number of images.
        accuracy: share of images whose top class is the label, 0..1.
        macro_f1: mean F1 over the classes.
        agreement: share of images on which the top class equals the float checkpoint's; None for the checkpoint.
        classes: by label; labels without an image are left out.
    """

    data: str
    samples: int
    accuracy: float
    macro_f1: float
    agreement: float | None = None
    classes: dict[str, ClassMetrics] = {}


class Calibration(Strict, frozen=True):
    """How ``temperature`` was found, and what it is worth (Guo et al. 2017).

    Every ``after`` figure is cross-fitted: each image is measured under a temperature fitted on other images.

    Attributes:
        data: data set, split and rule, in words.
        samples: number of images.
        folds: into how many parts they were divided for the ``after`` figures.
        nll_before: negative log-likelihood of the labels at temperature 1, in nats.
        nll_after: the same at the fitted temperatures.
        ece_before: expected calibration error in 15 equal-width bins at temperature 1, 0..1.
        ece_after: the same at the fitted temperatures.
    """

    data: str
    samples: int
    folds: int
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float


class File(Strict, frozen=True):
    """One file of the bundle."""

    format: Format
    precision: Precision
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    size: Positive
    metrics: tuple[Metrics, ...] = ()


class Config(Strict, frozen=True):
    """``model_config.json``.

    Attributes:
        schema_version: version of this schema; a config of version 1 becomes one of version 2 when it is read.
        name: name of the model.
        architecture: torchvision's name of the backbone.
        labels: the emotions, in the order of the logits.
        input: what the files take.
        crop: how a face becomes that input.
        training: where the weights come from.
        files: by file name.
        temperature: what logits are divided by before softmax, so that probabilities mean what they say. The files
            give raw logits.
        calibration: where the temperature comes from; None where it was never fitted and is 1.
    """

    schema_version: Literal[1, 2]
    name: str
    architecture: str
    labels: tuple[str, ...]
    input: Input
    crop: Crop
    training: Training
    files: dict[str, File] = {}
    temperature: PositiveNumber = 1.0
    calibration: Calibration | None = None


class Bundle(msgspec.Struct, frozen=True):
    """A bundle on disk: its folder and its validated config."""

    folder: Path
    config: Config

    def path(self, name: str) -> Path:
        """Return the path of file ``name`` after checking its size and hash.

        Raises:
            EdgeError: the config does not list it, it is missing, or it is not the file the config describes.
        """
        entry = self.config.files.get(name)
        if entry is None:
            raise EdgeError(f"{self.folder / name}: not listed in {CONFIG_NAME}; listed are {_names(self.config)}")
        path = self.folder / name
        check_file(path, entry)
        return path


def check_file(path: Path, entry: File) -> None:
    """Hold a file to its entry.

    Raises:
        EdgeError: missing, another size, or another hash.
    """
    if not path.is_file():
        raise EdgeError(f"{path} is missing; make it again with edge-quantize, or restore the bundle")
    size = path.stat().st_size
    if size != entry.size:
        raise EdgeError(f"{path} is damaged: {size} bytes, {CONFIG_NAME} says {entry.size}; restore the bundle")
    if sha256(path) != entry.sha256:
        raise EdgeError(f"{path} is damaged: its sha256 is not the one in {CONFIG_NAME}; restore the bundle")


def read_bundle(folder: Path) -> Bundle:
    """Read and validate a bundle's config; its files are checked when they are used.

    Raises:
        EdgeError: no config there, no valid JSON, a key or a type the schema does not know, or a newer schema.
    """
    path = folder / CONFIG_NAME
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise EdgeError(f"{path} is missing; a model file needs its {CONFIG_NAME} beside it") from error
    except OSError as error:
        raise EdgeError(f"cannot read {path}: {error.strerror}") from error
    return Bundle(folder, parse_config(raw, str(path)))


def parse_config(raw: bytes, name: str) -> Config:
    """Validate the bytes of a config; ``name`` is used in messages.

    Raises:
        EdgeError: not valid under the schema, or made for a newer one.
    """
    try:
        version = msgspec.json.decode(raw, type=dict).get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise EdgeError(f"{name} has schema_version {version}, known is {SCHEMA_VERSION}; update emot-edge")
        config = msgspec.json.decode(raw, type=Config)
    except msgspec.DecodeError as error:  # ValidationError included
        raise EdgeError(f"{name} is not a valid model config: {error}") from error
    if len(set(config.labels)) != len(config.labels) or len(config.labels) < 2:
        raise EdgeError(f"{name} is not a valid model config: labels must be two or more different names")
    for file in config.files:
        if Path(file).name != file:
            raise EdgeError(f"{name} is not a valid model config: file {file!r} is not a plain name")
    # What is written back holds the keys of version 2, and must say so.
    return msgspec.structs.replace(config, schema_version=SCHEMA_VERSION)


def write_config(folder: Path, config: Config) -> None:
    """Write ``model_config.json`` atomically, formatted for people."""
    write_atomically(folder / CONFIG_NAME, msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")


def describe_file(path: Path, format: Format, precision: Precision, metrics: tuple[Metrics, ...] = ()) -> File:
    """Return the entry of a file that exists."""
    return File(format=format, precision=precision, sha256=sha256(path), size=path.stat().st_size, metrics=metrics)


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(config: Config) -> str:
    return ", ".join(sorted(config.files)) or "no files"
