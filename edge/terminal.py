"""What all commands share at the terminal: one look for ``--help``, one line and exit code 2 for a user's mistake."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import typer
from typer.core import TyperGroup

from edge.errors import EdgeError

Function = TypeVar("Function", bound=Callable[..., Any])


#: The extra that brings a package which the core install leaves out.
_EXTRAS = {
    "torch": "train",
    "torchvision": "train",
    "lightning": "train",
    "torchmetrics": "train",
    "onnxruntime": "onnx",
    "onnx": "quantize",
    "onnxsim": "quantize",
    "tensorflow": "quantize",
    "keras": "quantize",
    "matplotlib": "train",
    "mediapipe": "mediapipe",
    "psutil": "bench",
    "aiohttp": "web",
    "paho": "mqtt",
    "prometheus_client": "prometheus",
}


def app_for(name: str, summary: str, group: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """Return the Typer application of a command; ``group`` decides how its subcommands are found."""
    return typer.Typer(
        name=name,
        cls=group,
        help=summary,
        no_args_is_help=False,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def under(panel: str, *names: str, **settings: Any) -> Any:
    """Return a Typer option that ``--help`` shows under ``panel``."""
    return typer.Option(*names, rich_help_panel=panel, **settings)


def guarded(function: Function) -> Function:
    """Turn an :class:`EdgeError` of a command into one line on stderr and exit code 2; Ctrl-C into exit code 130."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except EdgeError as error:
            fail(error)
        except ModuleNotFoundError as error:
            extra = _EXTRAS.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            fail(EdgeError(f"this needs {error.name}, which is not installed: pip install 'emot-edge[{extra}]'"))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            raise typer.Exit(130) from None

    return cast(Function, call)


def fail(error: Exception) -> None:
    """Print ``error: ...`` in one line on stderr and end the command with exit code 2."""
    print("error: " + " ".join(str(error).split()), file=sys.stderr)
    raise typer.Exit(2)
