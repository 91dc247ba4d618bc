"""The last layers of somebody's network: which linear layer gives emotions, and which valence and arousal."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from edge.errors import EdgeError
from quantize.convert.architecture import Match
from quantize.convert.labels import need_labels

#: What a training module keeps besides its network, by the beginning of the name.
_ASIDE = re.compile(r"(.*\.)?(loss\w*|criterion\w*|metrics?|(train|val|test)_\w+|n_averaged|task_weights)(\.|$)")
#: Second classifiers of GoogLeNet and Inception v3, used in training only.
_SIDE_EXITS = ("aux1.", "aux2.", "AuxLogits.")


@dataclasses.dataclass(frozen=True)
class Linear:
    """Weight ``[N, F]`` and bias ``[N]`` of a linear layer, float32."""

    weight: Tensor
    bias: Tensor

    def rows(self, start: int, end: int) -> Linear:
        """Return the layer that gives outputs ``start`` to ``end`` of this one."""
        return Linear(self.weight[start:end].clone(), self.bias[start:end].clone())


@dataclasses.dataclass(frozen=True)
class Heads:
    """Both heads, and what was found, in words.

    Attributes:
        labels: of the emotion head.
        emotion: C outputs.
        affect: valence and arousal; None where the network has no such head.
        own: they are this project's own, whose second head ends in tanh.
        found: where they come from, in words.
    """

    labels: tuple[str, ...]
    emotion: Linear
    affect: Linear | None
    own: bool
    found: str


def find_heads(tensors: Mapping[str, Tensor], match: Match, labels: tuple[str, ...] | None) -> Heads:
    """Tell the heads of a network apart by their names where they are this project's, else by their shapes.

    Args:
        tensors: all of the file's.
        match: what its backbone is.
        labels: what the user calls the outputs, or None.

    Raises:
        EdgeError: no labels, a number of outputs that does not fit them, heads that can't be told apart, or layers that
            torchvision's network does not have.
    """
    layers = _layers(tensors, match)
    root = match.prefix.removesuffix("backbone.")
    own = (f"{root}emotion", f"{root}valence_arousal")
    if set(layers) == set(own):
        emotion, affect = (layers[name] for name in own)
        labels = need_labels(labels, len(emotion.bias), "the head emotion")
        _fits(labels, emotion, "the head emotion")
        return Heads(labels, emotion, affect, True, "emotion, valence_arousal (named as edge-train names them)")
    if len(layers) == 1:
        name, layer = next(iter(layers.items()))
        return _one(name, layer, need_labels(labels, len(layer.bias), f"its classifier {name}"))
    widest = max(layers, key=lambda name: len(layers[name].bias))
    return _several(layers, need_labels(labels, len(layers[widest].bias), f"its classifier {widest}"))


def _one(name: str, layer: Linear, labels: tuple[str, ...]) -> Heads:
    count = len(labels)
    if len(layer.bias) == count + 2:
        found = f"{name}: {count} emotions, then valence and arousal"
        return Heads(labels, layer.rows(0, count), layer.rows(count, count + 2), False, found)
    _fits(labels, layer, f"its classifier {name}")
    return Heads(labels, layer, None, False, f"{name}: {count} emotions")


def _several(layers: Mapping[str, Linear], labels: tuple[str, ...]) -> Heads:
    named = [name for name in layers if re.search("valence|arousal", name)]
    affect = named if named else [name for name, layer in layers.items() if len(layer.bias) == 2]
    emotion = [name for name in layers if name not in affect]
    listed = ", ".join(f"{name} ({len(layer.bias)} outputs)" for name, layer in layers.items())
    if len(emotion) == 1 and len(affect) == 1 and len(layers[affect[0]].bias) == 2:
        second = layers[affect[0]]
    elif len(emotion) == 1 and sorted(map(_affect_name, affect)) == ["arousal", "valence"]:
        v, a = (layers[name] for name in sorted(affect, key=_affect_name, reverse=True))
        second = Linear(torch.cat((v.weight, a.weight)), torch.cat((v.bias, a.bias)))
    else:
        raise EdgeError(
            f"its heads can't be told apart: {listed}; wanted are one of {len(labels)} outputs and one of 2 (valence, "
            "arousal). Export the network with torch.onnx.export and convert the .onnx file"
        )
    _fits(labels, layers[emotion[0]], f"its head {emotion[0]}")
    return Heads(labels, layers[emotion[0]], second, False, f"{emotion[0]}; {', '.join(affect)}")


def _affect_name(name: str) -> str:
    found = re.findall("valence|arousal", name)
    return found[-1] if found else ""


def _fits(labels: tuple[str, ...], layer: Linear, of: str) -> None:
    if len(layer.bias) != len(labels):
        raise EdgeError(
            f"--labels names {len(labels)} ({', '.join(labels)}), and {of} gives {len(layer.bias)} numbers; name each "
            "output once, in order (valence and arousal, where they are the last two, are not named)"
        )


def _layers(tensors: Mapping[str, Tensor], match: Match) -> dict[str, Linear]:
    """What is left of a file without its backbone: linear layers on the backbone's features, by name."""
    body, prefix = match.body, match.prefix
    used = {prefix + name for name in body.shapes}
    aside = tuple(prefix + name for name in _SIDE_EXITS)
    left = {
        name: value
        for name, value in tensors.items()
        if name not in used
        and not name.startswith(aside)
        and not _ASIDE.match(name)
        and not name.endswith(("num_batches_tracked", "normalize_weight", "normalize_bias"))
    }
    layers: dict[str, Linear] = {}
    for name, value in left.items():
        stem, _, kind = name.rpartition(".")
        if kind == "weight" and value.dim() == 2 and value.shape[1] == body.features:
            bias = left.get(f"{stem}.bias", torch.zeros(len(value)))
            layers[stem] = Linear(value.float(), bias.float())
    strangers = [name for name in left if name.rpartition(".")[0] not in layers]
    if strangers:
        raise EdgeError(
            f"it holds layers that torchvision's {body.architecture} does not have ({', '.join(strangers[:3])}); "
            "export the network with torch.onnx.export and convert the .onnx file"
        )
    if not layers:
        raise EdgeError(
            f"it holds {body.architecture} without a classifier on its {body.features} features; train one "
            "(edge-train --weights), or give the file of the whole network"
        )
    return layers
