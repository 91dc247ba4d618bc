from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from edge.bundle import read_bundle  # noqa: E402

EPOCH = r"epoch [1-5]/5  train loss \d\.\d{4}  val accuracy +\d+\.\d\d %  macro F1 \d\.\d{3}  \d+ s"


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


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
    for name, workers in (("a", 2), ("b", 0)):
        more = ("--epochs", 1, "--workers", workers)
        result = command("--data", f"folder:{colours}", "--out", tmp_path / name, *options, *more)
        assert result.exit_code == 0, result.output
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_ctrl_c_keeps_the_last_epoch_and_tells_how_to_go_on(options, colours, process, tmp_path):
    child = process("--data", f"folder:{colours}", "--out", tmp_path / "run", *options, "--epochs", 200)
    wait_for(child, "epoch   2/200")
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "last.ckpt holds the last whole epoch, go on with --resume" in errors
    lines = [line for line in errors.splitlines() if line and not line.startswith("note: ")]
    assert "Traceback" not in errors and len(lines) <= 2
    assert "state_dict" in torch.load(tmp_path / "run/last.ckpt", weights_only=True)


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
