"""One small member of every family of backbones, and a network of it whose numbers are worth comparing."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.bundle import SCHEMA_VERSION, Config, Crop, Input, Training
from edge.engines.network import EmotionNetwork, NetworkSpec
from edge.labels import LABELS


@dataclasses.dataclass(frozen=True)
class Family:
    """Backbones that are built alike.

    Attributes:
        name: as in docs/formats.md.
        prefix: of the names of its members.
        member: a small one.
        size: a small input that it takes, pixels.
    """

    name: str
    prefix: str
    member: str
    size: int


FAMILIES = {
    family.member: family
    for family in (
        Family("AlexNet", "alexnet", "alexnet", 64),
        Family("ConvNeXt", "convnext_", "convnext_tiny", 32),
        Family("DenseNet", "densenet", "densenet121", 32),
        Family("EfficientNet", "efficientnet_b", "efficientnet_b0", 32),
        Family("EfficientNet V2", "efficientnet_v2_", "efficientnet_v2_s", 32),
        Family("GoogLeNet", "googlenet", "googlenet", 32),
        Family("Inception v3", "inception_v3", "inception_v3", 80),
        Family("MaxViT", "maxvit_", "maxvit_t", 224),
        Family("MNASNet", "mnasnet", "mnasnet0_5", 32),
        Family("MobileNetV2", "mobilenet_v2", "mobilenet_v2", 32),
        Family("MobileNetV3", "mobilenet_v3_", "mobilenet_v3_small", 32),
        Family("RegNet", "regnet_", "regnet_y_400mf", 32),
        Family("ResNet", "resnet", "resnet18", 32),
        Family("ResNeXt", "resnext", "resnext50_32x4d", 32),
        Family("ShuffleNet V2", "shufflenet_", "shufflenet_v2_x0_5", 32),
        Family("Swin", "swin_", "swin_t", 32),
        Family("VGG", "vgg", "vgg11_bn", 64),
        Family("ViT", "vit_", "vit_b_32", 224),
        Family("Wide ResNet", "wide_resnet", "wide_resnet50_2", 32),
    )
}


def pictures(count: int, size: int, seed: int) -> NDArray[np.uint8]:
    """Pictures of a few soft blots each, uint8 ``[N, size, size, 3]``: unlike each other, as noise would not be."""
    generator = torch.Generator().manual_seed(seed)
    blots = torch.rand((count, 3, 4, 4), generator=generator) * torch.rand((count, 1, 1, 1), generator=generator)
    smooth = nn.functional.interpolate(255 * blots, size=(size, size), mode="bicubic")
    noise = 8 * torch.randn(smooth.shape, generator=generator)
    return (smooth + noise).clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()


def settled(architecture: str, size: int) -> EmotionNetwork:
    """A network with random weights whose batch norms fit the pictures and whose logits are of the order of one."""
    torch.manual_seed(0)
    network = EmotionNetwork(NetworkSpec(architecture, len(LABELS), "gray"))
    images = torch.from_numpy(pictures(16, size, 1))
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.7, 1.3)
        nn.init.normal_(norm.bias, 0, 0.2)
        norm.momentum = 1.0
        norm.eps = 0.01  # else channels that hardly vary are blown up, and rounding errors with them
    for name, parameter in network.named_parameters():
        if name.endswith("layer_scale"):  # ConvNeXt begins with one millionth, which would hide the blocks
            nn.init.uniform_(parameter, 0.2, 0.6)
    with torch.no_grad():
        network.train()(images)
        for norm in norms:  # a port that mixes up mean, variance, scale and bias must not get away with it
            norm.running_mean += 0.05 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.9, 1.1)
        for head in (network.emotion, network.valence_arousal):
            answers: list[Tensor] = []
            hook = head.register_forward_hook(functools.partial(_keep, answers))
            network.eval()(images)
            hook.remove()
            head.weight /= answers[0].square().mean().sqrt()
    return network.eval()


def _keep(answers: list[Tensor], head: nn.Module, inputs: object, output: Tensor) -> None:
    answers.append(output)


def config_of(network: EmotionNetwork, size: int) -> Config:
    """A bundle's config for a network."""
    spec = network.spec
    return Config(
        SCHEMA_VERSION,
        "tiny",
        spec.architecture,
        LABELS,
        Input(size, spec.color, spec.mean, spec.std),
        Crop(),
        Training("pictures of blots", "none", "nothing"),
    )
