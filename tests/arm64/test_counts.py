"""What ``edge-bench instructions`` counts on the two processors: the same twice, and what they are known to differ in.

Run by ``make test-arm64`` alone; see README.md in this folder.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.instructions.board import BUNDLE, assemble
from bench.instructions.chips import CHIPS, PI4, PI5
from bench.instructions.counting import Emulation, check_programs, compile_plugin, mean
from bench.instructions.errors import CannotEmulateError
from bench.instructions.measuring import REPEATABLE, difference
from bench.instructions.root import Root
from bench.macs import layers_of
from edge.model import DEFAULT_MODEL
from tests.arm64.software import CACHE, PROJECT

# The first test of a run builds the root file system.
pytestmark = [pytest.mark.arm64, pytest.mark.timeout(1200)]

NETWORK = ("network", str(BUNDLE), "model_int8.tflite")
FRAME = ("frame", str(BUNDLE), "model_int8.tflite")
RUNTIME = PROJECT / "edge"


@pytest.fixture(scope="session")
def emulation_of(root_for: Callable[[str], Root], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable]:
    """Boards with a runtime, each with folders of its own."""
    root = root_for("3.11")  # installs QEMU
    try:
        check_programs()
    except CannotEmulateError as error:
        pytest.skip(str(error))
    plugin = compile_plugin(tmp_path_factory.mktemp("plugin"))
    with tempfile.TemporaryDirectory(prefix="run.", dir=CACHE) as folder:
        numbers = itertools.count()

        def make(runtime: Path = RUNTIME) -> Emulation:
            place = Path(folder) / f"boards-{next(numbers)}"
            return Emulation(assemble(root, place, list(CHIPS.values()), DEFAULT_MODEL, runtime), plugin)

        yield make


@pytest.mark.parametrize("chip", CHIPS)
def test_counts_repeat_and_dot_products_are_where_they_must_be(
    chip: str, emulation_of: Callable[..., Emulation]
) -> None:
    first, second = (mean(emulation_of().count(CHIPS[chip], NETWORK)["inference"]) for _ in range(2))
    print(chip, first, second)
    assert difference([first, second]) <= 1 + REPEATABLE
    assert 0 < first.simd < first.instructions
    assert 0 < first.loads_stores < first.instructions
    if chip == PI4.cpu:
        assert first.dot == 0
    else:
        # Each makes sixteen MACs at the most; all 1x1 convolutions are made of them.
        pointwise = sum(
            layer.macs for layer in layers_of(DEFAULT_MODEL / "model_int8.tflite") if layer.kind == "CONV_2D"
        )
        assert pointwise / 16 <= first.dot < pointwise / 4


def test_a_needless_copy_is_found(emulation_of: Callable[..., Emulation], tmp_path: Path) -> None:
    """Of the picture that comes in, 0.9 MB: nothing that a clock would find on a busy machine."""
    shutil.copytree(RUNTIME, tmp_path / "edge", ignore=shutil.ignore_patterns("__pycache__"))
    reader = tmp_path / "edge" / "reader.py"
    text, found = reader.read_text(), "found = self.following.find(frame)"
    assert text.count(found) == 1
    reader.write_text(text.replace(found, f"frame.image.copy(); {found}"))
    lean = mean(emulation_of().count(PI5, FRAME)["followed"])
    planted = mean(emulation_of(tmp_path / "edge").count(PI5, FRAME)["followed"])
    print(lean, planted)
    assert planted.instructions / lean.instructions > 1 + 10 * REPEATABLE
    assert planted.loads_stores / lean.loads_stores > 1 + 10 * REPEATABLE
