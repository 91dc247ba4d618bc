from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge.bundle import read_bundle  # noqa: E402

EPOCH = r"epoch [1-5]/5  train loss \d\.\d{4}  val accuracy +\d+\.\d\d %  macro F1 \d\.\d{3}  \d+ s"


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in table]


def wait_for(child: subprocess.Popen[str], beginning: str) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith(beginning):
            return
    pytest.fail(f"the run ended before it printed {beginning!r}: {child.stderr.read()}")


def test_run_learns_and_says_so_in_one_line_an_epoch(finished):
    out, result = finished
    lines = result.stdout.splitlines()
    assert [bool(re.fullmatch(EPOCH, line)) for line in lines] == [True] * 5 + [False] * 3, result.stdout
    assert lines[5].startswith("best epoch on colours") and lines[6] == f"bundle written: {out / 'bundle'}"
    # No tips, no warnings; only what the data lacks.
    assert re.fullmatch(r"note: colours\w* train: no image of neutral, .*, contempt; the network .*\n", result.stderr)
    assert len(rows(out)) == 5
    figures = read_bundle(out / "bundle").config.files["model_weights.pth"].metrics
    assert figures[0].samples == 48 and figures[0].accuracy > 0.8  # chance is one half


def test_bundle_says_where_it_comes_from(bundle):
    config = read_bundle(bundle).config
    assert (config.architecture, config.input.size, config.input.color) == ("mobilenet_v2", 32, "rgb")
    assert config.training.valence_arousal.startswith("weak:")
    read_bundle(bundle).path("model_weights.pth")  # size and hash are right


def test_run_json_records_every_choice(finished, colours):
    record = json.loads((finished[0] / "run.json").read_text())
    assert record["run"]["data"] == f"folder:{colours}"
    assert record["run"]["options"]["lr"] == 2e-3 and record["run"]["crop"]["scale"] == 1.0
    assert record["images"] == {"train": 192, "validation": 48}


def test_run_that_was_killed_goes_on_and_ends_where_an_unbroken_one_does(
    options, finished, colours, command, process, one_thread, tmp_path
):
    out = tmp_path / "killed"
    child = process("--data", f"folder:{colours}", "--out", out, *options)
    wait_for(child, "epoch 2/5")
    child.kill()
    child.wait()
    assert not (out / "bundle").exists()
    moved = out.rename(tmp_path / "moved")  # a run folder may lie elsewhere when the work goes on
    result = command("--data", f"folder:{colours}", "--out", moved, *options, "--resume")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith(("epoch 2/5", "epoch 3/5", "epoch 4/5"))  # not from the beginning
    assert rows(moved) == rows(finished[0])
    weights = [folder / "bundle/model_weights.pth" for folder in (moved, finished[0])]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_worker_processes_do_not_change_the_result(options, finished, colours, command, one_thread, tmp_path):
    # OpenCV's own threads are running when the workers are forked, as after a look at a data set of large pictures.
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((1000, 1000, 3), np.uint8), (9, 9), 0)
    for name, workers in (("a", 2), ("b", 0)):
        more = ("--epochs", 1, "--workers", workers)
        result = command("--data", f"folder:{colours}", "--out", tmp_path / name, *options, *more)
        assert result.exit_code == 0, result.output
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


SHORT = ("--epochs", 3, "--limit", 48)  # 6 steps an epoch


@pytest.fixture(scope="module")
def short(options, colours, command, one_thread, tmp_path_factory) -> Path:
    """An unbroken run of three short epochs."""
    out = tmp_path_factory.mktemp("short") / "run"
    result = command("--data", f"folder:{colours}", "--out", out, *options, *SHORT)
    assert result.exit_code == 0, result.output
    return out


