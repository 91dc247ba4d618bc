"""Every runnable file of bundles through its own runtime, in turns, each turn in a process of its own."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from bench.effort import Effort
from bench.inputs import Inputs
from bench.recording import Recording, timing
from bench.records import Block, Failure, Loaded, NetworkJob, Turn
from bench.result import Result, Row, Timing
from bench.statistics import noise_between
from bench.turns import Worker, WorkerError
from edge.bundle import Bundle
from edge.engines.loading import RUNTIMES
from edge.errors import EdgeError
from edge.metrics import accuracy, macro_f1

#: What others are compared with, best first: the checkpoint, then float files closest to it.
REFERENCES = ("model_weights.pth", "model.pt", "model.onnx", "model.tflite")

#: Of a turn's time, what goes to warming up before; at most so many seconds.
WARM_UP_SHARE, WARM_UP = 0.25, 0.5

#: Fewest inferences in a turn, however slow the network is.
LEAST = 10

#: Seed of the order of rows, which is drawn anew in each round.
SEED = 0


@dataclasses.dataclass
class Subject:
    """A row in the making: one file on so many threads.

    Attributes:
        key: of the row.
        bundle: that it belongs to.
        name: of the file.
        threads: CPU threads.
        inputs: of its bundle.
        images: file of these inputs.
        loads: what each start took.
        blocks: one a turn.
        classes: of each image, from the first turn.
        failure: why it is not measured further.
    """

    key: str
    bundle: Bundle
    name: str
    threads: int
    inputs: Inputs
    images: Path
    loads: list[Loaded] = dataclasses.field(default_factory=list)
    blocks: list[Block] = dataclasses.field(default_factory=list)
    classes: tuple[int, ...] = ()
    failure: Failure | None = None

    def take_turn(self, turn: Turn, classify: bool) -> None:
        """Start a process, measure a block, end it; what goes wrong is kept."""
        try:
            self.bundle.path(self.name)  # holds it to its hash
            job = NetworkJob(str(self.bundle.folder.resolve()), self.name, str(self.images), self.threads)
            with Worker(job) as worker:
                block = worker.turn(turn)
                if classify:  # last, since it only adds memory
                    self.classes = worker.classify(len(self.inputs.images))
                self.loads.append(worker.loaded)
                self.blocks.append(block)
        except WorkerError as error:
            self.failure = error.failure
        except EdgeError as error:
            self.failure = Failure("failed", str(error))


def runnable(bundle: Bundle) -> list[str]:
    """Return the names of the files an engine exists for, sorted.

    Raises:
        EdgeError: there is none.
    """
    names = sorted(name for name in bundle.config.files if Path(name).suffix in RUNTIMES)
    if not names:
        raise EdgeError(f"{bundle.folder} lists no {', '.join(RUNTIMES)} file; make some with edge-quantize")
    return names


def measure_formats(
    bundles: Sequence[Bundle],
    inputs: Sequence[Inputs],
    effort: Effort,
    *,
    threads: Sequence[int] = (1,),
    reference: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Result:
    """Measure every runnable file of bundles; one that fails becomes a row that says why.

    All rows have a turn in each of ``effort.blocks`` rounds, in an order drawn anew. A turn is a fresh process: how a
    process happens to lie in memory changes its speed for as long as it lives (Mytkowicz et al. 2009, ASPLOS,
    "Producing wrong data without doing anything obviously wrong!"), so that many blocks of one process would agree
    with each other on what the next process does not show. It also means that one runtime at a time is in memory, on
    small boards as well.
    The row that was fastest in the first round is measured a second time, as if it were another: :attr:`Result.noise` is
    what these two differ by.

    Args:
        bundles: what to measure.
        inputs: of each bundle: images, and their classes where accuracy is wanted.
        effort: how long.
        threads: CPU threads of each runtime; every file is measured with each number.
        reference: name of the file that others are compared with; None: the best of :data:`REFERENCES`.
        progress: called with a line before each turn.

    Raises:
        EdgeError: a bundle lists no runnable file, or not the reference.
    """
    described = "; ".join(dict.fromkeys(one.description for one in inputs))
    with tempfile.TemporaryDirectory(prefix="edge-bench-") as folder:
        subjects = _subjects(bundles, inputs, threads, Path(folder))
        if reference is not None and not any(subject.name == reference for subject in subjects):
            raise EdgeError(f"--reference: no bundle lists {reference}; listed are {_listed(subjects)}")
        with Recording("formats", effort, described) as recording:
            control = _measure(subjects, effort, progress)
        references = _references(subjects, reference)
        recording.rows += [_row(subject, references) for subject in subjects]
        recording.reference = next((one.key for one in references.values()), None)
        if control is not None:
            twin = next(subject for subject in subjects if subject.key == control.key)
            recording.noise = noise_between(_timing(twin), _timing(control))
    return recording.result()


def _subjects(
    bundles: Sequence[Bundle], inputs: Sequence[Inputs], threads: Sequence[int], folder: Path
) -> list[Subject]:
    found: list[Subject] = []
    names: set[str] = set()
    for number, (bundle, given) in enumerate(zip(bundles, inputs, strict=True)):
        images = folder / f"images{number}.npy"
        np.save(images, given.images)
        model = bundle.config.architecture
        if model in names:  # two bundles of one architecture: their folders tell them apart
            model = f"{model} ({bundle.folder.resolve().name})"
        if model in names:
            raise EdgeError(f"{bundle.folder}: a bundle of that name is measured already; leave one out")
        names.add(model)
        for name in runnable(bundle):
            for count in dict.fromkeys(threads):
                key = f"{model}/{name}/{count} thread{'s' * (count != 1)}"
                found.append(Subject(key, bundle, name, count, given, images))
    return found


def _measure(subjects: list[Subject], effort: Effort, progress: Callable[[str], None]) -> Subject | None:
    """Give everybody a turn in each round; return the control, measured likewise, or None where nothing runs."""
    seconds = effort.seconds / effort.blocks
    queries = max(LEAST, -(-effort.queries // effort.blocks))
    order = np.random.default_rng(SEED)
    control: Subject | None = None
    for number in range(effort.blocks):
        turn = Turn(number, seconds, queries, min(WARM_UP, WARM_UP_SHARE * seconds))
        living = [one for one in (*subjects, *((control,) if control else ())) if one.failure is None]
        for place in order.permutation(len(living)):
            subject = living[place]
            progress(f"round {number + 1} of {effort.blocks}: {subject.key}{' again' * (subject is control)}")
            subject.take_turn(turn, classify=number == 0 and subject.inputs.truth is not None)
        if control is None:  # after the first round, in which files that don't run have said so
            measured = [subject for subject in subjects if subject.failure is None]
            if not measured:
                return None
            fastest = min(measured, key=lambda subject: float(np.median(subject.blocks[0].times)))
            control = dataclasses.replace(fastest, loads=[], blocks=[], classes=())
            progress(f"round {number + 1} of {effort.blocks}: {control.key} again")
            control.take_turn(turn, classify=False)
    if control is None:
        return None
    twin = next(subject for subject in subjects if subject.key == control.key)
    return control if control.failure is None and twin.failure is None else None


def _references(subjects: Sequence[Subject], wanted: str | None) -> dict[int, Subject]:
    """Return the reference of each bundle, by the bundle's identity, where one ran; fewest threads first."""
    found: dict[int, Subject] = {}
    for name in (wanted,) if wanted else REFERENCES:
        for subject in sorted(subjects, key=lambda one: one.threads):
            if subject.name == name and subject.failure is None:
                found.setdefault(id(subject.bundle), subject)
    return found


