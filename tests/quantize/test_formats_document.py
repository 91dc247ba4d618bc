"""docs/formats.md: its tables say what the code does, and its code runs as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from backbones import FAMILIES

from edge.assets import ASSETS
from edge.bundle import FILE_NAMES, read_bundle
from edge.engines.network import EmotionNetwork, NetworkSpec
from edge.engines.torch import load_network
from edge.model import DEFAULT_MODEL
from edge.preprocess import resize
from quantize.export.keras import build_keras, export_keras
from quantize.export.onnx import export_onnx
from quantize.export.support import refusal
from quantize.export.tflite import convert
from quantize.export.torchscript import export_torchscript

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "formats.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.S)
ROOMS = ("edge", "train", "quantize", "bench", "devices")

pytestmark = pytest.mark.timeout(600)


def rows(header: str) -> list[list[str]]:
    """Cells of the table whose header line begins so."""
    lines = TEXT[TEXT.index(header) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_every_file_of_a_bundle_is_explained() -> None:
    assert [row[0] for row in rows("| file |")] == list(FILE_NAMES.values())


def test_table_of_backbones_says_what_is_refused() -> None:
    table = {row[0]: row[1:] for row in rows("| family |")}
    found = {}
    for family in FAMILIES.values():
        # Shapes alone decide; RegNet computes with numbers while it is built.
        with torch.device("cpu" if family.name == "RegNet" else "meta"):
            network = EmotionNetwork(NetworkSpec(family.member)).eval()
        reasons = [refusal(network, format, "float32") for format in ("pth", "torchscript", "onnx", "keras", "tflite")]
        found[family.name] = ["yes" if r is None else "no: attention" if "Attention" in r else r for r in reasons]
    assert table == found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model's files and a face cut out of a portrait."""
    folder = tmp_path_factory.mktemp("plain")
    bundle = read_bundle(ROOT / "models")
    network = load_network(bundle.path("model_weights.pth"), bundle.config)
    size = bundle.config.input.size
    export_torchscript(network, folder / "model.pt", size)
    export_onnx(network, folder / "model.onnx", bundle.config)
    model = build_keras(network, size)
    export_keras(model, folder / "model.h5")
    (folder / "model.tflite").write_bytes(convert(model))
    for path in (ROOT / "models" / "model_config.json", bundle.path("model_weights.pth")):
        shutil.copy(path, folder)
    shutil.copy(DEFAULT_MODEL / "model_int8.tflite", folder)
    portrait = cv2.imread(str(ASSETS / "portrait_collins.jpg"))
    cv2.imwrite(str(folder / "face.png"), face_of(portrait))
    return folder


def face_of(portrait: np.ndarray) -> np.ndarray:
    """The square around the largest face, BGR."""
    from edge.detect import load_detector

    x, y, w, h = max(load_detector("blazeface").detect(portrait), key=lambda face: face.box[2]).box
    side, middle = int(1.1 * max(w, h)), (int(x + w / 2), int(y + h / 2))
    return portrait[middle[1] - side // 2 :, middle[0] - side // 2 :][:side, :side]


@pytest.fixture(scope="module")
def expected(folder: Path) -> tuple[str, np.ndarray]:
    """The checkpoint's emotion and valence/arousal on the face, prepared as this project does."""
    bundle = read_bundle(ROOT / "models")
    network = load_network(bundle.path("model_weights.pth"), bundle.config)
    image = resize(cv2.imread(str(folder / "face.png"))[:, :, ::-1].copy(), bundle.config.input.size, None)
    with torch.inference_mode():
        logits, affect = network(torch.from_numpy(image[None]))
    return bundle.config.labels[int(logits[0].argmax())], affect[0].numpy()


def opened(block: str) -> str:
    """The file that a block of code loads."""
    (name,) = set(re.findall(r'"(model[a-z_0-9]*\.(?!json)\w+)"', block))
    return name


@pytest.mark.parametrize("block", BLOCKS, ids=opened)
def test_code_runs_as_it_stands_and_names_the_checkpoints_emotion(
    block: str, folder: Path, expected: tuple[str, np.ndarray]
) -> None:
    ours = opened(block) == "model_weights.pth"
    assert len(list(filter(None, block.splitlines()))) == (9 if ours else 5)
    # None in sys.modules: importing that package fails, also where it is installed.
    hidden = "" if ours else f"import sys; sys.modules.update(dict.fromkeys({ROOMS}))\n"
    command = [sys.executable, *([] if ours else ["-I"]), "-c", hidden + block]
    environment = {**os.environ, "PYTHONPATH": str(ROOT) if ours else ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    label, *affect = done.stdout.splitlines()[-1].split()
    assert label == expected[0]
    np.testing.assert_allclose([float(number) for number in affect], expected[1], rtol=0, atol=0.1)


def test_code_of_this_project_is_out_of_reach_there() -> None:
    hidden = f"import sys; sys.modules.update(dict.fromkeys({ROOMS}))\n"
    done = subprocess.run([sys.executable, "-I", "-c", hidden + "import edge"], capture_output=True, text=True)
    assert "ModuleNotFoundError" in done.stderr
