"""The model bundle: a folder whose ``model_config.json`` says all there is to know about the files beside it.

See docs/model-bundle.md. Reading is strict: unknown keys, wrong types, files that do not match their hash are refused
with one line that names them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from edge.errors import EdgeError
from edge.files import write_atomically
from edge.schema import (
    FILE_NAMES,
    SCHEMA_VERSION,
    Calibration,
    ClassMetrics,
    Config,
    Crop,
    File,
    Format,
    Golden,
    Input,
    Metrics,
    Parity,
    Precision,
    Quantization,
    Strict,
    Training,
)

__all__ = [
    "CONFIG_NAME",
    "FILE_NAMES",
    "SCHEMA_VERSION",
    "Bundle",
    "Calibration",
    "ClassMetrics",
    "Config",
    "Crop",
    "File",
    "Format",
    "Golden",
    "Input",
    "Metrics",
    "Parity",
    "Precision",
    "Quantization",
    "Strict",
    "Training",
    "check_file",
    "describe_file",
    "parse_config",
    "read_bundle",
    "sha256",
    "write_config",
]

CONFIG_NAME = "model_config.json"


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


def check_file(path: Path, entry: File | Golden) -> None:
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
    for file in (*config.files, *([config.golden.file] if config.golden else [])):
        if Path(file).name != file:
            raise EdgeError(f"{name} is not a valid model config: file {file!r} is not a plain name")
    # What is written back holds the keys of this version, and must say so.
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
