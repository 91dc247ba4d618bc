"""MACs and bytes of small graphs reckoned by hand, and of the packaged networks as PyTorch counts them."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest

from bench.macs import Layer, bytes_moved, layers_of, macs
from edge.assets import asset
from edge.bundle import read_bundle
from edge.errors import EdgeError
from edge.model import DEFAULT_MODEL

onnx = pytest.importorskip("onnx")


def save_onnx(path: Path, nodes: list, weights: dict[str, np.ndarray], shape: list, output: list) -> Path:
    make = onnx.helper
    floats = onnx.TensorProto.FLOAT
    graph = make.make_graph(
        nodes,
        "graph",
        [make.make_tensor_value_info("x", floats, shape)],
        [make.make_tensor_value_info("y", floats, output)],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)]), str(path))
    return path


def test_a_float_graph(tmp_path: Path) -> None:
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"]),
        node("Conv", ["r", "d"], ["e"], group=4, strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "g"], ["y"], transB=1),
    ]
    shapes = {"w": (4, 3, 3, 3), "b": (4,), "d": (4, 1, 3, 3), "g": (5, 64)}
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    file = save_onnx(tmp_path / "model.onnx", nodes, weights, ["N", 3, 8, 8], ["N", 5])
    image, maps, small = 3 * 8 * 8, 4 * 8 * 8, 4 * 4 * 4
    assert layers_of(file) == [
        Layer("Conv", maps * 27, 4 * (image + 4 * 27 + 4 + maps), False),
        Layer("Conv", small * 9, 4 * (maps + 4 * 9 + small), False),
        Layer("Gemm", 5 * 64, 4 * (small + 5 * 64 + 5), False),
    ]


def test_a_quantized_graph_is_kept_in_bytes(tmp_path: Path) -> None:
    node = onnx.helper.make_node
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        node("DequantizeLinear", ["w", "s", "i"], ["wd"]),
        node("Conv", ["xd", "wd"], ["c"]),
        node("QuantizeLinear", ["c", "s", "z"], ["cq"]),
        node("DequantizeLinear", ["cq", "s", "z"], ["cd"]),
        node("GlobalAveragePool", ["cd"], ["y"]),
    ]
    weights = {
        "w": np.zeros((4, 3, 1, 1), np.int8),
        "s": np.float32(0.1),
        "z": np.uint8(3),
        "i": np.int8(0),
    }
    weights = {name: np.asarray(value) for name, value in weights.items()}
    file = save_onnx(tmp_path / "model.onnx", nodes, weights, [1, 3, 8, 8], [1, 4, 1, 1])
    assert layers_of(file) == [
        Layer("Conv", 4 * 64 * 3, 3 * 64 + 12 + 4 * 64, True),
        Layer("GlobalAveragePool", 0, 4 * 64 + 4 * 4, False),
    ]


def torch_macs(network: object, size: int) -> int:
    """What PyTorch's own counter says, which counts a MAC as two operations."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, size, size, 3, dtype=torch.uint8))  # type: ignore[operator]
    operations = counter.get_total_flops()
    assert operations % 2 == 0
    return operations // 2


@pytest.mark.parametrize("name", ["model_int8.tflite", "model_int8.onnx"])
def test_the_packaged_network_is_counted_as_pytorch_counts_it(name: str) -> None:
    pytest.importorskip("torch")
    from edge.engines.network import EmotionNetwork, NetworkSpec

    bundle = read_bundle(DEFAULT_MODEL)
    config = bundle.config
    size = config.input.size
    network = EmotionNetwork(NetworkSpec(config.architecture, len(config.labels), config.input.color))
    layers = layers_of(bundle.path(name))
    first = next(layer for layer in layers if layer.macs)
    # Normalisation, a 1x1 convolution of three channels in PyTorch, is in the weights of the first convolution here,
    # which has a fourth channel for it: 3x3 more MACs for each of its 32 channels at half the size.
    folded, added = size * size * 9, (size // 2) ** 2 * 32 * 9
    assert macs(layers) == torch_macs(network, size) - folded + added
    assert first.macs == (size // 2) ** 2 * 32 * 4 * 9
    weights = sum(parameter.numel() for parameter in network.parameters())
    assert bytes_moved(layers) > weights  # each at least once, in a byte
    # All but the two heads is int8.
    assert sum(layer.macs for layer in layers if not layer.integer) == 1280 * (len(config.labels) + 2)


def test_resnet18_is_counted_as_pytorch_counts_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from edge.engines.network import EmotionNetwork, NetworkSpec

    network = EmotionNetwork(NetworkSpec("resnet18")).eval()
    image = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
    with torch.no_grad():
        torch.onnx.export(network, (image,), str(tmp_path / "model.onnx"), dynamo=False, input_names=["image"])
    assert macs(layers_of(tmp_path / "model.onnx")) == torch_macs(network, 224)


def test_a_window_costs_as_much_less_as_it_is_smaller() -> None:
    from edge.detect.network import FULL_RANGE, resized

    path = asset(FULL_RANGE.file)
    whole = layers_of(path)
    assert sum(layer.kind == "CONV_2D" for layer in whole) > 20
    window = layers_of(path, resized(path.read_bytes(), 96, 64), (1, 64, 96, 3))
    assert macs(window) / macs(whole) == pytest.approx(prod((96, 64)) / 192**2, rel=0.001)
    assert bytes_moved(window) < bytes_moved(whole)


def test_what_cannot_be_counted_is_one_line(tmp_path: Path) -> None:
    for name, says in (("model.tflite", "TFLite"), ("model.onnx", "ONNX"), ("model.pth", "counted in")):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(EdgeError, match=says):
            layers_of(tmp_path / name)
