from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from train.plots import draw_evaluation, draw_run
from train.predictions import Predictions

pytest.importorskip("matplotlib")
LABELS = ("neutral", "happiness", "mine")


def predictions(**changes: object) -> Predictions:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60)  # the third class never occurs
    logits = (rng.normal(size=(60, 3)) + 2 * np.eye(3)[truth]).astype(np.float32)
    affect = rng.uniform(-1, 1, (2, 60, 2)).astype(np.float32)
    values = {"target": affect[0], "temperature": 1.5, **changes}
    return Predictions("made up", LABELS, ("",) * 60, truth, logits, affect[1], **values)


def picture(path) -> np.ndarray:
    found = cv2.imread(str(path))
    assert found is not None and found.std() > 10, path  # a readable picture that is not one colour
    return found


def test_evaluation_is_drawn(tmp_path):
    drawn = draw_evaluation(predictions(), tmp_path / "plots")
    assert [path.name for path in drawn] == ["confusion.png", "reliability.png", "valence_arousal.png"]
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(path.name for path in drawn)
    shapes = [picture(path).shape for path in drawn]
    # Nothing annotated: no plane. Nothing fitted: one reliability diagram instead of two.
    nothing = np.full((60, 2), np.nan, np.float32)
    drawn = draw_evaluation(predictions(target=nothing, temperature=1.0), tmp_path / "fewer")
    assert [path.name for path in drawn] == ["confusion.png", "reliability.png"]
    assert picture(drawn[1]).shape[1] < 0.6 * shapes[1][1]


@pytest.mark.parametrize("weak", [True, False])
def test_weak_signal_is_not_called_annotation(weak):
    from train.plots import _plane

    titles = [axes.get_title() for axes in _plane(predictions(weak_affect=weak)).axes]
    expected = "weak signal, made from the labels: no annotation" if weak else "annotation"
    assert titles == [expected, "prediction"]


HEAD = "epoch,train_loss,val_loss,val_accuracy,val_macro_f1,seconds"


@pytest.mark.parametrize(
    ("table", "panels"),
    [
        (f"{HEAD}\n1,2.0,1.5,0.4,0.3,9\n2,1.0,1.2,0.5,0.4,9\n", 2),
        (f"{HEAD},lr\n1,2.0,1.5,0.4,0.3,9,\n2,1.0,1.2,0.5,0.4,9,0.001\n", 3),  # a column that came with --resume
        (f"{HEAD}\n1,nan,nan,0.4,0.3,9\n", 1),
        (f"{HEAD}\n", 0),
        (None, 0),
    ],
)
def test_run_is_drawn_from_its_table(tmp_path, table, panels):
    if table is not None:
        (tmp_path / "metrics.csv").write_text(table)
    drawn = draw_run(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in drawn] == (["plots/run.png"] if panels else [])
    for path in drawn:
        assert picture(path).shape[1] == pytest.approx(4.6 * 130 * panels, abs=2)


def test_a_finished_run_has_its_pictures(finished):
    names = sorted(path.name for path in (finished[0] / "plots").iterdir())
    assert names == ["confusion.png", "reliability.png", "run.png", "valence_arousal.png"]


def test_without_matplotlib_a_run_says_so_and_evaluate_tells_the_remedy(
    monkeypatch, capsys, command, bundle, colours, tmp_path, one_thread
):
    from train.plots import draw_all

    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Missing(), *sys.meta_path])
    assert draw_all(tmp_path, predictions()) == []
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "plots are left out: No module named 'matplotlib' (pip install matplotlib)"
    result = command("evaluate", bundle, "--data", f"folder:{colours}", "--limit", 4, "--plots", tmp_path / "p")
    assert result.exit_code == 2 and "pip install 'emot-edge[train]'" in result.stderr


class _Missing:
    """Finds no matplotlib, as where it is not installed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None
