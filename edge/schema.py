"""The records of ``model_config.json``; see docs/model-bundle.md. Unknown keys and wrong types are errors."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

#: Written. 1 (without ``temperature`` and ``calibration``) and 2 (without ``golden``, ``parity``, ``quantization``) are
#: read as well.
SCHEMA_VERSION: Final = 3

Format = Literal["pth", "torchscript", "onnx", "keras", "tflite"]
#: Of the weights. ``dynamic``: int8 weights, activations float32 between operators. ``int8``: weights and activations.
#: ``integer``: int8 throughout, input and outputs too.
Precision = Literal["float32", "float16", "dynamic", "int8", "integer"]
Positive = Annotated[int, msgspec.Meta(gt=0)]
PositiveNumber = Annotated[float, msgspec.Meta(gt=0)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]

#: File name of each (format, precision) in a bundle.
FILE_NAMES: dict[tuple[str, str], str] = {
    ("pth", "float32"): "model_weights.pth",
    ("torchscript", "float32"): "model.pt",
    ("onnx", "float32"): "model.onnx",
    ("keras", "float32"): "model.h5",
    ("tflite", "float32"): "model.tflite",
    ("tflite", "float16"): "model_float16.tflite",
    ("tflite", "dynamic"): "model_dynamic.tflite",
    ("onnx", "int8"): "model_int8.onnx",
    ("tflite", "int8"): "model_int8.tflite",
    ("tflite", "integer"): "model_integer.tflite",
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
        valence_arousal: what taught the second head: annotations, or a weak signal (``weak: ...``), in words; ``none:
            ...`` where there is no such head and both numbers are always 0.
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


class Parity(Strict, frozen=True):
    """How a file's answers compare with the checkpoint's on the same images, each run in its own runtime.

    Attributes:
        data: the images, in words.
        samples: number of images.
        logit_difference: largest absolute difference of a logit.
        affect_difference: largest absolute difference of valence or arousal.
        logit_rmse: root mean squared difference of the logits.
        valence_rmse: the same of valence.
        arousal_rmse: the same of arousal.
        agreement: share of images on which both name the same emotion, 0..1.
        accuracy_drop: the checkpoint's accuracy less the file's, 0..1; negative where the file is better; None without
            labels.
        accuracy_drop_interval: its 95 % paired bootstrap interval.
    """

    data: str
    samples: Positive
    logit_difference: float
    affect_difference: float
    logit_rmse: float
    valence_rmse: float
    arousal_rmse: float
    agreement: float
    accuracy_drop: float | None = None
    accuracy_drop_interval: tuple[float, float] | None = None


class Quantization(Strict, frozen=True):
    """How a file with int8 weights was made.

    Attributes:
        recipe: its name: ``fast``, ``balanced``, ``best``.
        ranges: how activation ranges were taken: ``minmax``, ``percentile``, ``entropy``, ``mse``; None where
            activations stay float.
        data: the images ranges were taken from, in words; None where there were none.
        images: how many.
        weight_bits: 7 or 8.
        equalized: channels were scaled to like ranges across layers (Nagel et al. 2019).
        bias_corrected: biases make up for the mean error of quantization (Nagel et al. 2019).
        tuned_steps: steps of quantization-aware fine-tuning; 0: none.
        float_layers: convolutions left in float, by the names of their modules.
        reason: why this combination, in words.
    """

    recipe: str
    ranges: str | None
    data: str | None
    images: int
    weight_bits: int
    equalized: bool = False
    bias_corrected: bool = False
    tuned_steps: int = 0
    float_layers: tuple[str, ...] = ()
    reason: str | None = None


class Golden(Strict, frozen=True):
    """Recorded answers: what a file must still give on the machine where it runs; see :mod:`edge.verify`.

    Attributes:
        file: a PNG beside the config: ``images`` network inputs, RGB, one below the other.
        sha256: of that file.
        size: bytes.
        images: how many.
        outputs: the float checkpoint's answers, see :func:`edge.golden.encode`.
    """

    file: str
    sha256: Sha256
    size: Positive
    images: Positive
    outputs: str


class File(Strict, frozen=True):
    """One file of the bundle.

    Attributes:
        format: which runtime it is for.
        precision: of weights and activations.
        sha256: of the file.
        size: bytes.
        metrics: its figures, by data set.
        parity: how it compares with the checkpoint; None for the checkpoint.
        quantization: how it was quantized; None for float files.
        outputs: what the file itself gave for the golden images, see :func:`edge.golden.encode`.
        tolerance: largest difference from ``outputs`` that another processor may show; the integer part is the same bit
            for bit, and what a float tail adds is rounding. 0: bit for bit. None: nothing is promised, since float
            arithmetic in the middle of an int8 file may tip a value over a rounding step.
        made_from: hash over everything that went into making it (checkpoint, options, images, converters); a later run
            that would do the same keeps the file.
    """

    format: Format
    precision: Precision
    sha256: Sha256
    size: Positive
    metrics: tuple[Metrics, ...] = ()
    parity: Parity | None = None
    quantization: Quantization | None = None
    outputs: str | None = None
    tolerance: float | None = None
    made_from: str | None = None


class Config(Strict, frozen=True):
    """``model_config.json``.

    Attributes:
        schema_version: version of this schema; an older config becomes one of this version when it is read.
        name: name of the model.
        architecture: torchvision's name of the backbone; ``onnx``: another network, of which ``model.onnx`` is all that
            is known.
        labels: the emotions, in the order of the logits.
        input: what the files take.
        crop: how a face becomes that input.
        training: where the weights come from.
        files: by file name.
        temperature: what logits are divided by before softmax, so that probabilities mean what they say. The files
            give raw logits.
        calibration: where the temperature comes from; None where it was never fitted and is 1.
        golden: recorded answers to hold the files to, anywhere; None in bundles without.
    """

    schema_version: Literal[1, 2, 3]
    name: str
    architecture: str
    labels: tuple[str, ...]
    input: Input
    crop: Crop
    training: Training
    files: dict[str, File] = {}
    temperature: PositiveNumber = 1.0
    calibration: Calibration | None = None
    golden: Golden | None = None
