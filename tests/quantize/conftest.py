"""A data set and bundles that are small, made from a seed, and still behave like real ones."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from edge.bundle import Crop
from edge.engines.network import EmotionNetwork, NetworkSpec
from edge.labels import LABELS
from edge.preprocess import resize
from train.checkpoint import save_bundle
from train.data.ferplus import COLUMNS, FOLDERS, read_ferplus
from train.data.samples import Samples

SIZE = 32

#: Limits for int8 of the networks below: layers of random weights are rounded more roughly than taught ones.
ROUGH = ("--max-affect", "0.4", "--min-agreement", "80", "--max-drop", "10")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Pictures of 32 px gain nothing from threads, and lose much on a machine that is busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _pattern(label: int, generator: np.random.Generator) -> np.ndarray:
    """A 48 px gray picture: stripes whose direction and width tell the class, under noise."""
    y, x = np.mgrid[:48, :48]
    angle, period = np.pi * (label % 4) / 4, 6 + 10 * (label // 4)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + generator.uniform(0, 0.3))
    picture = 128 + generator.uniform(95, 105) * wave + generator.normal(0, 3, (48, 48))
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def ferplus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """FER+'s own layout with 12 training and 8 validation pictures a class."""
    root = tmp_path_factory.mktemp("ferplus")
    generator = np.random.default_rng(0)
    for split, count in (("train", 20), ("validation", 8)):
        folder = root / FOLDERS[split]
        folder.mkdir()
        with (folder / "label.csv").open("w", newline="") as file:
            table = csv.writer(file)
            for index in range(count * len(LABELS)):
                label = index % len(LABELS)
                votes = [8 if column == LABELS[label] else 0 for column in COLUMNS]
                cv2.imwrite(str(folder / f"{index}.png"), _pattern(label, generator))
                table.writerow([f"{index}.png", "(0, 0, 48, 48)", *votes])
    return root


def _images(root: Path) -> tuple[Samples, torch.Tensor]:
    samples = read_ferplus(root, "train")
    images = np.stack([resize(samples.image(i), SIZE, 48) for i in range(len(samples))])
    return samples, torch.from_numpy(images)


def _random_network(architecture: str, images: torch.Tensor) -> EmotionNetwork:
    """A network with random weights whose batch norms fit the images roughly, so that signals reach the heads."""
    from torchvision.models.mobilenetv2 import InvertedResidual  # edge.engines.network has made it importable

    torch.manual_seed(0)
    network = EmotionNetwork(NetworkSpec(architecture, len(LABELS), "gray"))
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.7, 1.3)
        torch.nn.init.normal_(norm.bias, 0, 0.2)
        norm.momentum = 1.0
    for block in network.modules():
        if isinstance(block, InvertedResidual) and block.use_res_connect:
            block.conv[-1].weight.data *= 0.3  # else 17 random layers amplify noise more than signal
    with torch.no_grad():
        network.train()(images)
        for norm in norms:  # a port that mixes up mean, variance, scale and bias must not get away with it
            norm.running_mean += 0.05 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.9, 1.1)
    return network.eval()


def _teach(network: EmotionNetwork, samples: Samples, images: torch.Tensor) -> None:
    """Solve for both heads by least squares, so that emotions are told apart by clear margins."""
    features = []
    hook = network.emotion.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    with torch.no_grad():
        network(images)
    hook.remove()
    x = features[0].double()
    middle, spread = x.mean(0), x.std(0) + 1e-2
    normal = (x - middle) / spread
    targets = {
        network.emotion: torch.from_numpy(8.0 * samples.distribution - 1.0).double(),
        network.valence_arousal: torch.from_numpy(samples.valence_arousal).double(),
    }
    gram = normal @ normal.T + 0.5 * normal.shape[1] * torch.eye(len(x), dtype=torch.double)
    for head, wanted in targets.items():
        offset = wanted.mean(0)
        weight = normal.T @ torch.linalg.solve(gram, wanted - offset) / spread[:, None]
        head.weight.data.copy_(weight.T)
        head.bias.data.copy_(offset - middle @ weight)


@pytest.fixture(scope="session")
def make_bundle(ferplus: Path) -> Callable[[Path, str], Path]:
    """Write the bundle of a small taught network into a folder."""

    def make(folder: Path, architecture: str = "mobilenet_v2") -> Path:
        samples, images = _images(ferplus)
        network = _random_network(architecture, images)
        _teach(network, samples, images)
        save_bundle(network, folder, name="tiny", size=SIZE, crop=Crop(source_size=48), samples=samples)
        return folder

    return make


@pytest.fixture
def bundle(make_bundle: Callable[[Path, str], Path], tmp_path: Path) -> Path:
    """A fresh MobileNetV2 bundle."""
    return make_bundle(tmp_path / "bundle", "mobilenet_v2")
