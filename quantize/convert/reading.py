"""The tensors of a PyTorch file, out of whatever was wrapped around them. Code in it is refused, never run."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edge.errors import EdgeError

#: What training loops call the state dict inside a checkpoint.
_WRAPPINGS = ("state_dict", "model_state_dict", "model_state", "model", "network", "net", "weights", "params")


def read_tensors(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors of a ``.pth`` or Lightning ``.ckpt`` file, in the precision of the file.

    Args:
        path: the file; only tensors and plain values are read (``weights_only=True``).
        prefix: keep only names that begin with it, and take it off.

    Raises:
        EdgeError: missing, no PyTorch file, one that carries code, or no state dict in it (or more than one).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the pickle's protocol; what matters is raised
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise EdgeError(f"{path} is missing; check the path") from error
    except pickle.UnpicklingError as error:
        raise EdgeError(_refusal(path, str(error))) from error
    except Exception as error:  # what torch raises for a damaged file depends on where the damage is
        raise EdgeError(
            f"{path} is not a readable PyTorch checkpoint (TorchScript is none either); save one with "
            "torch.save(network.state_dict(), ...)"
        ) from error
    tensors = _unwrapped(path, content)
    if prefix:
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        if not tensors:
            raise EdgeError(
                f"--prefix {prefix}: no tensor in {path} has a name that begins so; leave it out to see them"
            )
    return tensors


def _refusal(path: Path, detail: str) -> str:
    named = re.search(r"GLOBAL (\S+)", detail)
    with path.open("rb") as file:
        pickled = file.read(2).startswith((b"PK", b"\x80"))  # a zip of torch.save, or a bare pickle
    if not pickled:
        return f"{path} is not a readable PyTorch checkpoint; save one with torch.save(network.state_dict(), ...)"
    what = f"it refers to {named[1]}" if named else "it holds more than tensors"
    return (
        f"{path}: refused, {what}, and loading that could run anything; if you trust it, save its tensors alone where "
        "it was made: torch.save(network.state_dict(), ...)"
    )


def _unwrapped(path: Path, content: Any) -> dict[str, Tensor]:
    if _is_state(content):
        return dict(content)
    inner = {
        name: content[name]
        for name in _WRAPPINGS
        if isinstance(content, Mapping) and name in content and _is_state(content[name])
    }
    if len(inner) == 1:
        return dict(next(iter(inner.values())))
    if inner:
        raise EdgeError(
            f"{path} holds several state dicts ({', '.join(inner)}); save the one that is meant alone with torch.save"
        )
    keys = ", ".join(map(str, list(content)[:5])) if isinstance(content, Mapping) else type(content).__name__
    raise EdgeError(f"{path} holds no state dict ({keys}); save one with torch.save(network.state_dict(), ...)")


def _is_state(content: Any) -> bool:
    return (
        isinstance(content, Mapping)
        and len(content) > 0
        and all(isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items())
    )