def assert_same_end(one: Path, other: Path) -> None:
    assert rows(one) == rows(other)
    weights = [folder / "bundle/model_weights.pth" for folder in (one, other)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def steps(out: Path) -> dict[str, list[int]]:
    """The steps of each curve, as TensorBoard shows them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(out / "tensorboard"))
    events.Reload()
    return {name: [event.step for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_kill_in_the_middle_of_an_epoch(options, colours, command, process, short, one_thread, tmp_path):
    from train.checkpoint_io import progressed

    out = tmp_path / "run"
    arguments = ("--data", f"folder:{colours}", "--out", out, *options, *SHORT)
    child = process(*arguments, "--checkpoint-minutes", 1e-6)
    wait_for(child, "epoch 1/3")
    while True:
        child.send_signal(signal.SIGSTOP)  # look in peace
        behind = progressed(out / "last.ckpt")
        if behind.epochs >= 1 and behind.steps:
            break
        child.send_signal(signal.SIGCONT)
        assert child.poll() is None, "the run ended before it could be killed"
        time.sleep(0.05)
    child.kill()
    child.wait()
    assert behind.epochs < 3 and 0 < behind.steps < 6
    result = command(*arguments, "--resume")
    assert result.exit_code == 0, result.output
    assert_same_end(out, short)
    curves = steps(out)
    assert curves == steps(short)
    assert curves["val/accuracy"] == [6, 12, 18] and curves["step/loss"] == [10]


def test_time_that_is_up_and_going_on_from_any_checkpoint(
    options, colours, command, complaints, short, one_thread, tmp_path
):
    out = tmp_path / "run"
    arguments = ("--data", f"folder:{colours}", "--out", out, *options, *SHORT, "--keep-every", 2)
    soon = ("--max-minutes", 1e-6)
    stopped = command(*arguments, *soon)
    assert stopped.exit_code == 2 and len(complaints(stopped.stderr)) == 1
    assert "stopped after step 1 of 6 of epoch 1, before the first epoch ended" in stopped.stderr
    assert "last.ckpt holds it, go on with --resume" in stopped.stderr
    assert command(*arguments, "--resume").exit_code == 0
    assert_same_end(out, short)
    assert [path.name for path in sorted(out.glob("*.ckpt"))] == ["best.ckpt", "epoch-002.ckpt", "last.ckpt"]
    back = command(*arguments, "--resume-from", out / "epoch-002.ckpt", *soon)
    assert back.exit_code == 0, back.output
    assert "stopped after step 1 of 6 of epoch 3, the time is up" in back.stdout and "bundle written" in back.stdout
    assert command(*arguments, "--resume").exit_code == 0
    assert_same_end(out, short)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM of a scheduler"]
)
def test_signal_keeps_all_that_was_learnt_and_tells_how_to_go_on(options, colours, process, tmp_path, number, code):
    from train.checkpoint_io import read_checkpoint

    out = tmp_path / "run"
    child = process("--data", f"folder:{colours}", "--out", out, *options, "--epochs", 200, "--workers", 1)
    wait_for(child, "epoch   1/200")
    child.send_signal(number)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == code, errors
    said = re.search(
        r"stopped after (?:step (\d+) of 24 of )?epoch (\d+): .*last.ckpt holds it, go on with --resume", errors
    )
    assert said and "Traceback" not in errors, errors
    assert len([line for line in errors.splitlines() if line and not line.startswith("note: ")]) <= 3, errors
    step, epoch = int(said[1] or 24), int(said[2])
    assert read_checkpoint(out / "last.ckpt")["global_step"] == (epoch - 1) * 24 + step


def test_early_stopping_obeys_the_present_patience(options, colours, command, one_thread, tmp_path):
    out = tmp_path / "run"
    arguments = ("--data", f"folder:{colours}", "--out", out, *options, "--limit", 48)
    # The learning rate is too small to change anything: no epoch is better than the first.
    assert command(*arguments, "--lr", 1e-12, "--epochs", 6, "--patience", 1).exit_code == 0
    assert len(rows(out)) == 2
    assert command(*arguments, "--lr", 1e-12, "--epochs", 6, "--patience", 1, "--resume").exit_code == 0
    assert len(rows(out)) == 2  # it had stopped, and stays so
    assert command(*arguments, "--lr", 1e-12, "--epochs", 6, "--patience", 3, "--resume").exit_code == 0
    assert len(rows(out)) == 4


def test_environment_is_recorded_at_each_start(finished):
    starts = json.loads((finished[0] / "environment.json").read_text())["starts"]
    assert len(starts) == 1 and starts[0]["seed"] == 0 and starts[0]["threads"] == 1
    assert starts[0]["distributions"]["torch"] == importlib.metadata.version("torch")
    assert {"python", "platform", "cpu", "gpus", "command", "git"} <= set(starts[0])


def test_run_without_tensorboard_says_so_and_goes_on(
    options, colours, command, complaints, one_thread, monkeypatch, tmp_path
):
    for name in list(sys.modules):
        if name == "tensorboard" or name.startswith(("tensorboard.", "torch.utils.tensorboard")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)  # an import fails as if it were not installed
    arguments = ("--data", f"folder:{colours}", "--out", tmp_path / "run", *options, "--limit", 8, "--epochs", 1)
    result = command(*arguments)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("no curves for TensorBoard")
    assert not complaints(result.stderr)
    assert len(rows(tmp_path / "run")) == 1


def test_finished_run_that_is_resumed_only_writes_its_bundle_again(
    options, finished, colours, command, one_thread, tmp_path
):
    out = tmp_path / "copy"
    shutil.copytree(finished[0], out)
    shutil.rmtree(out / "bundle")
    result = command("--data", f"folder:{colours}", "--out", out, *options, "--resume")
    assert result.exit_code == 0 and "epoch 5/5" not in result.stdout
    names = [folder / "bundle/model_weights.pth" for folder in (out, finished[0])]
    assert names[0].read_bytes() == names[1].read_bytes()


def test_half_precision_bundle_is_a_start_for_another_run(
    options, finished, bundle, colours, command, one_thread, tmp_path
):
    from edge.engines.torch import load_network
    from train.checkpoint import save_bundle
    from train.data.opening import open_split

    config = read_bundle(bundle).config
    network = load_network(bundle / "model_weights.pth", config)
    half = tmp_path / "half"
    samples = open_split(str(colours), "train")
    save_bundle(network, half, name="half", size=32, crop=config.crop, samples=samples, half=True)
    assert read_bundle(half).config.files["model_weights.pth"].precision == "float16"
    assert 0.4 < (half / "model_weights.pth").stat().st_size / (bundle / "model_weights.pth").stat().st_size < 0.6
    more = ("--weights", half, "--gray", "--limit", 16, "--lr", 1e-9, "--epochs", 1)
    out = tmp_path / "run"
    assert command("--data", f"folder:{colours}", "--out", out, *options, *more).exit_code == 0
    started = load_network(out / "bundle/model_weights.pth", read_bundle(out / "bundle").config)
    torch.testing.assert_close(started.emotion.weight, network.emotion.weight, atol=1e-3, rtol=1e-3)
    # --gray is the new run's choice: the colour conversion of the old weights must not come along.
    torch.testing.assert_close(started.normalize_weight[0, :, 0, 0].sum() * 255 * 0.229, torch.tensor(1.0))
    assert not torch.equal(started.normalize_weight, network.normalize_weight)


WRITER = """
import sys, torch
from pathlib import Path
from train.checkpoint_io import AtomicCheckpointIO
content = {"epoch": 0, "state_dict": {str(i): torch.zeros(1_000_000) for i in range(16)}}
while True:
    AtomicCheckpointIO().save_checkpoint(content, Path(sys.argv[1]))
"""


def test_kill_in_the_middle_of_writing_leaves_the_earlier_checkpoint(tmp_path):
    from train.checkpoint_io import read_checkpoint, remove_leftovers

    last = tmp_path / "last.ckpt"
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(last)], cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."}
    )
    try:
        deadline = time.monotonic() + 120
        # Strike when one checkpoint is there and the next one is half written.
        while not (last.is_file() and any(0 < size < 60_000_000 for size in sizes(tmp_path))):
            assert child.poll() is None and time.monotonic() < deadline
    finally:
        child.kill()
        child.wait()
    assert len(read_checkpoint(last)["state_dict"]) == 16
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def sizes(folder: Path) -> list[int]:
    found = []
    for path in folder.glob(".last.*.ckpt"):
        try:
            found.append(path.stat().st_size)
        except FileNotFoundError:  # renamed in between
            continue
    return found
