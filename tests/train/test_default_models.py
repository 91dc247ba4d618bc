"""The program that makes the default models: its stages, and that it goes on where it stopped."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from typer.testing import CliRunner

from edge.bundle import read_bundle
from edge.labels import LABELS
from train.data.ferplus import COLUMNS
from train.default_models import app, stages


@pytest.fixture(scope="module")
def ferplus(tmp_path_factory):
    """FER+'s layout with two classes of noise that differ in brightness."""
    root = tmp_path_factory.mktemp("ferplus")
    random = np.random.default_rng(0)
    for folder, count in (("FER2013Train", 40), ("FER2013Valid", 10)):
        (root / folder).mkdir()
        rows = []
        for number in range(count):
            name, column, level = f"{number}.png", *(("happiness", 190), ("sadness", 60))[number % 2]
            image = np.clip(random.normal(level, 25, (48, 48)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / folder / name), image)
            votes = [10 if column == each else 0 for each in COLUMNS]
            rows.append(f'{name},"(0, 0, 48, 48)",{",".join(map(str, votes))}\n')
        (root / folder / "label.csv").write_text("".join(rows))
    return root


def test_students_come_after_their_teachers() -> None:
    order = stages(teachers=2, teacher_epochs=3, epochs=5)
    assert [(stage.name, stage.epochs) for stage in order] == [
        ("teacher-0", 3),
        ("teacher-1", 3),
        ("resnet18", 5),
        ("mobilenet_v2", 5),
    ]
    for position, stage in enumerate(order):
        assert set(stage.teachers) <= {earlier.name for earlier in order[:position]}
    assert len({stage.seed for stage in order}) == len(order)


def test_legs_lead_to_the_bundles(ferplus, tmp_path, one_thread) -> None:
    arguments = f"--data ferplus:{ferplus} --out {tmp_path} --image-size 32 --teachers 1 --batch-size 9 --device cpu"
    arguments += " --teacher-epochs 1 --epochs 1"

    def leg(*more: object) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*arguments.split(), *map(str, more)])
        return result.exit_code, result.output

    code, said = leg("--minutes", 1e-6)
    assert code == 0 and "run the same command again" in said and "done" not in said
    code, said = leg()
    assert code == 0, said
    assert said.count("== ") == 3 and "done: " in said
    student = read_bundle(tmp_path / "mobilenet_v2/bundle").config
    assert student.labels == LABELS
    assert [teacher.partition(",")[0] for teacher in student.training.teachers] == ["resnet18-32", "resnet18-32"]
    assert "held out 10 %" in student.files["model_weights.pth"].metrics[0].data
    code, said = leg()
    assert code == 0 and "== " not in said
