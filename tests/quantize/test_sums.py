"""Residual sums are settled: their scales leave no pair of values near the middle between two steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from quantize.export.onnx import export_graph
from quantize.images import choose
from quantize.int8.onnx import OnnxGraph
from quantize.int8.prepared import PreparedNetwork
from quantize.int8.ranges import choose_all
from quantize.int8.sums import settle_sums, unsettled_sums
from quantize.source import open_source


@pytest.fixture(scope="module", params=["mobilenet_v2", "resnet18"])
def settled(
    request: pytest.FixtureRequest,
    make_bundle: Callable[[Path, str], Path],
    ferplus: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[onnx.ModelProto, np.ndarray]:
    folder = tmp_path_factory.mktemp("sums")
    source = open_source(make_bundle(folder / "bundle", request.param))
    assert source.network is not None
    images = choose(f"ferplus:{ferplus}", source.bundle.config, 16, 32, 0)
    export_graph(PreparedNetwork(source.network), folder / "p.onnx", source.bundle.config.input.size)
    graph = OnnxGraph(folder / "p.onnx", folder)
    exact = graph.write(folder / "q.onnx", choose_all("mse", graph.observe(images.calibration)), source.bundle.config)
    assert exact, "every processor computes the same integers"
    return onnx.load(str(folder / "q.onnx")), images.comparison


def sums(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Add"]


def logits(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    result: np.ndarray = session.run(["logits"], {"image": images})[0]
    return result


def test_written_files_are_settled_and_an_unsettled_scale_is_found_and_mended(
    settled: tuple[onnx.ModelProto, np.ndarray],
) -> None:
    model, images = onnx.ModelProto(), settled[1]
    model.CopyFrom(settled[0])
    assert len(sums(model)) >= 8 and unsettled_sums(model) == []
    before = logits(model, images)
    victim = sums(model)[3]
    quantizer = next(node for node in model.graph.node if victim.output[0] in node.input and node.op_type != "Relu")
    while quantizer.op_type != "QuantizeLinear":
        quantizer = next(node for node in model.graph.node if quantizer.output[0] in node.input)
    scale = next(tensor for tensor in model.graph.initializer if tensor.name == quantizer.input[1])
    scale.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(scale) * np.float32(1.0013), scale.name))
    assert victim.name in unsettled_sums(model)
    settle_sums(model)
    assert unsettled_sums(model) == []
    after = logits(model, images)
    assert np.abs(after - before).max() < 0.2 * before.std(), "scales move by a fraction of a percent"
