"""Golden answers: the inputs betray mistakes, recording survives being killed, and the command that compares."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from edge.bundle import Bundle, describe_file, read_bundle, write_config
from edge.engines import load_engine
from edge.errors import EdgeError
from edge.golden import Run, decode, read_images
from edge.model import DEFAULT_MODEL
from quantize.cli import app
from quantize.export.torchscript import export_torchscript
from quantize.goldens import golden_images, record_goldens, recorded_outputs


def command(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)], env={"COLUMNS": "200"})


def checkpoint(folder: Path) -> Run:
    return load_engine(folder / "model_weights.pth", read_bundle(folder).config).run


def add_torchscript(folder: Path) -> Bundle:
    """Record goldens, add ``model.pt`` with its own answers, and write all of it to the config."""
    bundle = record_goldens(read_bundle(folder), checkpoint(folder))
    from edge.engines.torch import load_network

    path = folder / "model.pt"
    export_torchscript(load_network(folder / "model_weights.pth", bundle.config), path, bundle.config.input.size)
    outputs = recorded_outputs(path, bundle.config, read_images(bundle))
    entry = replace(describe_file(path, "torchscript", "float32"), outputs=outputs, tolerance=1e-4)
    config = replace(bundle.config, files={**bundle.config.files, "model.pt": entry})
    write_config(folder, config)
    return Bundle(folder, config)


def test_the_inputs_are_twelve_different_pictures_and_always_the_same() -> None:
    config = read_bundle(DEFAULT_MODEL).config
    images = golden_images(config)
    assert images.shape == (12, 64, 64, 3) and images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 12
    np.testing.assert_array_equal(golden_images(config), images)
    assert [(int(image.min()), int(image.max())) for image in images[8:10]] == [(0, 0), (255, 255)]


def test_red_and_blue_swapped_or_mirrored_is_another_picture_to_a_network_that_sees_luma_only() -> None:
    betrayer = golden_images(read_bundle(DEFAULT_MODEL).config)[11]
    luma = cv2.cvtColor(betrayer, cv2.COLOR_RGB2GRAY).astype(float)
    swapped = cv2.cvtColor(np.ascontiguousarray(betrayer[:, :, ::-1]), cv2.COLOR_RGB2GRAY).astype(float)
    assert np.abs(luma - swapped).mean() > 15
    assert np.abs(luma - luma[:, ::-1]).mean() > 15
    red, green, blue = (betrayer[:, :, channel].astype(float) for channel in range(3))
    assert min(np.abs(red - green).mean(), np.abs(green - blue).mean(), np.abs(blue - red).mean()) > 60


def test_what_is_recorded_is_what_the_networks_say(bundle: Path) -> None:
    recorded = add_torchscript(bundle)
    on_disk = read_bundle(bundle)
    assert on_disk.config == recorded.config
    images = read_images(on_disk)
    np.testing.assert_array_equal(images, golden_images(on_disk.config))
    for name, text in (
        ("model_weights.pth", on_disk.config.golden.outputs),
        ("model.pt", on_disk.config.files["model.pt"].outputs),
    ):
        run = load_engine(bundle / name, on_disk.config).run
        said = decode(text, 12, 8)
        for row in range(len(images)):
            logits, affect = run(images[row : row + 1])
            np.testing.assert_array_equal(said[0][row], logits[0])
            np.testing.assert_array_equal(said[1][row], affect[0])


def test_goldens_that_are_there_stay_and_with_them_what_the_files_answered(bundle: Path) -> None:
    first = add_torchscript(bundle)
    picture = (bundle / "golden.png").read_bytes()
    assert record_goldens(read_bundle(bundle), checkpoint(bundle)).config == first.config
    # Other weights give other answers to the same pictures.
    run = checkpoint(bundle)
    shifted = record_goldens(read_bundle(bundle), lambda images: (run(images)[0] + 1, run(images)[1]))
    before, after = (decode(config.golden.outputs, 12, 8)[0] for config in (first.config, shifted.config))
    np.testing.assert_allclose(after, before + 1, atol=1e-6)
    assert shifted.config.files == first.config.files
    assert (bundle / "golden.png").read_bytes() == picture


def test_answers_to_a_lost_picture_are_forgotten(bundle: Path) -> None:
    add_torchscript(bundle)
    (bundle / "golden.png").write_bytes(b"damaged")
    renewed = record_goldens(read_bundle(bundle), checkpoint(bundle))
    assert (renewed.config.files["model.pt"].outputs, renewed.config.files["model.pt"].tolerance) == (None, None)
    assert command(bundle).exit_code == 0


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("before", ["nothing", "damaged goldens"])
def test_killed_at_any_step_it_leaves_a_whole_bundle(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, before: str, step: int
) -> None:
    if before == "damaged goldens":
        add_torchscript(bundle)
        (bundle / "golden.png").write_bytes(b"damaged")
    run, rename, steps = checkpoint(bundle), Path.replace, iter(range(99))

    def killed(self: Path, target: Path) -> Path:
        if next(steps) == step:
            raise KeyboardInterrupt
        return rename(self, target)

    finished = False
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        try:
            record_goldens(read_bundle(bundle), run)
            finished = True
        except KeyboardInterrupt:
            pass
    assert finished == (step >= (2 if before == "nothing" else 3))
    found = read_bundle(bundle)
    untouched = before == "damaged goldens" and step == 0
    if found.config.golden is not None and not untouched:
        assert len(read_images(found)) == 12
    assert all(file.outputs is None for file in found.config.files.values()) or untouched
    again = record_goldens(found, run)
    assert len(read_images(again)) == 12
    assert command(bundle).exit_code == 0


def test_a_file_that_cannot_be_run_has_no_answers_to_record(bundle: Path) -> None:
    config = read_bundle(bundle).config
    (bundle / "model.onnx").write_bytes(b"no network")
    with pytest.raises(EdgeError, match=r"model\.onnx is not a readable ONNX model"):
        recorded_outputs(bundle / "model.onnx", config, golden_images(config))


def test_verify_shows_a_line_a_file_and_writes_json(bundle: Path, tmp_path: Path) -> None:
    add_torchscript(bundle)
    result = command(bundle, "--json", tmp_path / "deep" / "found.json", "--strict", "--threads", "1")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    header, *rows = result.stdout.splitlines()
    assert header.split()[:3] == ["file", "size", "runtime"]
    assert [row.split()[0] for row in rows[:4]] == ["model_config.json", "golden.png", "model_weights.pth", "model.pt"]
    assert all(row.endswith("ok") for row in rows[:4])
    assert "12/12" in rows[3]
    assert rows[5].startswith("4 ok; ")
    found = json.loads((tmp_path / "deep" / "found.json").read_text())
    (script,) = [finding for finding in found["findings"] if finding["file"] == "model.pt"]
    assert script["status"] == "ok" and script["checkpoint"]["limit"] == 1e-4 and script["record"]["promise"] == 1e-4
    assert script["sha256"] == read_bundle(bundle).config.files["model.pt"].sha256
    assert found["version"] == 1 and found["machine"]["machine"]


def test_verify_ends_with_1_where_something_failed_and_names_it(bundle: Path) -> None:
    add_torchscript(bundle)
    with (bundle / "model.pt").open("ab") as file:
        file.write(b"x")
    result = command(bundle)
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("model.pt")]
    assert "FAILED: is damaged" in line
    assert "3 ok, 1 failed" in result.stdout


def test_verify_without_goldens_passes_with_a_notice_and_strictly_fails(bundle: Path) -> None:
    result = command(bundle)
    assert result.exit_code == 0
    assert "note: no golden answers are recorded" in result.stdout
    assert command(bundle, "--strict").exit_code == 1


def test_verify_takes_the_packaged_model_by_default() -> None:
    result = command()
    assert result.exit_code == 0, result.output
    assert {line.split()[0] for line in result.stdout.splitlines() if line.startswith("model_")} >= {
        "model_config.json",
        *read_bundle(DEFAULT_MODEL).config.files,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{bundle}/nowhere"], "is no bundle: it holds no model_config.json"),
        (["{bundle}/model_weights.pth"], "is a file; give the folder of the bundle"),
        (["{bundle}", "--json", "{bundle}/model_weights.pth/x.json"], "cannot write"),
    ],
)
def test_a_users_mistake_ends_in_one_line_and_exit_code_2(bundle: Path, arguments: list[str], message: str) -> None:
    result = command(*(argument.format(bundle=bundle) for argument in arguments))
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ") and message in line
