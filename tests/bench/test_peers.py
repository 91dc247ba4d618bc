"""edge-bench peers: mappings, the conversation with peers' processes, and a run of what is installed here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.effort import Effort
from bench.peers.catalogue import PEERS, chosen
from bench.peers.contest import measure_peers
from bench.peers.installation import LISTS, MARK, InstallationError, Installed, install
from bench.peers.peer import Home, Peer
from bench.peers.pictures import Faces, Frames, demo_frames
from bench.peers.process import ADAPTERS, PeerError, PeerProcess
from bench.peers.scoring import aligned, score, shared_labels
from bench.peers.table import show
from bench.result import read_result, write_result
from edge.errors import EdgeError
from edge.labels import LABELS, canonical

BRIEF = Effort("quick", 4, 0.0, 2)
HERE = Installed(sys.executable)
BY_NAME = {peer.name: peer for peer in PEERS}

#: An adapter whose frames hold one face for every 100 of the mean brightness, and whose classes are three.
SMALL = """
import os, sys
sys.path.insert(0, {adapters!r})
from serving import serve

class Small:
    labels = ["happy", "neutral", "mad"]
    def load(self, options):
        print("libraries print what they like")
    def process(self, frame):
        {process}
        return int(frame.mean() // 100)
    def classify(self, face):
        return [float(face[0, 0, 0]), 0.5, 0.0]

serve(Small())
"""


def small(folder: Path, name: str, process: str = "pass") -> Peer:
    program = folder / f"{name}.py"
    program.write_text(SMALL.format(adapters=str(ADAPTERS), process=process))
    return Peer(
        name=name,
        title="a small one",
        adapter=str(program),  # absolute: it stays what it is when a folder is put before it
        classes={"happy": "happiness", "neutral": "neutral", "mad": "anger"},
        licence="none",
        weights="none",
        face="as it is",
    )


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_class_maps_by_name_or_is_said_to_be_absent(peer: Peer) -> None:
    for name, label in peer.classes.items():
        assert canonical(name) == label
    assert len(set(peer.classes.values())) == len(peer.classes)
    assert {*peer.classes.values(), *peer.absent} == set(LABELS)
    assert all(label in peer.mapping for label in LABELS)
    assert (ADAPTERS / peer.adapter).is_file()
    assert all((LISTS / name).is_file() for name in peer.home.files)
    assert peer.licence and peer.weights and peer.face


def test_names_are_unique_and_known() -> None:
    assert len(BY_NAME) == len(PEERS)
    assert [peer.name for peer in chosen(["fer", "edge-run"])] == ["edge-run", "fer"]
    assert all(not peer.classifier or peer.classifier in BY_NAME for peer in PEERS)
    with pytest.raises(EdgeError, match="no such peer"):
        chosen(["nobody"])


def test_requirements_are_pinned() -> None:
    for peer in PEERS:
        for name in peer.home.files:
            if name.endswith(".txt"):
                lines = [line for line in (LISTS / name).read_text().splitlines() if not line.startswith("#")]
                assert all("==" in line for line in lines), name


def test_scores_find_their_labels() -> None:
    classes = {"sad": "sadness", "happy": "happiness"}
    scores = aligned(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), ["sad", "happy"], classes)
    assert scores.argmax(axis=1).tolist() == [LABELS.index(name) for name in ("sadness", "happiness", "sadness")]
    with pytest.raises(ValueError, match="sad, glad"):
        aligned(np.zeros((1, 2)), ["sad", "glad"], classes)


def test_an_absent_class_is_wrong_among_all_and_left_out_among_shared() -> None:
    one = {label: label for label in LABELS}
    other = {label: label for label in LABELS if label != "contempt"}
    shared = shared_labels([one, other])
    assert shared == LABELS[:-1]
    truth = np.array([LABELS.index(name) for name in ("neutral", "contempt", "anger", "anger")])
    scores = np.full((4, 8), 0.0)
    scores[[0, 1, 2, 3], [0, 6, 6, 7]] = 1.0  # neutral, anger, anger, contempt
    scores[3, 6] = 0.5  # the second choice, which counts where contempt may not be said
    assert (score(scores, truth).images, score(scores, truth).accuracy) == (4, 0.5)
    assert (score(scores, truth, shared).images, score(scores, truth, shared).accuracy) == (3, 1.0)


def test_a_conversation(tmp_path: Path) -> None:
    frames = np.stack([np.full((8, 6, 3), value, np.uint8) for value in (0, 100, 200)])
    np.save(tmp_path / "frames.npy", frames)
    process = PeerProcess(small(tmp_path, "small"), HERE)
    try:
        loaded = process.ask("load", 60, options={}, frames=str(tmp_path / "frames.npy"))
        assert loaded["labels"] == ["happy", "neutral", "mad"]
        assert process.ask("frames", 60, count=2, seconds=0.0)["faces"] == [0, 1]
        assert process.ask("frames", 60, count=2, seconds=0.0)["faces"] == [2, 0]  # goes on, and begins again
        process.ask("rewind", 60)
        assert process.ask("frames", 60, count=1, seconds=0.0)["faces"] == [0]
        faces = process.ask("faces", 60, path=str(tmp_path / "frames.npy"), begin=1, end=9)
        assert faces["scores"] == [[100.0, 0.5, 0.0], [200.0, 0.5, 0.0]]
    finally:
        process.close()


@pytest.mark.parametrize(
    ("process", "reason"),
    [
        ("raise ValueError('no such face')", "ValueError: no such face"),
        ("os._exit(3)", "exit code 3"),
        ("os.abort()", "SIGABRT"),
    ],
)
def test_what_goes_wrong_is_a_reason(tmp_path: Path, process: str, reason: str) -> None:
    np.save(tmp_path / "frames.npy", np.zeros((1, 8, 8, 3), np.uint8))
    running = PeerProcess(small(tmp_path, "broken", process), HERE)
    try:
        with pytest.raises(PeerError, match=reason):
            running.ask("load", 60, options={}, frames=str(tmp_path / "frames.npy"))
    finally:
        running.close()


def test_one_that_hangs_is_ended(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", np.zeros((1, 8, 8, 3), np.uint8))
    running = PeerProcess(small(tmp_path, "slow", "import time; time.sleep(600)"), HERE)
    try:
        with pytest.raises(PeerError, match="no answer"):
            running.ask("load", 2, options={}, frames=str(tmp_path / "frames.npy"))
    finally:
        running.close()


def test_those_that_fail_are_rows_and_the_others_go_on(tmp_path: Path) -> None:
    unmade = small(tmp_path, "unmade")
    missing = Home("elsewhere", "python", ("requirements/fer.txt",))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.txt").write_text("not of edge-bench")
    peers = [
        BY_NAME["edge-run"],
        small(tmp_path, "small"),
        small(tmp_path, "broken", "raise RuntimeError('broken')"),
        Peer(**{**{key: getattr(unmade, key) for key in unmade.__dataclass_fields__}, "home": missing}),
    ]
    frames = demo_frames()
    truth = np.array([LABELS.index("happiness"), LABELS.index("anger"), LABELS.index("contempt")])
    faces = Faces(np.full((3, 48, 48, 3), 200, np.uint8), truth, "three gray squares")
    result = measure_peers(peers, tmp_path, Frames(frames.images[:6], "a clip"), faces, BRIEF)

    rows = {row.key: row for row in result.rows}
    assert set(rows) == {
        "peers/edge-run",
        "peers/edge-run/shared classes",
        "peers/small",
        "peers/small/shared classes",
        "peers/broken",
        "peers/unmade",
    }
    assert rows["peers/broken"].reason == "RuntimeError: broken"
    assert "not made by edge-bench" in (rows["peers/unmade"].reason or "")
    assert (tmp_path / "elsewhere" / "mine.txt").exists()
    ours, other = rows["peers/edge-run"], rows["peers/small"]
    assert ours.timing is not None and other.timing is not None
    assert ours.timing.count >= BRIEF.queries and len(ours.timing.blocks) == BRIEF.blocks
    assert ours.faces_per_frame == 2.0
    assert other.accuracy == pytest.approx(1 / 3)  # says happiness, always; knows no contempt
    assert rows["peers/small/shared classes"].images == 2
    assert rows["peers/small/shared classes"].accuracy == 0.5
    printed = show(result)
    for word in ("RuntimeError: broken", "no class for", "happy = happiness", "quick: rough figures"):
        assert word in printed
    write_result(result, tmp_path / "peers.json")
    assert read_result(tmp_path / "peers.json") == result


@pytest.mark.bench
def test_the_plain_recipe_takes_part(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs emot-edge[train]")
    from importlib.util import find_spec

    if find_spec("mediapipe") is None:
        pytest.skip("needs emot-edge[mediapipe]")
    frames = Frames(demo_frames().images[:2], "a clip")
    (row,) = measure_peers([BY_NAME["plain"]], tmp_path, frames, None, Effort("quick", 1, 0.0, 1)).rows
    assert row.status == "measured", row.reason
    assert row.faces_per_frame is not None


def test_an_installation_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "list.txt").write_text("no-such-package-of-edge-bench==1.0\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr("bench.peers.installation.LISTS", tmp_path)
    home = Home("broken", "python", ("list.txt",))
    with pytest.raises(InstallationError, match="not installed: ERROR"):
        install(home, tmp_path / "env")
    assert (tmp_path / "env" / "broken" / MARK).read_text() == "{}"  # ours, and not complete: made anew the next time


def test_the_command_lists_and_refuses() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = "from bench.cli import main; main()"
        return subprocess.run([sys.executable, "-c", code, "peers", *arguments], capture_output=True, text=True)

    listed = run("--list")
    assert all(peer.name in listed.stdout and peer.licence in listed.stdout for peer in PEERS)
    refused = run("--only", "nobody")
    assert (refused.returncode, "no such peer" in refused.stderr) == (2, True)