def _row(subject: Subject, references: dict[int, Subject]) -> Row:
    config, path = subject.bundle.config, subject.bundle.folder / subject.name
    reference = references.get(id(subject.bundle))
    row = Row(
        key=subject.key,
        settings={
            "model": config.architecture,
            "bundle": config.name,
            "file": subject.name,
            "precision": config.files[subject.name].precision,
            "input_size": config.input.size,
            "threads": subject.threads,
            "engine": subject.loads[0].engine if subject.loads else None,
            "reference": reference.key if reference else None,
        },
        size_mb=path.stat().st_size / 1e6 if path.is_file() else None,
    )
    if subject.failure is not None:
        return msgspec.structs.replace(row, status=subject.failure.status, reason=subject.failure.reason)
    blocks, loads = subject.blocks, subject.loads
    queries = sum(len(block.times) for block in blocks)
    row = msgspec.structs.replace(
        row,
        timing=_timing(subject),
        cpu_ms=1e3 * sum(block.cpu_s for block in blocks) / queries,
        load_ms=float(np.median([loaded.load_ms for loaded in loads])),
        first_ms=float(np.median([loaded.first_ms for loaded in loads])),
        peak_mb=max((block.peak_mb for block in blocks if block.peak_mb is not None), default=None),
        base_mb=max((loaded.base_mb for loaded in loads if loaded.base_mb is not None), default=None),
    )
    if subject.inputs.truth is None:
        return row
    classes = np.array(subject.classes)
    same = reference is not None and reference.name != subject.name
    return msgspec.structs.replace(
        row,
        images=len(classes),
        accuracy=float(accuracy(subject.inputs.truth, classes)),
        macro_f1=float(macro_f1(subject.inputs.truth, classes, len(config.labels))),
        agreement=float(accuracy(np.array(reference.classes), classes)) if same and reference else None,
    )


def _timing(subject: Subject) -> Timing:
    return timing([block.times for block in subject.blocks], [block.yardstick_ms for block in subject.blocks])


def _listed(subjects: Sequence[Subject]) -> str:
    return ", ".join(dict.fromkeys(subject.name for subject in subjects))
