from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from edge import metrics
from edge.bundle import read_bundle
from edge.errors import EdgeError
from train.calibration import HIGHEST, LOWEST, calibrate, fit_temperature
from train.predictions import Predictions

torch = pytest.importorskip("torch")


def network(temperature: float, images: int = 4000, seed: int = 0) -> Predictions:
    """A network whose probabilities are exactly right once its logits are divided by ``temperature``."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (images, 8))
    truth = (metrics.softmax(logits).cumsum(axis=1) > rng.random((images, 1))).argmax(axis=1)
    nothing = np.full((images, 2), np.nan, np.float32)
    return Predictions(
        "made up",
        tuple("abcdefgh"),
        ("",) * images,
        truth,
        (logits * temperature).astype(np.float32),
        np.zeros((images, 2), np.float32),
        nothing,
    )


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(temperature):
    made = network(temperature)
    found = calibrate(made)
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    record = found.record
    assert (record.data, record.samples) == ("made up", 4000)
    if temperature != 1:
        assert record.nll_after < record.nll_before and record.ece_after < record.ece_before / 3
        assert record.ece_before == pytest.approx(metrics.ece(made.hit, made.probabilities.max(axis=1)))


def test_the_fit_is_scipys():
    optimize = pytest.importorskip("scipy.optimize")
    made = network(1.7, images=300)
    best = optimize.minimize_scalar(
        lambda t: metrics.nll(made.truth, made.logits, t), bounds=(LOWEST, HIGHEST), method="bounded"
    )
    assert fit_temperature(made.truth, made.logits) == pytest.approx(best.x, rel=1e-4)


def test_the_figure_after_is_of_images_the_temperature_was_not_fitted_on():
    """Of noise, a temperature fitted and measured on the same images always looks better; held out, it need not."""
    worse = 0
    for seed in range(20):
        made = network(1.0, images=30, seed=seed)
        fitted = fit_temperature(made.truth, made.logits)
        before, record = metrics.nll(made.truth, made.logits), calibrate(made).record
        assert metrics.nll(made.truth, made.logits, fitted) <= before + 1e-9
        worse += record.nll_after > before
    assert worse > 3


def test_images_that_tell_no_temperature_are_refused():
    right = np.arange(40) % 8
    all_right = dataclasses.replace(network(1, 40), truth=right, logits=np.eye(8, dtype=np.float32)[right])
    all_wrong = dataclasses.replace(all_right, truth=(right + 1) % 8)
    for made in (all_right, all_wrong):
        with pytest.raises(EdgeError, match="do not tell a temperature"):
            calibrate(made)
    with pytest.raises(EdgeError, match="10 images are too few"):
        calibrate(network(2.0, images=10))


@pytest.fixture
def unsure(bundle, colours, one_thread, tmp_path):
    """The bundle with the bias of sadness moved, so that six of the 24 sad pictures are called happy; temperature 1."""
    import msgspec

    from edge.bundle import describe_file, write_config
    from train.data.opening import open_split
    from train.evaluation import evaluate_file

    _, _, found = evaluate_file(bundle, open_split(str(colours), "validation"))
    happy, sad = (found.labels.index(name) for name in ("happiness", "sadness"))
    lead = np.sort((found.logits[:, sad] - found.logits[:, happy])[found.truth == sad])
    folder = shutil.copytree(bundle, tmp_path / "unsure")
    state = torch.load(folder / "model_weights.pth", weights_only=True)
    state["emotion.bias"][sad] -= float((lead[5] + lead[6]) / 2)
    torch.save(state, folder / "model_weights.pth")
    files = {"model_weights.pth": describe_file(folder / "model_weights.pth", "pth", "float32")}
    config = read_bundle(bundle).config
    write_config(folder, msgspec.structs.replace(config, files=files, temperature=1.0, calibration=None))
    return folder


def test_command_changes_the_config_alone_and_evaluate_uses_it(command, unsure, colours, tmp_path, one_thread):
    before = {path.name: path.read_bytes() for path in unsure.iterdir()}
    data = ["--data", f"folder:{colours}"]
    assert command("evaluate", unsure, *data, "--json", tmp_path / "before.json").exit_code == 0
    result = command("calibrate", unsure, *data)
    assert result.exit_code == 0, result.output
    changed = {name for name, content in before.items() if (unsure / name).read_bytes() != content}
    assert changed == {"model_config.json", "MODEL_CARD.md"}
    assert {path.name for path in unsure.iterdir()} == set(before)
    config = read_bundle(unsure).config
    assert config.temperature != 1 and config.calibration.data == f"{colours.name} val"
    assert f"temperature  {config.temperature:.4f}" in result.stdout
    assert f"{config.calibration.ece_after:.4f}" in (unsure / "MODEL_CARD.md").read_text()
    result = command("evaluate", unsure, *data, "--json", tmp_path / "after.json")
    first, second = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("before", "after"))
    assert second["confusion"] == first["confusion"]  # the named emotions are the same
    assert second["nll"] < first["nll"] == pytest.approx(config.calibration.nll_before)
    assert "fitted on these very images" in result.stdout and second["in_sample"] and not first["in_sample"]


def test_command_leaves_the_bundle_alone_when_it_cannot_fit(command, unsure, colours, one_thread):
    before = (unsure / "model_config.json").read_bytes()
    result = command("calibrate", unsure, "--data", f"folder:{colours}", "--limit", 5)
    assert result.exit_code == 2
    assert result.stderr == f"error: {colours.name} val: 5 images are too few for a temperature; 20 are needed\n"
    assert (unsure / "model_config.json").read_bytes() == before


def test_a_run_records_its_temperature_and_what_it_was_fitted_on(finished, bundle, colours):
    config = read_bundle(bundle).config
    (line,) = [line for line in finished[1].stdout.splitlines() if line.startswith("best epoch on")]
    if config.calibration is None:  # every picture was told right: the run says so
        assert "do not tell a temperature" in line and config.temperature == 1
    else:
        assert config.calibration.data == f"{colours.name} val"
        assert f"ECE {config.calibration.ece_after:.3f} at temperature {config.temperature:.2f}" in line
