"""docs/convert.md shows what happens: its commands are run, and what they print is compared with the page."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from edge.bundle import read_bundle
from edge.engines.network import EmotionNetwork, torchvision
from edge.engines.torch import load_network
from edge.reader import EmotionReader
from quantize.cli import app

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs" / "convert.md").read_text()


class Theirs(torch.nn.Module):
    """The repository's network as somebody else might export it: normalised float in, probabilities out."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.network.backbone(x)
        affect = torch.tanh(self.network.valence_arousal(features))
        return torch.softmax(self.network.emotion(features), dim=1), affect


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the page speaks of."""
    folder = tmp_path_factory.mktemp("convert")
    shutil.copy(ROOT / "models" / "model_weights.pth", folder)
    network = load_network(ROOT / "models" / "model_weights.pth", read_bundle(ROOT / "models").config)
    torch.onnx.export(
        Theirs(network).eval(),
        (torch.zeros(1, 3, 64, 64),),
        str(folder / "theirs.onnx"),
        input_names=["face"],
        output_names=["expression", "va"],
        dynamic_axes={name: {0: "N"} for name in ("face", "expression", "va")},
        dynamo=False,
    )
    torch.save(torchvision.models.resnet18(num_classes=7).state_dict(), folder / "fer.pth")
    return folder


EXAMPLES = re.findall(r"```sh\n(edge-quantize convert .*?)\n```\n\n```\n(.*?)```", DOCUMENT, re.S)


def comparable(text: str) -> str:
    return re.sub(r"\d\.\de-\d\d", "TINY", text)  # rounding, which differs between processors


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[command.split()[2] for command, _ in EXAMPLES])
def test_the_page_shows_what_happens(
    files: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, shown: str
) -> None:
    monkeypatch.chdir(shutil.copytree(files, tmp_path / "here"))
    result = CliRunner().invoke(app, shlex.split(command)[1:])
    assert result.exit_code == (2 if shown.startswith("error") else 0), result.output
    assert comparable(result.output) == comparable(shown)


def test_there_are_three_examples_and_both_kinds_read_the_portraits_alike(files: Path, tmp_path: Path) -> None:
    import cv2

    assert len(EXAMPLES) == 3
    told = []
    for index, (command, _) in enumerate(EXAMPLES[:2]):
        words = [str(files / word) if (files / word).is_file() else word for word in shlex.split(command)[1:-1]]
        assert CliRunner().invoke(app, [*words, str(tmp_path / str(index))]).exit_code == 0
        with EmotionReader(tmp_path / str(index)) as reader:
            (reading,) = reader.read(cv2.imread(str(ROOT / "edge" / "assets" / "portrait_collins.jpg")))
        told.append([*reading.emotion.probabilities, reading.emotion.valence, reading.emotion.arousal])
    assert told[0] == pytest.approx(told[1], abs=1e-4)
    assert max(told[0][:8]) > 0.9
