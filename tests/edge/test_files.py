from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import EdgeError
from edge.files import replacing, write_atomically


def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    write_atomically(path, b"old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_bytes(b"ne")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(EdgeError, match=r"cannot write .*out/config\.json"):
        write_atomically(tmp_path / "out" / "config.json", b"x")


def test_written_files_are_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    write_atomically(path, b"x")
    assert path.stat().st_mode & 0o044 == 0o044
