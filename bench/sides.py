"""From the words on the command line to the two sides of ``edge-bench pairs``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from bench.pairs import Side, place
from bench.records import Job, NetworkJob, ReaderJob
from bench.turns import ROOT
from edge.errors import EdgeError

#: Moving pictures that the reader runs on, again and again: 92 MB of 640x480.
FRAMES = 100

#: Of a side: where it is, settings, variables.
Words = tuple[str, Sequence[str], Sequence[str]]


def make_sides(a: Words, b: Words, *, file: Path | None, clip: Path | None, folder: Path) -> tuple[Side, Side]:
    """Return the two sides, their inputs written to ``folder``.

    Raises:
        EdgeError: they can't be told apart, or something in them is no side, file, setting or clip.
    """
    if a == b:
        raise EdgeError("both sides are the same; name a tree, a setting or a variable of one: --b, --b-set, --b-env")
    one, other = (_side(words, file, clip, folder) for words in (a, b))
    return one, other


def _side(words: Words, file: Path | None, clip: Path | None, folder: Path) -> Side:
    where, settings, variables = words
    python, tree = place(where or str(ROOT))
    given, environment = _parsed(settings), _parsed(variables)
    # No path: the title becomes part of the record.
    title = " ".join((Path(where).absolute().name if where else "this installation", *settings, *variables))
    if file is None:
        return Side(python, tree, environment, _reader_job(given, clip, folder), title)
    if unknown := sorted(given.keys() - {"threads", "file"}):
        raise EdgeError(f"a file has no setting {unknown[0]!r}, only threads and file")
    path = Path(given["file"]) if "file" in given else file
    return Side(python, tree, environment, _network_job(path, given.get("threads", "1"), folder), title)


def _network_job(path: Path, threads: str, folder: Path) -> Job:
    from bench.inputs import face_inputs
    from edge.bundle import read_bundle

    bundle = read_bundle(path.parent)
    bundle.path(path.name)
    if not threads.isdigit() or threads == "0":
        raise EdgeError(f"threads={threads}: a number from 1 on")
    images = folder / f"images{bundle.config.input.size}.npy"
    np.save(images, face_inputs(bundle.config).images)
    return NetworkJob(str(path.parent.resolve()), path.name, str(images), int(threads))


def _reader_job(given: dict[str, str], clip: Path | None, folder: Path) -> Job:
    frames = folder / "frames.npy"
    if not frames.exists():
        np.save(frames, _frames(clip))
    model = given.pop("model", None)
    options = {name: _value(value) for name, value in given.items()}
    cycle = options.get("search_interval", ReaderJob.__struct_defaults__[2])
    if not isinstance(cycle, int) or cycle < 1:
        raise EdgeError(f"search_interval={cycle}: a number from 1 on")
    return ReaderJob(str(frames), str(Path(model).resolve()) if model else None, options, cycle)


def _frames(clip: Path | None) -> np.ndarray:
    from edge.sources import open_source

    source = open_source(str(clip) if clip else "demo")
    found = []
    try:
        for frame in source.frames():
            if frame is not None:
                found.append(frame.image)
            if len(found) == FRAMES:
                break
    finally:
        source.close()
    if not found:
        raise EdgeError(f"{clip} has no frames; give another one")
    return np.stack(found)


def _parsed(words: Iterable[str]) -> dict[str, str]:
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise EdgeError(f"{word}: write NAME=VALUE")
        found[name] = value
    return found


def _value(text: str) -> str | int | float | bool:
    """Read a value as TOML and JSON write them; anything else is text."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return value if isinstance(value, str | int | float | bool) else text
