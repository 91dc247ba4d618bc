"""ONNX: opset 17, any batch size, simplified, checked, and with the labels in its metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from edge.bundle import Config
from edge.engines.network import EmotionNetwork
from edge.quiet import quiet
from edge.version import __version__
from quantize.export.pooling import fixed_pooling

#: Of 2022: ONNX Runtime reads it since 1.12.
OPSET = 17


def export_onnx(network: EmotionNetwork, path: Path, config: Config) -> None:
    """Write ``network`` as ONNX.

    The tracing exporter is used: it takes a second where the newer one takes ten, writes opset 17 directly, and both
    give the same graph after simplification.

    Args:
        network: in evaluation mode.
        path: the ``.onnx`` file to write.
        config: of the bundle; its name, labels and crop go into the file's metadata.
    """
    export_graph(network, path, config.input.size)
    import onnx

    model = onnx.load(str(path))
    describe(model, config)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def export_graph(network: torch.nn.Module, path: Path, size: int) -> None:
    """Write any module with the contract's inputs and outputs as simplified ONNX, without metadata.

    Args:
        network: takes uint8 ``[N, size, size, 3]``, gives logits and valence/arousal.
        path: the file to write.
        size: side of the input, pixels.

    Raises:
        RuntimeError: simplification changed the results.
    """
    # Two images, not one: a batch of one could leave a constant 1 behind where the batch size belongs.
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with quiet(), fixed_pooling(network, example):
        import onnx
        import onnxsim

        torch.onnx.export(
            network.eval(),
            (example,),
            str(path),
            input_names=["image"],
            output_names=["logits", "valence_arousal"],
            dynamic_axes={name: {0: "batch"} for name in ("image", "logits", "valence_arousal")},
            opset_version=OPSET,
            dynamo=False,
        )
        model, same = onnxsim.simplify(onnx.load(str(path)))
        if not same:
            raise RuntimeError("onnxsim changed the network's results")
        onnx.save(model, str(path))


def describe(model: Any, config: Config, **more: str) -> None:
    """Put what a user of the bare file needs to know into the ``metadata_props`` of an ``onnx.ModelProto``."""
    import msgspec
    import onnx

    model.producer_name = "emot-edge"
    model.producer_version = __version__
    facts = {
        "name": config.name,
        "architecture": config.architecture,
        "labels": json.dumps(config.labels),
        "input": "uint8 [N, H, W, 3], RGB, 0..255; normalisation is inside",
        "crop": msgspec.json.encode(config.crop).decode(),
        "training_data": config.training.data,
        "licence": config.training.licence,
        **more,
    }
    onnx.helper.set_model_props(model, facts)
