"""A root file system with everything that is counted in it, at paths that are the same in every run.

Paths are seen by the program: in its arguments, in its environment, in the names of its modules. Others would move
what lies in memory, and counts by 0.007 %.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.instructions.chips import Chip
from bench.instructions.root import Root

#: Where the emulated board has what.
CODE, PACKAGES, BUNDLE = Path("/opt/code"), Path("/opt/packages"), Path("/opt/bundle")

#: The program that is counted.
PROGRAM = Path(__file__).parent / "counted.py"


def assemble(root: Root, folder: Path, chips: Sequence[Chip], bundle: Path, edge: Path) -> Root:
    """Make root file systems of hard links, and put the runtime, its packages and a bundle into them.

    Args:
        root: what is installed, in the same file system as ``folder``.
        folder: for the result; must not exist.
        chips: processors that are wanted.
        bundle: folder of the bundle.
        edge: folder of the runtime's package.
    """
    for chip in chips:
        system = folder / chip.cpu
        shutil.copytree(root.system(chip), system, symlinks=True, copy_function=os.link)
        shutil.copytree(root.packages, _inside(system, PACKAGES), symlinks=True, copy_function=os.link)
        shutil.copytree(edge, _inside(system, CODE) / "edge", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PROGRAM, _inside(system, CODE))
        shutil.copytree(bundle, _inside(system, BUNDLE))
    return Root(folder, root.python, PACKAGES)


def _inside(system: Path, path: Path) -> Path:
    return system / path.relative_to("/")
