"""What a file was made from, as one hash: a run that would make the same file again keeps the one that is there."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from edge.bundle import Config
from edge.version import __version__

#: A new release of one of these may write other bytes.
CONVERTERS = ("torch", "onnx", "onnxruntime", "onnxsim", "tensorflow", "keras", "litert-quantizer", "ai-edge-litert")


def fingerprint(config: Config, checkpoint: str, target: str, images: str, **options: Any) -> str:
    """Return a SHA-256 over everything that goes into making and judging a file.

    Args:
        config: of the bundle: architecture, input and labels count.
        checkpoint: sha256 of the checkpoint.
        target: name of the format.
        images: hash of the images of the run.
        options: recipe, limits; anything msgspec can encode.
    """
    facts = {
        "checkpoint": checkpoint,
        "architecture": config.architecture,
        "input": config.input,
        "labels": config.labels,
        "target": target,
        "images": images,
        "options": options,
        "versions": {"emot-edge": __version__, **{name: _version(name) for name in CONVERTERS}},
    }
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
