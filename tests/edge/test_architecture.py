"""The arrows of the house, and what the runtime drags in."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ARROWS: dict[str, set[str]] = {
    "edge": set(),
    "train": {"edge"},
    "quantize": {"edge", "train"},
    "devices": {"edge"},
    "bench": {"edge", "devices", "train"},
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("room", ARROWS)
def test_imports_run_along_the_arrows(room: str) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        rooms = {name.partition(".")[0] for name in imported(path)} & set(ARROWS)
        assert rooms <= ARROWS[room] | {room}, path


def test_bench_uses_only_the_data_readers_of_train() -> None:
    for path in (ROOT / "bench").rglob("*.py"):
        assert all(n.startswith("train.data") for n in imported(path) if n.partition(".")[0] == "train"), path


def test_the_runtime_imports_nothing_heavy() -> None:
    """Import everything edge-run uses by default and see what came along."""
    program = (
        "import sys, edge.cli, edge.reader, edge.pipeline, edge.overlay, edge.sources, edge.sinks.window\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"torch", "torchvision", "tensorflow", "mediapipe", "onnxruntime", "lightning", "matplotlib", "pydantic"}
    assert heavy & set(loaded.stdout.split()) == set()


def test_data_readers_need_no_framework() -> None:
    program = "import sys, train.data.opening\nprint(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {"torch", "torchvision", "lightning"} & set(loaded.stdout.split()) == set()
