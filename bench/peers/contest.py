"""All peers on the same pictures in one run, taking turns."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.effort import Effort
from bench.peers.installation import InstallationError, Installed, install
from bench.peers.peer import Peer
from bench.peers.pictures import Faces, Frames
from bench.peers.process import LOADING, PeerError, PeerProcess
from bench.peers.scoring import aligned, score, shared_labels
from bench.recording import Recording, timing
from bench.result import Result, Row, Timing, Value
from bench.statistics import noise_between
from bench.yardstick import yardstick

#: Seconds of rest before each turn: thread pools keep spinning for a moment after their work.
REST = 0.3
#: Frames before anything is timed.
WARM_UP = 5
#: Seconds that a frame or a face may take at the most, before a peer counts as hanging.
SLOWEST = 20.0
#: Faces in one request.
BATCH = 256

#: A checkpoint for the plain recipe, where this runs from the repository.
CHECKPOINT = Path(__file__).parents[2] / "models" / "resnet18"

#: What is true of all of them.
CAVEATS = (
    "every peer ran as it comes, with its own choice of threads, on the processor; GPUs were hidden",
    "frames were decoded beforehand; turning one into what a package takes is part of its time, reading it is not",
    "a detector that finds fewer faces leaves less to classify: compare faces per frame before frames per second",
    "edge-run's and the plain recipe's weights learnt FER+'s own labels; others learnt FER2013's labels of such "
    "images, or other data: accuracy on FER+ favours this toolkit, and says nothing about other pictures",
)


@dataclasses.dataclass
class Contestant:
    """A peer in this run.

    Attributes:
        peer: which.
        installed: its environment.
        process: running; None before it is started and after it failed.
        reason: why it failed.
        loaded: reply to ``load``.
        blocks: seconds of each frame, a list a turn.
        yardsticks: one beside each turn.
        faces: found in each frame.
        cpu: processor seconds of all frames.
        peak_mb: largest resident memory after the last turn.
        scores: of faces, ``[N, C]``, in the order of its own labels.
    """

    peer: Peer
    installed: Installed | None = None
    process: PeerProcess | None = None
    reason: str | None = None
    loaded: dict[str, Any] = dataclasses.field(default_factory=dict)
    blocks: list[list[float]] = dataclasses.field(default_factory=list)
    yardsticks: list[float] = dataclasses.field(default_factory=list)
    faces: list[int] = dataclasses.field(default_factory=list)
    cpu: float = 0.0
    peak_mb: float | None = None
    scores: NDArray[np.float64] | None = None

    @contextlib.contextmanager
    def attempt(self) -> Any:
        """Let what fails inside be this peer's reason, and end it."""
        try:
            yield
        except (PeerError, InstallationError) as error:
            self.reason = str(error)
            self.close()

    def start(self, folder: Path, frames: Path, say: Callable[[str], None]) -> None:
        """Install what is missing, load, and warm up."""
        self.installed = install(self.peer.home, folder, say)
        say(f"starting {self.peer.name}")
        self.process = PeerProcess(self.peer, self.installed)
        options = dict(self.peer.options)
        if self.peer.name == "plain":
            options["checkpoint"] = str(CHECKPOINT)
        self.loaded = self.process.ask("load", LOADING, options=options, frames=str(frames))
        if sorted(self.loaded["labels"]) != sorted(self.peer.classes):
            raise PeerError(f"its classes are {', '.join(self.loaded['labels'])}; the mapping names others")
        self.process.ask("frames", WARM_UP * SLOWEST, count=WARM_UP, seconds=0.0)
        self.process.ask("rewind", SLOWEST)

    def turn(self, count: int, seconds: float) -> None:
        """Go on for a block."""
        assert self.process is not None
        time.sleep(REST)
        beside = yardstick()
        reply = self.process.ask("frames", count * SLOWEST + 2 * seconds, count=count, seconds=seconds)
        self.yardsticks.append(beside)
        self.blocks.append(reply["times"])
        self.faces += reply["faces"]
        self.cpu += reply["cpu"]
        self.peak_mb = reply["peak_mb"]

    def classify(self, path: Path, count: int) -> None:
        """Score all faces."""
        assert self.process is not None
        found: list[list[float]] = []
        for begin in range(0, count, BATCH):
            reply = self.process.ask("faces", BATCH * SLOWEST, path=str(path), begin=begin, end=begin + BATCH)
            if reply["scores"] is None:
                return
            found += reply["scores"]
        self.scores = np.array(found)

    @property
    def timing(self) -> Timing:
        """What its frames took."""
        return timing(self.blocks, self.yardsticks)

    def close(self) -> None:
        """End its process."""
        if self.process is not None:
            self.process.close()
            self.process = None


