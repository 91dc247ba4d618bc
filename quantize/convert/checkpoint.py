"""From a bare state dict to the network of a bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from edge.bundle import Config
from edge.engines.network import IMAGENET_MEAN, IMAGENET_STD, EmotionNetwork, NetworkSpec
from edge.errors import EdgeError
from quantize.convert.architecture import Match, identify
from quantize.convert.facts import Facts, reversed_channels
from quantize.convert.heads import Heads, Linear, find_heads
from quantize.convert.normalisation import Normalisation
from quantize.convert.reading import read_tensors

Color = Literal["rgb", "gray"]


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A network built from somebody's file.

    Attributes:
        network: in evaluation mode, float32.
        config: of its bundle, without files.
        half: the file held 16-bit numbers.
        found: what was recognised, by aspect, in words.
    """

    network: EmotionNetwork
    config: Config
    half: bool
    found: dict[str, str]


def convert_checkpoint(path: Path, facts: Facts, architecture: str | None = None, prefix: str = "") -> Checkpoint:
    """Build the two-head network that a state dict belongs to.

    Args:
        path: ``.pth``, ``.pt`` or ``.ckpt``; see :func:`quantize.convert.reading.read_tensors`.
        facts: what the user says about it.
        architecture: torchvision's name of the backbone; None: found by its tensors.
        prefix: what the names of the wanted tensors begin with, where a file holds several networks.

    Raises:
        EdgeError: unreadable, unknown, not what the user says, or something that is not said and can't be known.
    """
    tensors = read_tensors(path, prefix)
    try:
        match = identify({name: tuple(value.shape) for name, value in tensors.items()}, architecture)
        heads = find_heads(tensors, match, facts.labels)
    except EdgeError as error:
        raise EdgeError(f"{path}: {error}") from error
    if facts.size is None:
        raise EdgeError(
            "--size is missing: the side in pixels of the pictures this network was taught on; a state dict does not "
            "say it, and at another size it is less accurate"
        )
    if heads.affect is not None and not heads.own and not facts.tanh:
        raise EdgeError(
            f"{path}: found {heads.found}; a state dict does not say what the network does with valence and arousal, "
            "and a bundle's network bounds them by tanh. Add --tanh to agree (right if yours does it too; values that "
            "were plain are squeezed, 0.5 to 0.46), or export it with torch.onnx.export and convert the .onnx file, "
            "which keeps them. If they are two more emotions, name these in --labels"
        )
    kept = _kept_normalisation(tensors, match)
    one_channel = tensors[match.prefix + match.body.first].shape[1] == 1
    color, normalisation = _input(facts, kept, one_channel)
    spec = NetworkSpec(
        match.body.architecture, len(heads.labels), color, mean=normalisation.mean, std=normalisation.std
    )
    network = EmotionNetwork(spec)
    network.load_state_dict(_state(tensors, match, heads, network, kept is not None, facts.bgr))
    config = facts.config(
        spec.architecture, heads.labels, facts.size, color, normalisation, affect=heads.affect is not None
    )
    floats = {value.dtype for value in tensors.values() if value.is_floating_point()}
    found = {"network": f"{spec.architecture}, names begin with {match.prefix!r}", "heads": heads.found}
    return Checkpoint(network.eval(), config, floats == {torch.float16}, found)


def _input(facts: Facts, kept: tuple[Color, Normalisation] | None, one_channel: bool) -> tuple[Color, Normalisation]:
    """Colour and normalisation in the order red, green, blue."""
    if kept is not None:
        if facts.normalisation is not None or facts.gray or facts.bgr:
            raise EdgeError(
                "this checkpoint holds its own normalisation; leave out --normalisation, --mean, --std, --gray, --bgr"
            )
        return kept
    gray = facts.gray or one_channel
    if gray and facts.bgr:
        raise EdgeError("--bgr: a network for gray pictures has no order of channels; leave it out")
    if facts.normalisation is None and facts.bgr:
        raise EdgeError("--bgr needs --mean and --std, in the order blue, green, red")
    if facts.normalisation is None and one_channel:
        raise EdgeError("this network takes one gray channel: give its normalisation, for example --mean 0.5 --std 0.5")
    how = facts.normalisation or Normalisation(IMAGENET_MEAN, IMAGENET_STD)
    return ("gray" if gray else "rgb"), (reversed_channels(how) if facts.bgr else how)


def _kept_normalisation(tensors: Mapping[str, Tensor], match: Match) -> tuple[Color, Normalisation] | None:
    """Colour, mean and standard deviation, read back from the buffers of this project's own networks."""
    root = match.prefix.removesuffix("backbone.")
    weight, bias = tensors.get(f"{root}normalize_weight"), tensors.get(f"{root}normalize_bias")
    if weight is None or bias is None:
        return None
    matrix = weight.double()[:, :, 0, 0]
    scale = matrix.sum(1)  # 1 / (255 std), of both colours: the weights of luma sum to one
    a, b, c = (round(float(value), 4) for value in 1 / (255 * scale))
    d, e, f = (round(float(-value / (255 * s)), 4) for value, s in zip(bias.double(), scale, strict=True))
    how = Normalisation((d, e, f), (a, b, c))
    if np.allclose((how.mean, how.std), (IMAGENET_MEAN, IMAGENET_STD), atol=1e-3):  # as far as 16 bits can tell
        how = Normalisation(IMAGENET_MEAN, IMAGENET_STD)
    mixed = bool((matrix - torch.diag(torch.diagonal(matrix))).abs().max() > 1e-6)
    return ("gray" if mixed else "rgb"), how


def _state(
    tensors: Mapping[str, Tensor], match: Match, heads: Heads, network: EmotionNetwork, keep: bool, bgr: bool
) -> dict[str, Tensor]:
    """The state dict of ``network``: backbone and heads of the file, and its normalisation where it holds one."""
    state = dict(network.state_dict())
    for name in match.body.shapes:
        value = tensors.get(match.prefix + name)
        if value is not None:  # else a counter that older versions of torch did not write
            state[f"backbone.{name}"] = value
    first = f"backbone.{match.body.first}"
    if state[first].shape[1] == 1:
        # All three channels hold luma: read the first one, which is exact, where thirds in each would be rounded.
        state[first] = torch.cat((state[first], torch.zeros_like(state[first]).repeat(1, 2, 1, 1)), dim=1)
    elif bgr:
        state[first] = state[first].flip(1)
    none = Linear(torch.zeros(2, match.body.features), torch.zeros(2))
    for name, head in (("emotion", heads.emotion), ("valence_arousal", heads.affect or none)):
        state[f"{name}.weight"], state[f"{name}.bias"] = head.weight, head.bias
    if keep:
        root = match.prefix.removesuffix("backbone.")
        for name in ("normalize_weight", "normalize_bias"):
            state[name] = tensors[root + name]
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
