"""The two-head network: one torchvision backbone, emotion logits, valence and arousal. Needs torch and torchvision.

It lives beside the engines because ``edge-run`` can run a ``.pth`` checkpoint where torch is installed, and there must
be one definition of what a checkpoint means. Training and quantization import it from here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from edge.engines.torchvision_compat import import_torchvision
from edge.errors import EdgeError

torchvision = import_torchvision()  # now, not later: what is imported after this module may need it too

Color = Literal["rgb", "gray"]

#: Per-channel statistics of ImageNet in RGB order, for pixels in 0..1 (Krizhevsky 2012; torchvision's defaults).
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

#: Weights of R, G and B in luma (ITU-R BT.601), what OpenCV and Pillow use to make gray images.
LUMA = (0.299, 0.587, 0.114)


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """What is needed to build a network whose weights then fit.

    Attributes:
        architecture: a torchvision classification model by its torchvision name (``"mobilenet_v2"``, ``"resnet18"``).
        num_classes: number of emotions, C.
        color: ``"gray"`` turns RGB into luma inside the graph, for networks taught on gray images.
        mean: per-channel mean, for pixels in 0..1.
        std: per-channel standard deviation, for pixels in 0..1.
    """

    architecture: str
    num_classes: int = 8
    color: Color = "rgb"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


class EmotionNetwork(nn.Module):
    """Backbone, pooled features, and two linear heads.

    The forward pass is the contract of every exported file: ``image`` uint8 ``[N, H, W, 3]`` RGB in, ``logits`` float32
    ``[N, C]`` and ``valence_arousal`` float32 ``[N, 2]`` in [-1, 1] out. Colour conversion and normalisation are one
    fixed 1x1 convolution at the head of the graph.
    """

    normalize_weight: Tensor
    normalize_bias: Tensor

    def __init__(self, spec: NetworkSpec, weights: str | None = None, dropout: float | None = None) -> None:
        """Build the network.

        Args:
            spec: what to build.
            weights: a torchvision weights name such as ``"DEFAULT"``; None: random.
            dropout: share of the features that training drops before the heads; None: as the architecture has it.
        """
        super().__init__()
        self.spec = spec
        self.backbone, features = _backbone(spec.architecture, weights, dropout)
        self.emotion = nn.Linear(features, spec.num_classes)
        self.valence_arousal = nn.Linear(features, 2)
        for head in (self.emotion, self.valence_arousal):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)
        weight, bias = normalization(spec)
        self.register_buffer("normalize_weight", weight)
        self.register_buffer("normalize_bias", bias)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``(logits, valence_arousal)`` for uint8 images ``[N, H, W, 3]``, RGB."""
        return self.read(image.permute(0, 3, 1, 2).to(self.normalize_weight.dtype))

    def read(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """The same for float images ``[N, 3, H, W]`` in 0..255, the form in which training augments them."""
        x = nn.functional.conv2d(pixels, self.normalize_weight, self.normalize_bias)
        features = self.backbone(x)
        return self.emotion(features), torch.tanh(self.valence_arousal(features))


def normalization(spec: NetworkSpec) -> tuple[Tensor, Tensor]:
    """Return weight ``[3, 3, 1, 1]`` and bias ``[3]`` of the 1x1 convolution that maps 0..255 RGB to network input."""
    std = torch.tensor(spec.std)
    mixing = torch.tensor(LUMA).repeat(3, 1) if spec.color == "gray" else torch.eye(3)
    return (mixing / (255.0 * std[:, None]))[:, :, None, None].clone(), -torch.tensor(spec.mean) / std


def architectures() -> Sequence[str]:
    """Names of all torchvision classification networks."""
    return list(torchvision.models.list_models(module=torchvision.models))


def _backbone(architecture: str, weights: str | None, dropout: float | None) -> tuple[nn.Module, int]:
    """Return a torchvision network that ends in its pooled features, and their number."""
    try:
        model: nn.Module = torchvision.models.get_model(architecture, weights=weights)
    except ValueError as error:
        near = ", ".join(("mobilenet_v2", "resnet18", "resnet50", "efficientnet_b0"))
        raise EdgeError(f"unknown architecture {architecture!r}: use a torchvision name such as {near}") from error
    except KeyError as error:
        raise EdgeError(f"torchvision has no weights {weights!r} for {architecture}; try DEFAULT") from error
    linears = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    if not linears:
        raise EdgeError(f"architecture {architecture!r} has no linear classifier to replace; use another one")
    name, last = linears[-1]
    parent = model.get_submodule(name.rpartition(".")[0]) if "." in name else model
    if dropout is not None:
        # Its own, right before the classifier, gives way. A Dropout has no weights: checkpoints stay the same.
        before = list(parent.children())[-2:-1]
        if before and isinstance(before[0], nn.Dropout):
            before[0].p = 0.0
    setattr(parent, name.rpartition(".")[2], nn.Identity() if dropout is None else nn.Dropout(dropout))
    _drop_side_exits(model)
    return model, last.in_features


def _drop_side_exits(model: nn.Module) -> None:
    """Remove what GoogLeNet and Inception v3 have for training alone: second classifiers half way.

    And their conversion of ImageNet's normalisation, which torchvision switches on with its weights: a checkpoint does
    not tell of it, so the network that is built for it again would see other colours than the one that was trained.
    """
    for name in ("AuxLogits", "aux1", "aux2"):
        if hasattr(model, name):
            setattr(model, name, None)
    for name in ("aux_logits", "transform_input"):
        if hasattr(model, name):
            setattr(model, name, False)