def measure_peers(
    peers: Sequence[Peer],
    folder: Path,
    frames: Frames,
    faces: Faces | None,
    effort: Effort,
    say: Callable[[str], None] = lambda line: None,
) -> Result:
    """Measure peers; one that fails becomes a row that says why, and the others go on.

    Args:
        peers: which.
        folder: where their environments lie or will lie.
        frames: for the whole way.
        faces: for accuracy; None: it is not measured.
        effort: how long.
        say: told what is going on.
    """
    inputs = f"{len(frames.images)} frames of {frames.source}, {frames.images.shape[2]}x{frames.images.shape[1]}"
    with (
        Recording("peers", effort, inputs=inputs + (f"; {faces.source}" if faces else "")) as recording,
        tempfile.TemporaryDirectory(prefix="edge-bench-") as temporary,
        contextlib.ExitStack() as ending,
    ):
        frames_file, faces_file = Path(temporary) / "frames.npy", Path(temporary) / "faces.npy"
        np.save(frames_file, np.ascontiguousarray(frames.images))
        contestants = [Contestant(peer) for peer in peers]
        # The same thing twice tells how much of a difference is noise.
        again = Contestant(peers[0]) if len(peers) > 1 else None
        running = [*contestants, *([again] if again else [])]
        for contestant in running:
            ending.callback(contestant.close)
            with contestant.attempt():
                contestant.start(folder, frames_file, say)
        for block in range(effort.blocks):
            say(f"turn {block + 1} of {effort.blocks}")
            for contestant in running:
                if contestant.process is not None:
                    with contestant.attempt():
                        contestant.turn(math.ceil(effort.queries / effort.blocks), effort.seconds / effort.blocks)
        if faces is not None:
            np.save(faces_file, faces.images)
            for contestant in contestants:
                same = next((other for other in contestants if other.peer.name == contestant.peer.classifier), None)
                if same is not None and same.scores is not None and contestant.reason is None:
                    contestant.scores = same.scores
                elif contestant.process is not None:
                    say(f"{len(faces.images)} faces for {contestant.peer.name}")
                    with contestant.attempt():
                        contestant.classify(faces_file, len(faces.images))
        if again is not None and contestants[0].reason is None and again.reason is None:
            recording.noise = noise_between(contestants[0].timing, again.timing)
        recording.remarks += CAVEATS
        recording.rows += rows(contestants, frames, faces, effort)
        return recording.result()


def rows(contestants: Sequence[Contestant], frames: Frames, faces: Faces | None, effort: Effort) -> list[Row]:
    """Return a row for each, and after it a second one for accuracy among the classes that all of them know."""
    scored = [contestant for contestant in contestants if contestant.reason is None and contestant.scores is not None]
    shared = shared_labels(contestant.peer.classes for contestant in scored)
    result = []
    for contestant in contestants:
        peer = contestant.peer
        settings: dict[str, Value] = {
            "peer": peer.name,
            "title": peer.title,
            "source": frames.source,
            "width": frames.images.shape[2],
            "height": frames.images.shape[1],
            "licence": peer.licence,
        }
        if contestant.installed is not None and contestant.installed.megabytes is not None:
            settings["environment_mb"] = round(contestant.installed.megabytes)
        key = f"peers/{peer.name}"
        if contestant.reason is not None:
            result.append(Row(key=key, settings=settings, status="failed", reason=contestant.reason))
            continue
        whole = aligned_score = None
        if faces is not None and contestant.scores is not None:
            scores = aligned(contestant.scores, contestant.loaded["labels"], peer.classes)
            whole = score(scores, faces.truth)
            aligned_score = score(scores, faces.truth, shared)
        same_frames = contestant.faces[: effort.queries]
        result.append(
            Row(
                key=key,
                settings=settings,
                timing=contestant.timing,
                cpu_ms=1e3 * contestant.cpu / len(contestant.faces),
                load_ms=contestant.loaded["load_ms"],
                first_ms=contestant.loaded["first_ms"],
                peak_mb=contestant.peak_mb,
                base_mb=contestant.loaded["base_mb"],
                images=whole.images if whole else None,
                accuracy=whole.accuracy if whole else None,
                macro_f1=whole.macro_f1 if whole else None,
                frames=len(contestant.faces),
                faces_per_frame=sum(same_frames) / len(same_frames),
                notes=(
                    f"classes: {peer.mapping}",
                    f"weights: {peer.weights}",
                    f"a single face: {peer.face}",
                    *peer.notes,
                ),
            )
        )
        if aligned_score is not None:
            result.append(
                Row(
                    key=f"{key}/shared classes",
                    settings={"peer": peer.name, "classes": ", ".join(shared)},
                    images=aligned_score.images,
                    accuracy=aligned_score.accuracy,
                    macro_f1=aligned_score.macro_f1,
                    notes=(f"images and answers of {', '.join(shared)} alone",),
                )
            )
    return result
