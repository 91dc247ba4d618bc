from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")


def assert_one_line(result, *parts: str) -> None:
    assert result.exit_code == 2, result.output
    lines = [line for line in result.stderr.splitlines() if not line.startswith("Downloading:")]
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    for part in parts:
        assert part in lines[0]


@pytest.fixture
def train(options, command, colours, tmp_path, one_thread):
    """Train on the colours; further arguments come last, and win."""
    return lambda *more: command("--data", f"folder:{colours}", "--out", tmp_path / "run", *options, *more)


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--data", "nowhere"], ["nowhere: no such folder"]),
        (["--data", "ferplus:nowhere"], ["nowhere: no such folder"]),
        (["--weights", "FOO"], ["no weights 'FOO'", "DEFAULT"]),
        (["--weights", "./models/none"], ["--weights ./models/none", "bundle"]),
        (["--arch", "mobilenet_v9"], ["unknown architecture 'mobilenet_v9'"]),
        (["--arch", "vit_b_16"], ["--arch vit_b_16 cannot be trained on 32 px"]),
        (["--optimizer", "sgd"], ["--optimizer sgd", "adamw"]),
        (["--augment", "wild"], ["--augment wild", "strong"]),
        (["--precision", "8"], ["--precision 8"]),
        (["--resume"], ["last.ckpt is missing", "without --resume"]),
        (["--resume-from", "no.ckpt"], ["no.ckpt is missing"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and value[0].startswith("--") else "",
)
def test_wrong_choices(train, tmp_path, arguments, parts):
    assert_one_line(train(*arguments), *parts)
    assert not (tmp_path / "run").exists()  # nothing was begun


def test_no_data(command):
    assert_one_line(command("--epochs", 1), "--data is missing")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_that_is_not_there(train):
    assert_one_line(train("--device", "cuda"), "--device cuda: this PyTorch sees no CUDA device")


def test_run_folder_below_a_file(train, tmp_path):
    (tmp_path / "file").write_text("")
    assert_one_line(train("--out", tmp_path / "file/run"), "cannot write", "choose another place")


def test_earlier_run_is_not_overwritten(options, command, colours, finished, one_thread):
    before = (finished[0] / "last.ckpt").read_bytes()
    result = command("--data", f"folder:{colours}", "--out", finished[0], *options)
    assert_one_line(result, "holds an earlier run", "--resume")
    assert (finished[0] / "last.ckpt").read_bytes() == before


def test_resuming_with_other_choices(options, command, colours, finished, one_thread):
    result = command("--data", f"folder:{colours}", "--out", finished[0], *options, "--image-size", 48, "--resume")
    assert_one_line(result, "was started with image_size 32, not 48")


def test_weights_that_cannot_be_downloaded(train, monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody answers
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty cache"))
    assert_one_line(train("--weights", "DEFAULT"), "cannot download torchvision's weights")


def test_bundle_of_another_architecture(train, bundle):
    assert_one_line(train("--weights", bundle, "--arch", "resnet18"), "is a mobilenet_v2, not a resnet18", "--arch")


@pytest.mark.parametrize("workers", [0, 2])
def test_image_that_vanishes_during_training_is_named(colours, tmp_path, workers):
    """Damaged ones are left out before a run; a worker's error must still end in the one line."""
    from edge.errors import EdgeError
    from train.data.opening import open_split
    from train.dataset import FaceDataset
    from train.failures import one_line

    data = tmp_path / "data"
    shutil.copytree(colours, data)
    samples = open_split(f"folder:{data}", "train")
    (data / "train/sad/007.png").unlink()
    loader = torch.utils.data.DataLoader(FaceDataset(samples, 32), batch_size=8, num_workers=workers)
    with pytest.raises(EdgeError) as error, one_line():
        list(loader)
    assert str(error.value).startswith(str(data / "train/sad/007.png: missing or not a readable image"))


def test_damaged_table_is_named(command, tmp_path):
    folder = tmp_path / "FER2013Train"
    folder.mkdir()
    (folder / "label.csv").write_text("fer0000000.png,box,1\n")
    assert_one_line(command("--data", f"ferplus:{tmp_path}", "--out", tmp_path / "run"), "label.csv:1: damaged row")


@pytest.mark.parametrize("plain", [True, False], ids=["plain pickle", "torch archive"])
def test_checkpoint_that_carries_code_is_not_executed(
    options, command, colours, finished, tmp_path, plain, trap, one_thread
):
    run = tmp_path / "run"
    shutil.copytree(finished[0], run)
    code, executed = trap
    content = {"epoch": 0, "state_dict": code}
    if plain:
        (run / "last.ckpt").write_bytes(pickle.dumps(content))
    else:
        torch.save(content, run / "last.ckpt")
    assert_one_line(command("--data", f"folder:{colours}", "--out", run, *options, "--resume"), "last.ckpt: refused")
    assert not executed.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"], ids=["empty", "cut off"])
def test_damaged_checkpoint(options, command, colours, finished, tmp_path, content, one_thread):
    run = tmp_path / "run"
    shutil.copytree(finished[0], run)
    (run / "last.ckpt").write_bytes(content)
    assert_one_line(command("--data", f"folder:{colours}", "--out", run, *options, "--resume"), "last.ckpt")


LIMITED = """
import resource, sys
from train.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
main()
"""


def test_full_disk_leaves_the_earlier_checkpoint(options, colours, finished, complaints, tmp_path):
    """A limit on the size of files stands for a disk without room: writing fails half way, with another errno."""
    run = tmp_path / "run"
    shutil.copytree(finished[0], run)
    (run / "best.ckpt").unlink()
    before = (run / "last.ckpt").read_bytes()
    more = ("--epochs", "6", "--resume")
    arguments = ("--data", f"folder:{colours}", "--out", str(run), *map(str, options), *more)
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, "5000000", *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert child.returncode == 2, child.stderr
    lines = complaints(child.stderr)
    assert len(lines) == 1 and lines[0].startswith("error: cannot write") and ".ckpt" in lines[0], child.stderr
    assert "go on with --resume" in lines[0]
    assert (run / "last.ckpt").read_bytes() == before
    assert sorted(path.name for path in run.glob("*.ckpt")) == ["last.ckpt"]  # nothing half written lies about
