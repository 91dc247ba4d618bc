from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tests.train.conftest import write_colours  # noqa: E402
from train.batches import Batches  # noqa: E402
from train.processes import Place  # noqa: E402

# No dropout in this network and no augmentation: what is left to chance is the same for any number of processes.
OPTIONS = "--arch shufflenet_v2_x0_5 --weights none --image-size 32 --epochs 2 --batch-size 7 --ema 0.9 --device cpu "
OPTIONS += "--augment none"


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    """22 images to learn from; 15 to validate on: two batches of 7, and one that has an image for one process only."""
    root = tmp_path_factory.mktemp("few")
    write_colours(root, "train", 11)
    write_colours(root, "val", 8)
    (root / "val/sad/007.png").unlink()
    return root


@pytest.fixture(scope="module")
def alone(few, command, one_thread, tmp_path_factory) -> Path:
    """What one process makes of them."""
    out = tmp_path_factory.mktemp("alone") / "run"
    result = command("--data", f"folder:{few}", "--out", out, *OPTIONS.split())
    assert result.exit_code == 0, result.output
    return out


@pytest.mark.parametrize(
    ("images", "size", "drop_last", "first", "shares"),
    [
        (8, 4, False, 0, [[[0, 1], [4, 5]], [[2, 3], [6, 7]]]),
        (7, 3, False, 0, [[[0], [3], []], [[1, 2], [4, 5], [6]]]),
        (7, 3, True, 0, [[[0], [3]], [[1, 2], [4, 5]]]),
        (7, 3, False, 1, [[[3], []], [[4, 5], [6]]]),
        (2, 8, False, 0, [[[0]], [[1]]]),
    ],
    ids=["even", "a process without an image", "incomplete batch left out", "going on after a batch", "one batch"],
)
def test_every_image_is_taken_by_one_process(images, size, drop_last, first, shares):
    for rank, expected in enumerate(shares):
        batches = Batches(range(images), size, drop_last, Place(rank, 2, 2), first)
        assert list(batches) == expected
        assert len(batches) == len(expected) + first  # the length is the epoch's, whatever was done before
        assert len(list(batches)) == len(batches)  # the next epoch is a whole one


