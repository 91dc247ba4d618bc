"""One network of every family through every float format, each file in its own runtime; the slow ones on request."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from backbones import FAMILIES, config_of, pictures, settled

from edge.bundle import FILE_NAMES
from edge.engines import load_engine
from edge.engines.network import EmotionNetwork, architectures
from edge.errors import EdgeError
from edge.verify import FLOAT_LIMIT
from quantize.export.keras import build_keras, export_keras
from quantize.export.onnx import export_onnx
from quantize.export.support import refusal
from quantize.export.tflite import convert, export_dynamic, export_float16
from quantize.export.torchscript import export_torchscript

FORMATS = [key for key in FILE_NAMES if key[0] != "pth" and key[1] in ("float32", "float16", "dynamic")]
#: Their members hold attention.
ATTENTION = {"maxvit_t", "swin_t", "vit_b_32"}
#: Quick ones: one that goes through Keras, one that does not. MobileNetV2 and ResNet are tested with the command.
QUICK = {"shufflenet_v2_x0_5", "swin_t"}
#: Largest error of coarser weights, as a share of the logits' spread. Random weights are not kind to rounding: 8 bits
#: drown in them, so a dynamic-range file has to run and be finite here; a taught network judges it elsewhere.
ROUGH = {"float16": 0.5, "dynamic": np.inf}

pytestmark = pytest.mark.timeout(900)


def make(network: EmotionNetwork, size: int, folder: Path) -> dict[tuple[str, str], Path]:
    """Export everything that is not refused; return the files."""
    made = {key: folder / FILE_NAMES[key] for key in FORMATS if refusal(network, *key) is None}
    export_torchscript(network, made["torchscript", "float32"], size)
    export_onnx(network, made["onnx", "float32"], config_of(network, size))
    if ("keras", "float32") in made:
        model = build_keras(network, size)
        export_keras(model, made["keras", "float32"])
        content = convert(model)
        made["tflite", "float32"].write_bytes(content)
        export_float16(content, made["tflite", "float16"])
        export_dynamic(content, made["tflite", "dynamic"])
    return made


@pytest.mark.parametrize(
    "member", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.backbones) for name in FAMILIES]
)
def test_every_format_that_is_not_refused_gives_the_networks_numbers(member: str, tmp_path: Path) -> None:
    size = FAMILIES[member].size
    network = settled(member, size)
    images = pictures(3, size, seed=2)
    with torch.inference_mode():
        single = [output.numpy() for output in network(torch.from_numpy(images))]
        exact = [output.numpy() for output in copy.deepcopy(network).double()(torch.from_numpy(images))]
    # Torch's own rounding is no error of a file; in deep networks of random weights it nears the limit.
    rounding = 3 * max(np.abs(a - b).max() for a, b in zip(single, exact, strict=True))
    made = make(network, size, tmp_path)
    assert {key[0] for key in made} == {"torchscript", "onnx"} | (set() if member in ATTENTION else {"keras", "tflite"})
    for (_, precision), path in made.items():
        engine = load_engine(path, config_of(network, size))
        limit = ROUGH.get(precision, 0.0) * exact[0].std() + FLOAT_LIMIT + rounding
        for count in (1, 3):
            logits, affect = engine.run(images[:count])
            assert np.isfinite(logits).all() and np.isfinite(affect).all()
            np.testing.assert_allclose(logits, exact[0][:count], rtol=0, atol=limit, err_msg=path.name)
            np.testing.assert_allclose(affect, exact[1][:count], rtol=0, atol=limit, err_msg=path.name)
        engine.close()
    for key in set(FORMATS) - set(made):
        assert "cannot be had as" in str(refusal(network, *key))
        with pytest.raises(EdgeError, match=f"{member} cannot be ported to Keras: no counterpart for the layer"):
            build_keras(network, size)


def test_every_backbone_belongs_to_one_family() -> None:
    offered = [name for name in architectures() if not name.startswith("squeezenet")]  # has no linear layer to replace
    assert {name: sum(name.startswith(f.prefix) for f in FAMILIES.values()) for name in offered} == dict.fromkeys(
        offered, 1
    )
