"""What is installed on the emulated devices, and the same on this machine to compare with."""

from __future__ import annotations

import dataclasses
import platform
import shutil
import sys
import tomllib
from pathlib import Path

from bench.instructions.errors import CannotEmulateError
from bench.instructions.machine import Machine, bare_environment
from bench.instructions.process import pip
from bench.instructions.root import Root, build_root, for_device
from tests.arm64.emulator import this_machine

PROJECT = Path(__file__).parent.parent.parent
CACHE = PROJECT / ".arm64"
CONSTRAINTS = PROJECT / "constraints.txt"


@dataclasses.dataclass(frozen=True)
class Software:
    """Python and its packages.

    Attributes:
        python: version.
        wanted: what ``pip`` is to install.
        constrained: whether to the versions of constraints.txt, which this machine's own environment has.
    """

    python: str
    wanted: tuple[str, ...]
    constrained: bool = True

    def root(self) -> Root:
        """The root file system of a device with it.

        Raises:
            CannotEmulateError: it can't be built here.
        """
        return build_root(CACHE, self.python, self.wanted, CONSTRAINTS if self.constrained else None)

    def here(self, paths: tuple[Path, ...] = ()) -> Machine:
        """This machine with the same versions, to compare with.

        Raises:
            CannotEmulateError: this Python has no such packages.
        """
        if self.constrained:
            return this_machine(paths)
        major, minor = sys.version_info[:2]
        if self.python != f"{major}.{minor}":
            raise CannotEmulateError(f"these packages are for Python {self.python}, this is {major}.{minor}")
        packages = CACHE / f"here-{self.root().packages.name}"
        if not packages.is_dir():
            pip("install", "--only-binary=:all:", "--target", packages, *self.wanted)
        # Without the environment's own packages (-S), which are newer.
        return Machine(platform.machine(), (sys.executable, "-S"), bare_environment([*paths, packages]))


def _project() -> tuple[str, ...]:
    """What ``pip install 'emot-edge[onnx]'`` would bring to a device."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return (*project["dependencies"], *project["optional-dependencies"]["onnx"])


def _pinned(*names: str) -> tuple[str, ...]:
    """Lines of constraints.txt."""
    lines = {line.partition("==")[0]: line for line in CONSTRAINTS.read_text().splitlines() if "==" in line}
    return tuple(lines[name] for name in names)


#: The last of tflite-runtime, for Python 3.11 at most and NumPy 1, and the OpenCV that goes with that.
OLD = ("tflite-runtime==2.14.0", "numpy==1.26.4", "opencv-contrib-python==4.11.0.86")

SOFTWARE = {
    "3.11": Software("3.11", _project()),
    "3.13": Software("3.13", _project()),
    "3.11-tflite-runtime": Software("3.11", (*OLD, *_pinned("typer", "msgspec", "onnxruntime")), constrained=False),
}


def build_project(folder: Path, python: str) -> Path:
    """Build this project's wheel, install it alone into ``folder / "project"`` and return that folder."""
    source = folder / "source"
    # A copy: building leaves files behind in the checkout.
    left = shutil.ignore_patterns(".*", "build", "out", "runs", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(PROJECT, source, ignore=left)
    pip("wheel", "--no-deps", "--wheel-dir", folder / "wheels", source)
    (wheel,) = (folder / "wheels").glob("*.whl")
    target = folder / "project"
    pip("install", "--no-deps", *for_device(python), "--target", target, wheel)
    return target
