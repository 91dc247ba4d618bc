"""What files are made from: a bundle's checkpoint, or the ONNX file of a network that nothing else is known of."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import msgspec

from edge.bundle import CONFIG_NAME, FILE_NAMES, Bundle, Config, read_bundle, write_config
from edge.engines import load_engine
from edge.engines.network import EmotionNetwork
from edge.engines.torch import load_network
from edge.errors import EdgeError
from edge.files import replacing
from quantize.parity import Run, torch_run

#: ``architecture`` of a bundle that ``edge-quantize convert`` made of an ``.onnx`` file.
ONNX_ONLY = "onnx"


@dataclasses.dataclass(frozen=True)
class Source:
    """A checkpoint, loaded.

    Attributes:
        bundle: where it lies, with the input size that files are made for.
        checkpoint: name of its file.
        network: the network, float32, in evaluation mode; None of a bundle that has only an ONNX file.
        run: gives its answers.
    """

    bundle: Bundle
    checkpoint: str
    network: EmotionNetwork | None
    run: Run

    @property
    def path(self) -> Path:
        """The checkpoint's file."""
        return self.bundle.folder / self.checkpoint


def open_source(path: Path, size: int | None = None) -> Source:
    """Load the checkpoint of a bundle.

    Args:
        path: the bundle's folder, or the ``.pth`` file in it.
        size: make files for this input size, pixels, instead of the bundle's.

    Raises:
        EdgeError: nothing there, no checkpoint, not what the config describes, or damaged.
    """
    if not path.exists():
        raise EdgeError(f"{path}: no such bundle or file; edge-train writes one to RUN/bundle")
    bundle = read_bundle(path if path.is_dir() else path.parent)
    if bundle.config.architecture == ONNX_ONLY:
        return _onnx_source(bundle, size)
    if path.is_file() and path.suffix != ".pth":
        raise EdgeError(f"{path}: no PyTorch checkpoint (.pth); give the bundle's folder or its model_weights.pth")
    listed = [name for name, file in bundle.config.files.items() if file.format == "pth"]
    name = path.name if path.is_file() else (listed or [FILE_NAMES["pth", "float32"]])[0]
    network = load_network(bundle.path(name), bundle.config)
    return Source(_resized(bundle, size), name, network, torch_run(network))


def open_output(source: Source, out: Path | None) -> Bundle:
    """Return the bundle that files go into: the source's own, or one in another folder, with a copy of the checkpoint.

    Raises:
        EdgeError: the folder holds another model's bundle, or cannot be written to; or files for another input size
            would go into the source's own.
    """
    config = source.bundle.config
    if out is None or out.resolve() == source.bundle.folder.resolve():
        if read_bundle(source.bundle.folder).config.input.size != config.input.size:
            raise EdgeError("--image-size makes another model of it: give --out a new folder")
        return source.bundle
    entry = config.files[source.checkpoint]
    plain = msgspec.structs.replace(config, files={}, golden=None)
    if (out / CONFIG_NAME).exists():
        there = read_bundle(out)
        kept = there.config.files.get(source.checkpoint)
        # A temperature may have been fitted since: it belongs to the same weights, and the files do not hold it.
        renewed = msgspec.structs.replace(there.config, temperature=config.temperature, calibration=config.calibration)
        if not _same(renewed, plain) or kept is None or kept.sha256 != entry.sha256:
            raise EdgeError(f"--out {out} holds another model's bundle; choose an empty folder")
        return Bundle(out, renewed)
    with replacing(out / source.checkpoint) as temporary:
        shutil.copyfile(source.path, temporary)
    bundle = Bundle(out, msgspec.structs.replace(plain, files={source.checkpoint: entry}))
    write_config(out, bundle.config)
    return bundle


def _onnx_source(bundle: Bundle, size: int | None) -> Source:
    if size is not None and size != bundle.config.input.size:
        raise EdgeError(f"{bundle.folder} holds an ONNX file for {bundle.config.input.size} px; leave --image-size out")
    name = FILE_NAMES["onnx", "float32"]
    return Source(bundle, name, None, load_engine(bundle.path(name), bundle.config).run)


def _resized(bundle: Bundle, size: int | None) -> Bundle:
    if size is None or size == bundle.config.input.size:
        return bundle
    resized = msgspec.structs.replace(bundle.config.input, size=size)
    # Figures, files and temperature belong to the other size.
    files = {
        name: msgspec.structs.replace(file, metrics=())
        for name, file in bundle.config.files.items()
        if file.format == "pth"
    }
    config = msgspec.structs.replace(
        bundle.config, input=resized, files=files, golden=None, temperature=1.0, calibration=None
    )
    return Bundle(bundle.folder, config)


def _same(there: Config, plain: Config) -> bool:
    return msgspec.structs.replace(there, files={}, golden=None) == plain