def run_in_two(*arguments: object, launcher: bool = False) -> subprocess.Popen[str]:
    """Start two processes: through torchrun, or with ``--devices 2``."""
    start = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "train"]
    return subprocess.Popen(
        [sys.executable, *(start if launcher else ["-m", "train", "--devices", "2"]), *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def table(out: Path) -> list[dict[str, float]]:
    with (out / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


GRADIENT = """
import sys, torch
from edge.engines.network import EmotionNetwork, NetworkSpec
from train.batchnorm import SyncOnCpu
from train.losses import TaskWeights, soft_cross_entropy, valence_arousal_loss
from train.processes import gather_rows, whole_in_each

rank = int(sys.argv[1])
torch.manual_seed(0)
network = EmotionNetwork(NetworkSpec("shufflenet_v2_x0_5", 3)).double()
pixels = 255 * torch.rand(7, 3, 32, 32, dtype=torch.float64)
votes = torch.rand(7, 3).softmax(dim=1).double()
affect = torch.rand(7, 2).double()
affect[:3, 1] = affect[5] = float("nan")  # not annotated: the two processes have different numbers of targets
whole = EmotionNetwork(network.spec).double()
whole.load_state_dict(network.state_dict())


def loss(weights, logits, affect, votes, target):
    return weights(soft_cross_entropy(logits, votes), valence_arousal_loss(affect, target, "mse+ccc")).total


weights = [TaskWeights(1.0, 0.5, learnt=True).double() for _ in range(2)]
torch.Tensor.float = torch.Tensor.double  # what is sent is single precision; here the sums are to be compared exactly
loss(weights[0], *whole.read(pixels), votes, affect).backward()
torch.distributed.init_process_group("gloo", f"file://{sys.argv[2]}", rank=rank, world_size=2)
SyncOnCpu().apply(network)
own = slice(0, 3) if rank == 0 else slice(3, 7)
whole_in_each(weights[1].log_variances, 2)
rows = gather_rows((*network.read(pixels[own]), votes[own], affect[own]))
(2 * loss(weights[1], *rows)).backward()
pairs = [*zip(network.parameters(), whole.parameters()), (weights[1].log_variances, weights[0].log_variances)]
for parameter, expected in pairs:
    torch.distributed.all_reduce(parameter.grad)
    torch.testing.assert_close(parameter.grad / 2, expected.grad, rtol=1e-8, atol=1e-12)
for (name, buffer), expected in zip(network.named_buffers(), whole.buffers()):
    torch.testing.assert_close(buffer, expected, msg=name)
SyncOnCpu().revert(network)
network.eval(), whole.eval()
torch.testing.assert_close(network.read(pixels), whole.read(pixels))
print("same")
"""


def test_gradient_of_two_processes_is_that_of_one(tmp_path):
    children = [
        subprocess.Popen(
            [sys.executable, "-c", GRADIENT, str(rank), str(tmp_path / "store")],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": "."},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for child in children:
        stdout, stderr = child.communicate(timeout=120)
        assert child.returncode == 0 and stdout == "same\n", stderr


def test_torchrun_learns_in_two_processes_and_one_speaks(few, tmp_path):
    out = tmp_path / "run"
    child = run_in_two("--data", f"folder:{few}", "--out", out, *OPTIONS.split(), launcher=True)
    stdout, stderr = child.communicate(timeout=280)
    assert child.returncode == 0, stderr
    assert [line.split("/")[0] for line in stdout.splitlines()[:2]] == ["epoch 1", "epoch 2"]
    assert stdout.splitlines()[3:] == [f"bundle written: {out / 'bundle'}", f"next: edge-quantize {out / 'bundle'}"]
    first, second = table(out)
    assert second["train_loss"] < first["train_loss"]


def test_validation_in_two_processes_is_exact(few, alone, command, one_thread, tmp_path):
    """Both start from what was learnt, with a learning rate that moves nothing."""
    more = ("--weights", alone / "bundle", "--lr", 1e-12, "--epochs", 1)
    arguments = ("--data", f"folder:{few}", *OPTIONS.split(), *more)
    child = run_in_two(*arguments, "--out", tmp_path / "two")
    assert command(*arguments, "--out", tmp_path / "one").exit_code == 0
    _, stderr = child.communicate(timeout=280)
    assert child.returncode == 0, stderr
    (one,), (two,) = table(tmp_path / "one"), table(tmp_path / "two")
    for name in ("val_loss", "val_accuracy", "val_macro_f1"):
        assert two[name] == pytest.approx(one[name], abs=1e-6), name
    assert two["train_loss"] == pytest.approx(one["train_loss"], abs=1e-5)


#: Python runs this at its start: in the second process, no picture can be read once training begins.
BLIND = """
import os
if os.environ.get("RANK") == "1":
    import cv2
    cv2.imread = lambda *arguments: None
"""


def test_error_of_one_process_ends_all_in_one_line(few, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(BLIND)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = run_in_two("--data", f"folder:{few}", "--out", tmp_path / "run", *OPTIONS.split())
    _, stderr = child.communicate(timeout=280)
    assert child.returncode == 2
    (error,) = [line for line in stderr.splitlines() if line and not line.startswith("note: ")]
    assert error.startswith("error: ") and ".png: missing or not a readable image" in error


def test_ctrl_c_then_going_on_in_one_process(few, command, one_thread, tmp_path):
    out = tmp_path / "run"
    arguments = ("--data", f"folder:{few}", "--out", out, *OPTIONS.split(), "--augment", "standard")
    child = run_in_two(*arguments, "--epochs", 200, "--patience", 0)
    for line in child.stdout:
        if line.startswith("epoch   2/200"):
            break
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=120)
    assert child.returncode == 130, stderr
    assert stderr.count("stopped after ") == 1 and "go on with --resume" in stderr and "Traceback" not in stderr
    done = len(table(out))
    result = command(*arguments, "--epochs", done + 1, "--resume")
    assert result.exit_code == 0, result.output
    assert [row["epoch"] for row in table(out)] == list(range(1, done + 2))
    starts = json.loads((out / "environment.json").read_text())["starts"]
    assert [start["processes"] for start in starts] == [2, 1]
