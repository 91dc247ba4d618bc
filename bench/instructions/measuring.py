"""Counting everything of a bundle: its networks, the detectors' and whole frames, on each processor."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.instructions.board import BUNDLE, assemble
from bench.instructions.chips import CHIPS, Chip
from bench.instructions.counting import Emulation, Tally, check_programs, compile_plugin, mean
from bench.instructions.errors import CannotEmulateError
from bench.instructions.root import build_root
from bench.macs import Layer, bytes_moved, layers_of, macs
from bench.result import Counts, Row, Value
from bench.roofline import BOARDS, estimate
from edge.bundle import Bundle
from edge.errors import EdgeError

#: Version of Python on the emulated board, Raspberry Pi OS bookworm's.
PYTHON = "3.11"

#: Packages that the runtime needs there, in the versions that are installed here.
PACKAGES = ("numpy", "opencv-contrib-python", "ai-edge-litert", "onnxruntime", "msgspec")

#: Repeated counts of the same thing may differ by this share.
REPEATABLE = 1e-4


@dataclasses.dataclass(frozen=True)
class Task:
    """Something to be counted.

    Attributes:
        arguments: of ``counted.py``.
        keys: key of a row for each region's name, without the processor; ``mean`` is all regions together.
        settings: of the rows.
        layers: of the network; None where it is not one network alone, or can't be read.
        notes: of the rows.
    """

    arguments: tuple[str, ...]
    keys: dict[str, str]
    settings: dict[str, Value]
    layers: list[Layer] | None = None
    notes: tuple[str, ...] = ()


def tasks_of(bundle: Bundle, files: Sequence[str]) -> Iterator[Task]:
    """Yield what is counted for a bundle: each of these files, the detectors, and frames with the first of the files.

    Raises:
        EdgeError: the bundle has none of these files.
    """
    from edge.assets import asset
    from edge.detect.network import FULL_RANGE, SHORT_RANGE, resized
    from edge.detect.windows import SIZES

    architecture, size = bundle.config.architecture, bundle.config.input.size
    for name in files:
        layers, notes = _layers(bundle.path(name))
        settings: dict[str, Value] = {"model": architecture, "file": name, "input_size": size}
        yield Task(("network", str(BUNDLE), name), {"inference": f"{architecture}/{name}"}, settings, layers, notes)
    for short, variant in (("short", SHORT_RANGE), ("full", FULL_RANGE)):
        layers, notes = _layers(asset(variant.file))
        settings = {"detector": variant.file, "width": variant.size, "height": variant.size}
        key = f"{variant.file}/{variant.size}x{variant.size}"
        yield Task(("detector", short), {"inference": key}, settings, layers, notes)
    for width, height in SIZES:  # of windows that a face is followed in
        path = asset(FULL_RANGE.file)
        layers = layers_of(path, resized(path.read_bytes(), width, height), (1, height, width, 3))
        settings = {"detector": FULL_RANGE.file, "width": width, "height": height}
        key = f"{FULL_RANGE.file}/{width}x{height}"
        yield Task(("detector", "full", str(width), str(height)), {"inference": key}, settings, layers)
    name = files[0]
    keys = {region: f"frame {region}/{architecture}/{name}" for region in ("searched", "followed", "mean")}
    settings = {"model": architecture, "file": name, "source": "moving portrait", "width": 640, "height": 480}
    notes = ("EmotionReader.process of one frame with one face; mean: one search, then following until the next",)
    yield Task(("frame", str(BUNDLE), name), keys, settings | {"faces": 1}, None, notes)


def files_of(bundle: Bundle, wanted: Sequence[str]) -> list[str]:
    """Return the files of a bundle that can be counted, the one that ``edge-run`` prefers first.

    Args:
        bundle: the bundle.
        wanted: file names; none for all.

    Raises:
        EdgeError: one is not there or is of another format, or there are none.
    """
    from edge.model import runnable_files

    countable = [path.name for path in runnable_files(bundle.folder) if path.suffix in (".tflite", ".onnx")]
    for name in wanted:
        if name not in countable:
            raise EdgeError(
                f"{bundle.folder} has no {name} that can be counted; it has {', '.join(countable) or 'none'}"
            )
    if not countable:
        raise EdgeError(f"{bundle.folder} has no .tflite or .onnx file; make them with: edge-quantize {bundle.folder}")
    return list(wanted) or countable


def _layers(path: Path) -> tuple[list[Layer] | None, tuple[str, ...]]:
    try:
        return layers_of(path), ()
    except EdgeError as error:
        return None, (f"MACs and bytes are unknown: {error}",)


def prepare(cache: Path, folder: Path, chips: Sequence[Chip], bundle: Path, runtime: Path | None = None) -> Emulation:
    """Make all that emulating needs; what is downloaded stays in the cache.

    Args:
        cache: folder that is kept.
        folder: for this run, in the cache.
        chips: processors that are wanted.
        bundle: folder of the bundle that is counted.
        runtime: folder of the package ``edge`` that is counted; None: the one that runs this.

    Raises:
        CannotEmulateError: a program is missing, or a package can't be had.
    """
    import edge

    plugin = compile_plugin(folder)
    root = build_root(cache, PYTHON, wanted())
    return Emulation(assemble(root, folder / "boards", chips, bundle, runtime or Path(edge.__file__).parent), plugin)


def wanted() -> list[str]:
    """Return the packages that the emulated board gets, in this machine's versions.

    Raises:
        CannotEmulateError: one is not installed here.
    """
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name}=={version(name)}")
        except PackageNotFoundError as error:
            raise CannotEmulateError(
                f"counting takes the versions that are installed here, and {name} is not; pip install {name}"
            ) from error
    return found


def count_all(
    bundle: Bundle,
    tasks: Sequence[Task],
    chips: Sequence[Chip],
    cache: Path,
    twice: bool,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[list[Row], float | None]:
    """Count every task on every processor, in a process of its own each.

    Args:
        bundle: whose files are counted.
        tasks: see :func:`tasks_of`.
        chips: the processors.
        cache: folder for what is downloaded.
        twice: count everything again, and say how much that differs.
        progress: told of each task before it is counted.

    Returns:
        The rows, and how much the two counts differ at the most, as a ratio; None for once.

    Raises:
        CannotEmulateError: nothing can be counted here.
    """
    check_programs()  # before a folder is made
    rows: list[Row] = []
    worst = 1.0
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run.", dir=cache) as scratch:
        emulation = prepare(cache, Path(scratch), chips, bundle.folder)
        for task in tasks:
            for chip in chips:
                progress(f"{' '.join(task.keys.values())} on {chip.cpu}")
                made, ratio = _count(emulation, task, chip, twice)
                rows += made
                worst = max(worst, ratio)
    return rows, worst if twice else None


def _count(emulation: Emulation, task: Task, chip: Chip, twice: bool) -> tuple[list[Row], float]:
    """Return the rows of a task, and the largest ratio between its two counts."""
    settings = task.settings | {"cpu": chip.cpu, "threads": 1}
    try:
        runs = [_by_region(emulation.count(chip, task.arguments)) for _ in range(2 if twice else 1)]
    except CannotEmulateError as error:
        failed = [
            Row(key=f"{key}/{chip.cpu}", settings=settings, status="failed", reason=str(error))
            for key in task.keys.values()
        ]
        return failed, 1.0
    rows, worst = [], 1.0
    for region, key in task.keys.items():
        tallies = [run[region] for run in runs if region in run]
        if not tallies:
            continue
        worst = max(worst, difference(tallies))
        rows.append(
            Row(key=f"{key}/{chip.cpu}", settings=settings, counts=_counts(task, chip, tallies[0]), notes=task.notes)
        )
    return rows, worst


def _by_region(found: dict[str, list[Tally]]) -> dict[str, Tally]:
    means = {region: mean(tallies) for region, tallies in found.items()}
    means["mean"] = mean([tally for tallies in found.values() for tally in tallies])
    return means


def difference(tallies: Sequence[Tally]) -> float:
    """Return the largest ratio between counts of the same thing, 1 or more; of any kind of instruction."""
    columns = zip(*(dataclasses.astuple(tally) for tally in tallies), strict=True)
    return max(max(column) / min(column) if min(column) > 0 else math.inf if max(column) else 1.0 for column in columns)


def _counts(task: Task, chip: Chip, tally: Tally) -> Counts:
    guess = estimate(BOARDS[chip.cpu], task.layers, tally.instructions)
    return Counts(
        **dataclasses.asdict(tally),
        macs=None if task.layers is None else macs(task.layers),
        bytes_moved=None if task.layers is None else bytes_moved(task.layers),
        estimate_ms=guess.milliseconds if guess else None,
        assumptions=guess.assumptions if guess else (),
    )


def chips_named(names: Sequence[str]) -> list[Chip]:
    """Return processors by name; all of them for no names.

    Raises:
        EdgeError: there is none of a name.
    """
    unknown = [name for name in names if name not in CHIPS]
    if unknown:
        raise EdgeError(f"no processor {unknown[0]} here; there are {', '.join(CHIPS)}")
    return [CHIPS[name] for name in names] or list(CHIPS.values())
