"""The notebook, top to bottom, as Colab would run it: what it installs, trains, measures and exports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "train/colab_training.ipynb"

#: AffectNet's ids of two emotions, a tint (BGR) that makes them easy to learn, and where they lie on the circumplex.
CLASSES = {1: ((60, 60, 220), (0.8, 0.4)), 2: ((220, 60, 60), (-0.6, -0.3))}


@pytest.fixture(scope="module")
def affectnet(tmp_path_factory, portraits) -> Path:
    """AffectNet's 2021 layout, with faces of the portraits in it."""
    root = tmp_path_factory.mktemp("affectnet")
    random = np.random.default_rng(0)
    faces = [cv2.resize(portrait, (48, 48)) for portrait in portraits.values()]
    for split, count in (("train_set", 96), ("val_set", 24)):
        for kind in ("images", "annotations"):
            (root / split / kind).mkdir(parents=True)
        for number in range(2 * count):
            expression, (tint, affect) = list(CLASSES.items())[number % 2]
            face = 0.4 * faces[number % len(faces)] + 0.6 * np.array(tint) + random.normal(0, 12, (48, 48, 3))
            cv2.imwrite(str(root / split / "images" / f"{number}.jpg"), np.clip(face, 0, 255).astype(np.uint8))
            for name, value in (("exp", expression), ("val", affect[0]), ("aro", affect[1])):
                np.save(root / split / "annotations" / f"{number}_{name}.npy", np.array(str(value)))
    return root


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """A Python that has every package the tests have, but not the toolkit: that is for the notebook to install."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "packages_of_the_tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_the_script_has_the_cells_of_the_notebook() -> None:
    pytest.importorskip("jupytext")
    from train.notebook import SCRIPT, as_script

    assert SCRIPT.read_text(encoding="utf-8") == as_script(), "run: make notebook"


def test_the_notebook_is_short_and_carries_no_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) <= 21
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


@pytest.mark.timeout(900)
def test_the_notebook_runs_from_top_to_bottom(affectnet, fresh, tmp_path, monkeypatch) -> None:
    from jupyter_client.manager import KernelManager

    checkout = tmp_path / "checkout"
    left_out = shutil.ignore_patterns(".*", "out", "runs", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, checkout, ignore=left_out)
    run = tmp_path / "run"
    settings = {
        "SOURCE": checkout,
        "DATA": f"affectnet:{affectnet}",
        "ARCH": "mobilenet_v2",
        "IMAGE_SIZE": 32,
        "EPOCHS": 4,
        "BATCH_SIZE": 8,
        "OPTIONS": "--weights none --lr 2e-3 --ema 0.9 --device cpu",
        "RUN": run,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"EMOT_{name}", str(value))
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(tmp_path)

    class FreshKernel(KernelManager):  # the kernel of that Python, not of the one that runs the tests
        def format_kernel_cmd(self, extra_arguments=None):
            return [str(fresh), "-m", "ipykernel_launcher", "-f", self.connection_file]

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=800, kernel_manager_class=FreshKernel, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()

    said = "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", []))
    assert "AffectNet" in said
    assert "CCC" in said and "macro F1" in said
    pictures = [o for cell in notebook.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert len(pictures) >= 3  # the data, the run's plots, the demo
    installed = fresh.parent.parent / "lib"
    assert list(installed.glob("python*/site-packages/emot_edge-*.dist-info")), "the notebook installed nothing"
    with zipfile.ZipFile(run / "mobilenet_v2-32.zip") as archive:
        names = set(archive.namelist())
    assert names >= {
        "model_config.json",
        "MODEL_CARD.md",
        "model_weights.pth",
        "model.pt",
        "model.onnx",
        "model.h5",
        "model.tflite",
        "model_int8.onnx",
        "model_int8.tflite",
    }


def test_a_failing_command_stops_the_script_in_one_line(tmp_path) -> None:
    """As a plain script, with a source that is not there."""
    environment = {**os.environ, "EMOT_SOURCE": str(tmp_path / "nowhere.whl")}
    script = ROOT / "train/colab_training_notebook.py"
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "nowhere.whl" in done.stdout
    assert done.stderr.strip().splitlines()[-1].endswith("its last lines say why")
