"""Weights on disk: a state dict, and the config that says what network it belongs to."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from edge.bundle import (
    FILE_NAMES,
    SCHEMA_VERSION,
    Config,
    Crop,
    Input,
    Metrics,
    Training,
    describe_file,
    write_config,
)
from edge.engines.network import EmotionNetwork
from edge.files import replacing
from train.data.samples import Samples

WEIGHTS = FILE_NAMES["pth", "float32"]


def save_weights(network: EmotionNetwork, path: Path, half: bool = False) -> None:
    """Write the state dict atomically; ``half`` stores floating point tensors in 16 bits (half the size)."""
    state = {name: _stored(value, half) for name, value in network.state_dict().items()}
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(state, file)  # given a path, it would write the temporary's random name into the file


def save_bundle(
    network: EmotionNetwork,
    folder: Path,
    *,
    name: str,
    size: int,
    crop: Crop,
    samples: Samples,
    metrics: tuple[Metrics, ...] = (),
    half: bool = False,
    teachers: tuple[str, ...] = (),
) -> Config:
    """Write ``model_weights.pth`` and its ``model_config.json``; ``samples`` and ``teachers`` taught the network."""
    spec = network.spec
    save_weights(network, folder / WEIGHTS, half)
    config = Config(
        schema_version=SCHEMA_VERSION,
        name=name,
        architecture=spec.architecture,
        labels=samples.labels,
        input=Input(size=size, color=spec.color, mean=spec.mean, std=spec.std),
        crop=crop,
        training=Training(
            data=samples.name,
            licence=samples.licence,
            valence_arousal=samples.affect_source,
            teachers=teachers,
        ),
        files={WEIGHTS: describe_file(folder / WEIGHTS, "pth", "float16" if half else "float32", metrics)},
    )
    write_config(folder, config)
    return config


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() else value
