"""``--recipe best`` on a small network: what it tries, what it chooses, and that it says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from quantize.export.onnx import export_onnx
from quantize.images import choose
from quantize.int8.bench import Int8Bench
from quantize.int8.recipe import Recipe
from quantize.int8.search import FINALISTS, FLOAT_LAYERS, Choice, Goal, search
from quantize.parity import Reference, run_all
from quantize.source import open_source

Looking = Callable[[Goal], Choice]


@pytest.fixture(scope="module")
def bench(
    make_bundle: Callable[[Path, str], Path], ferplus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Int8Bench, Reference, Path]:
    folder = tmp_path_factory.mktemp("search")
    source = open_source(make_bundle(folder / "bundle", "mobilenet_v2"))
    images = choose(f"ferplus:{ferplus}", source.bundle.config, 0, 64, 0)
    assert source.network is not None and images.search is not None
    pictures, truth = images.search()
    calibrated = {picture.tobytes() for picture in images.calibration}
    compared = {picture.tobytes() for picture in images.comparison}
    searched = {picture.tobytes() for picture in pictures}
    assert not searched & calibrated and not searched & compared, "the three sets never mix"
    reference = Reference(
        pictures, *run_all(source.run, pictures), "training images", truth, source.bundle.config.labels
    )
    export_onnx(source.network, folder / "float.onnx", source.bundle.config)
    return Int8Bench(source.network, source.bundle.config, images.calibration, folder), reference, folder / "float.onnx"


@pytest.fixture
def look(bench: tuple[Int8Bench, Reference, Path]) -> Looking:
    made, reference, float_file = bench
    return lambda goal: search(made, "onnx", float_file, reference, goal)


def test_the_file_that_changes_least_is_chosen_among_those_within_the_goal(look: Looking) -> None:
    found = look(Goal(drop=1.0))
    assert len(found.trials) == FINALISTS
    (chosen,) = [trial for trial in found.trials if trial.chosen]
    assert chosen.logit_rmse == min(trial.logit_rmse for trial in found.trials)
    assert chosen.name == found.recipe.words() and found.recipe.float_layers == ()
    assert f"of {FINALISTS} of {FINALISTS} files within 100 points" in found.reason
    assert f"{chosen.logit_rmse:.3f}" in found.reason


def test_where_nothing_is_good_enough_the_worst_layers_stay_float_and_the_reason_says_so(
    look: Looking, bench: tuple[Int8Bench, Reference, Path], tmp_path: Path
) -> None:
    found = look(Goal(drop=-1.0))  # better by a hundred points: no file can be
    assert len(found.trials) == FINALISTS + len(FLOAT_LAYERS)
    assert found.reason.split(": ", 1)[1].startswith(f"none of {len(found.trials)} files stayed within -100 points")
    errors = [trial.logit_rmse for trial in found.trials]
    assert min(errors[FINALISTS:]) < min(errors[:FINALISTS]), "float layers must bring it nearer"
    assert found.recipe.float_layers, "and the nearest is chosen"
    exact = bench[0].write("onnx", found.recipe, tmp_path / "mixed.onnx")
    assert not exact, "float in the middle promises nothing bit for bit"
    graph = onnx.load(str(tmp_path / "mixed.onnx")).graph
    producer = {output for node in graph.node for output in node.output}
    in_float = [node for node in graph.node if node.op_type == "Conv" and node.input[1] not in producer]
    assert len(in_float) == len(found.recipe.float_layers)


def test_a_goal_for_time_that_no_file_meets_is_said(look: Looking) -> None:
    found = look(Goal(drop=1.0, latency_ratio=1e-6))
    assert "stayed within 100 points and 1e-06 of the float file's time" in found.reason


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (Recipe("minmax"), "minmax"),
        (Recipe("mse", equalize=True, correct=True), "mse, equalized, biases corrected"),
        (
            Recipe("entropy", float_layers=("a", "b"), tuned_steps=600),
            "entropy, fine-tuned 600 steps, 2 layers in float",
        ),
    ],
)
def test_a_recipe_in_words(recipe: Recipe, words: str) -> None:
    assert recipe.words() == words
