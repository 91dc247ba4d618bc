"""Runs with everything switched on: they end where they ought to, also when they were broken off."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from train.progress import Progress  # noqa: E402

BASE = "--arch shufflenet_v2_x0_5 --limit 48 --epochs 4 --patience 0".split()  # noqa: SIM905
SETS = {
    "taught": "--distill-weight 0.5 --distill-temperature 2 --ema 0.9 --mixup 0.4 --task-weights uncertainty "
    "--va-loss mse+ccc --augment randaugment --dropout 0.3",
    "averaged": "--ema 0 --swa-start 0.5 --sampler weighted --sampler-power 0.7 --augment strong --erase 1 "
    "--effective-number 0.9 --optimizer adamw --weight-decay 0.1 --va-loss ccc",
}


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "metrics.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    return [
        {name: value for name, value in row.items() if name not in ("seconds", "images_per_second")} for row in table
    ]


@pytest.mark.parametrize("name", SETS)
def test_broken_run_ends_where_an_unbroken_one_does(
    name, options, colours, bundle, command, one_thread, tmp_path, monkeypatch
):
    more = [*BASE, *SETS[name].split(), *(("--teacher", bundle) if name == "taught" else ())]

    def run(out: Path, *extra: str):
        return command("--data", f"folder:{colours}", "--out", out, *options, *more, *extra)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(whole).exit_code == 0
    beginning = Progress.on_train_epoch_start

    def ctrl_c(self, trainer, *args):
        if trainer.current_epoch == 3:
            raise KeyboardInterrupt
        beginning(self, trainer, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_train_epoch_start", ctrl_c)
        assert run(broken).exit_code == 130
    result = run(broken, "--resume")
    assert result.exit_code == 0, result.output
    assert rows(broken) == rows(whole) and len(rows(whole)) == 4
    ends = [torch.load(out / "last.ckpt", weights_only=True)["state_dict"] for out in (whole, broken)]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    assert ("task_weights.log_variances" in ends[0]) is (name == "taught")
    assert not any("teacher" in key for key in ends[0])


def test_resuming_does_not_look_for_weights_again(
    options, colours, command, complaints, one_thread, tmp_path, monkeypatch
):
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    more = [*BASE, "--weights", "auto", "--epochs", 1]
    first = command("--data", f"folder:{colours}", "--out", tmp_path / "run", *options, *more)
    assert first.exit_code == 0 and "ImageNet weights for shufflenet_v2_x0_5 cannot be had" in first.stderr
    again = command("--data", f"folder:{colours}", "--out", tmp_path / "run", *options, *more, "--resume")
    assert again.exit_code == 0 and not complaints(again.stderr)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("--ema 0.9 --swa-start 0.5", "--ema and --swa-start"),
        ("--balance 0.5 --effective-number 0.9", "--balance and --effective-number"),
        ("--task-weights uncertainty --beta 0", "--task-weights uncertainty begins at --alpha and --beta"),
        ("--task-weights learnt", "--task-weights learnt: use one of fixed, uncertainty"),
        ("--va-loss mae", "--va-loss mae: use one of"),
        ("--sampler rare", "--sampler rare: use one of shuffle, weighted"),
        ("--sampler-power 0.5", "--sampler-power needs --sampler weighted"),
        ("--distill-temperature 4", "need a --teacher"),
        ("--no-teacher-flips", "need a --teacher"),
        ("--teacher nowhere", "model_config.json is missing"),
    ],
)
def test_choices_that_do_not_go_together(arguments, part, options, colours, command, one_thread, tmp_path):
    result = command("--data", f"folder:{colours}", "--out", tmp_path / "run", *options, *arguments.split())
    assert result.exit_code == 2 and part in result.stderr and len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()
