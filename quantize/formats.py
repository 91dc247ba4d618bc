"""The formats ``edge-quantize`` makes, under the names its ``--formats`` takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.util import find_spec

from edge.bundle import FILE_NAMES, Format, Precision
from edge.errors import EdgeError


@dataclasses.dataclass(frozen=True)
class Target:
    """One file to make.

    Attributes:
        name: what ``--formats`` calls it.
        format: as in the bundle's config.
        precision: as in the bundle's config.
        packages: what must be installed to make it.
        by_default: made where ``--formats`` is not given.
    """

    name: str
    format: Format
    precision: Precision
    packages: tuple[str, ...] = ()
    by_default: bool = True

    @property
    def file(self) -> str:
        """Name of the file in a bundle."""
        return FILE_NAMES[self.format, self.precision]


_ONNX = ("onnx", "onnxsim", "onnxruntime")
_TFLITE = ("tensorflow", "litert_quantizer")

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("torchscript", "torchscript", "float32"),
        Target("onnx", "onnx", "float32", _ONNX),
        Target("keras", "keras", "float32", ("tensorflow",)),
        Target("tflite", "tflite", "float32", ("tensorflow",)),
        Target("tflite-float16", "tflite", "float16", _TFLITE),
        Target("tflite-dynamic", "tflite", "dynamic", _TFLITE),
        Target("onnx-int8", "onnx", "int8", _ONNX),
        Target("tflite-int8", "tflite", "int8", _TFLITE),
        Target("tflite-integer", "tflite", "integer", _TFLITE, by_default=False),
    )
}


def chosen(words: Sequence[str]) -> list[Target]:
    """Return the targets of ``--formats``, each of which may be a comma list; the default ones where nothing is given.

    Raises:
        EdgeError: a name that is none of :data:`TARGETS`, or a package that is not installed.
    """
    names = [name.strip() for word in words for name in word.split(",") if name.strip()]
    for name in names:
        if name not in TARGETS:
            raise EdgeError(f"--formats {name}: no such format; use some of {', '.join(TARGETS)}")
    targets = [target for target in TARGETS.values() if target.name in names or (not names and target.by_default)]
    for target in targets:
        missing = [package for package in target.packages if find_spec(package) is None]
        if missing:
            others = [name for name, other in TARGETS.items() if not set(missing) & set(other.packages)]
            raise EdgeError(
                f"{target.name} needs {', '.join(missing)}, not installed: pip install 'emot-edge[quantize]', or use "
                f"--formats {','.join(others)}"
            )
    return targets
