"""From what the user names as a model to a network that reads faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.bundle import FILE_NAMES, Bundle, read_bundle
from edge.engines import Engine, load_engine
from edge.engines.loading import RUNTIMES
from edge.errors import EdgeError
from edge.metrics import softmax
from edge.preprocess import crop_faces
from edge.types import Emotion, Face

DEFAULT_MODEL = Path(__file__).parent / "models" / "default"

#: Which file of a bundle is run when the user names the folder. int8 first: small, fast, proved on calibrated ranges.
#: Then dynamic range: as fast on a processor with VNNI, but less promised, since float sums decide where it rounds.
#: float16 computes in float32, so it gains nothing while it runs. The integer file is for accelerators, and its outputs
#: are coarser.
_ORDER = (
    FILE_NAMES["tflite", "int8"],
    FILE_NAMES["onnx", "int8"],
    FILE_NAMES["tflite", "dynamic"],
    FILE_NAMES["tflite", "float32"],
    FILE_NAMES["tflite", "float16"],
    FILE_NAMES["onnx", "float32"],
    FILE_NAMES["tflite", "integer"],
    FILE_NAMES["torchscript", "float32"],
    FILE_NAMES["pth", "float32"],
)

#: Any one of these packages runs files with that ending.
_MODULES = {".tflite": ("ai_edge_litert", "tflite_runtime"), ".onnx": ("onnxruntime",)}


class Model:
    """A network with its config: faces of a frame in, emotions out.

    Attributes:
        bundle: folder and config.
        path: the file that runs.
        engine: the runtime it runs on.
    """

    def __init__(
        self, model: Path | None = None, *, onnx: bool = False, device: str = "cpu", threads: int | None = None
    ) -> None:
        """Load a model.

        Args:
            model: a bundle folder or one file in it; None takes the packaged default.
            onnx: of a folder, take the ONNX file.
            device: ``"cpu"`` or ``"cuda"``.
            threads: CPU threads; None leaves the runtime's choice.

        Raises:
            EdgeError: missing, damaged, not fitting its config, or no runtime installed for it.
        """
        given = model or DEFAULT_MODEL
        if not given.exists():
            made = given.suffix in RUNTIMES and (given.parent / FILE_NAMES["pth", "float32"]).is_file()
            remedy = f"make it with: edge-quantize {given.parent}" if made else "check the path given to --model"
            raise EdgeError(f"{given} is missing; {remedy}")
        self.bundle = read_bundle(given if given.is_dir() else given.parent)
        name = _choose(self.bundle, onnx, device) if given.is_dir() else given.name
        if onnx and not name.endswith(".onnx"):
            raise EdgeError(f"--onnx: {given} is no .onnx file; name one, or a bundle that has one")
        self.path = self.bundle.path(name)
        self.engine: Engine = load_engine(self.path, self.bundle.config, device, threads)

    def read(self, frame: NDArray[np.uint8], faces: Sequence[Face]) -> list[Emotion]:
        """Return one emotion per face of a BGR frame ``[H, W, 3]``, from one call of the engine."""
        return self.classify(self.crop(frame, faces))

    def crop(self, frame: NDArray[np.uint8], faces: Sequence[Face]) -> NDArray[np.uint8]:
        """Return the network input ``[N, S, S, 3]`` (uint8, RGB) of the faces of a BGR frame."""
        return crop_faces(frame, faces, self.bundle.config.crop, self.bundle.config.input.size)

    def classify(self, crops: NDArray[np.uint8]) -> list[Emotion]:
        """Return one emotion per crop ``[N, S, S, 3]``; probabilities are taken at the config's temperature."""
        if not len(crops):
            return []
        logits, affect = self.engine.run(crops)
        labels = self.bundle.config.labels
        probabilities = softmax(logits, self.bundle.config.temperature)
        return [
            Emotion(tuple(map(float, row)), labels, float(valence), float(arousal))
            for row, (valence, arousal) in zip(probabilities, affect, strict=True)
        ]

    def close(self) -> None:
        """Release the runtime."""
        self.engine.close()


def runnable_files(folder: Path) -> list[Path]:
    """Return the files of a bundle that are there and whose runtime is installed, the one preferred on a CPU first.

    Raises:
        EdgeError: ``folder`` is no bundle.
    """
    bundle = read_bundle(folder)
    return [
        folder / name
        for name in _ORDER
        if name in bundle.config.files and _installed(name) and (folder / name).is_file()
    ]


def _installed(name: str) -> bool:
    """Say whether a runtime for a file's extension is installed; it is not imported."""
    from importlib.util import find_spec

    return any(find_spec(module) for module in _MODULES.get(Path(name).suffix, ("torch",)))


def _choose(bundle: Bundle, onnx: bool, device: str) -> str:
    """Pick a file of a bundle: one whose runtime is installed and can use the device."""
    fitting = [
        name
        for name in _ORDER
        if name in bundle.config.files
        and (not onnx or name.endswith(".onnx"))
        and (device == "cpu" or not name.endswith(".tflite"))
        and _installed(name)
    ]
    if fitting:
        return fitting[0]
    wanted = f" {'ONNX ' if onnx else ''}file that an installed runtime can run on {device}"
    raise EdgeError(
        f"{bundle.folder} has no{wanted}; it lists {', '.join(bundle.config.files) or 'no files'}. "
        "Runtimes: pip install 'emot-edge[onnx]' for .onnx, 'emot-edge[train]' for .pth and .pt"
    )
