"""Real damage to the packaged network's files, each found, and each named while the others go on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from msgspec.structs import replace

from edge.bundle import Bundle, Parity, describe_file, read_bundle, write_config
from edge.engines import load_engine
from edge.engines.torch import load_network
from edge.errors import EdgeError
from edge.findings import Finding, table
from edge.golden import Outputs, answers, decode, encode, read_images
from edge.model import DEFAULT_MODEL
from edge.verify import verify
from quantize.export.onnx import export_onnx
from quantize.export.torchscript import export_torchscript
from quantize.goldens import record_goldens, recorded_outputs
from quantize.portraits import portraits

ROOT = Path(__file__).parent.parent.parent
INT8 = ("model_int8.onnx", "model_int8.tflite")
FLOAT = ("model_weights.pth", "model.pt", "model.onnx")


def rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(difference.astype(np.float64) ** 2)))


def parity(path: Path, bundle: Bundle, reference: Outputs, images: np.ndarray) -> Parity:
    logits, affect = answers(load_engine(path, bundle.config).run, images)
    d, a = logits - reference[0], affect - reference[1]
    same = float(np.mean(logits.argmax(1) == reference[0].argmax(1)))
    figures = (abs(d).max(), abs(a).max(), rms(d), rms(a[:, 0]), rms(a[:, 1]), same)
    return Parity("portraits", len(images), *map(float, figures))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged network as checkpoint, TorchScript, ONNX, and its two int8 files, with goldens recorded."""
    folder = tmp_path_factory.mktemp("made")
    source = read_bundle(ROOT / "models")
    config = replace(source.config, golden=None, files={})
    shutil.copyfile(source.path("model_weights.pth"), folder / "model_weights.pth")
    network = load_network(folder / "model_weights.pth", config)
    export_torchscript(network, folder / "model.pt", config.input.size)
    export_onnx(network, folder / "model.onnx", config)
    for name in INT8:
        shutil.copyfile(DEFAULT_MODEL / name, folder / name)
    bundle = record_goldens(Bundle(folder, config), load_engine(folder / "model_weights.pth", config).run)
    images, compared = read_images(bundle), portraits(config, 1, 0).comparison
    reference = answers(load_engine(folder / "model_weights.pth", config).run, compared)
    kinds = {".pth": "pth", ".pt": "torchscript", ".onnx": "onnx", ".tflite": "tflite"}
    files = {}
    for name in (*FLOAT, *INT8):
        exact = name in INT8
        entry = describe_file(folder / name, kinds[Path(name).suffix], "int8" if exact else "float32")
        files[name] = replace(
            entry,
            outputs=recorded_outputs(folder / name, config, images),
            tolerance=0.0 if exact else 1e-4,
            parity=parity(folder / name, bundle, reference, compared) if exact else None,
        )
    write_config(folder, replace(bundle.config, files=files))
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(made, tmp_path / "bundle")


def change(folder: Path, name: str, **fields: object) -> None:
    config = read_bundle(folder).config
    write_config(folder, replace(config, files={**config.files, name: replace(config.files[name], **fields)}))


def relabel(folder: Path, name: str, keep_record: bool = False) -> None:
    """Give the config the hash, the size and the answers of the file that lies there now: a mix-up that hides well."""
    entry = describe_file(folder / name, "onnx", "float32")
    config = read_bundle(folder).config
    fields: dict[str, object] = {"sha256": entry.sha256, "size": entry.size}
    if not keep_record:
        fields["outputs"] = recorded_outputs(folder / name, config, read_images(read_bundle(folder)))
    change(folder, name, **fields)


def findings(folder: Path) -> dict[str, Finding]:
    return {finding.file: finding for finding in verify(folder).findings}


def statuses(folder: Path) -> dict[str, str]:
    return {finding.file: finding.status for finding in verify(folder).findings if finding.status != "ok"}


def test_a_sound_bundle_passes_and_the_figures_are_those_of_its_files(bundle: Path) -> None:
    found = verify(bundle)
    assert found.passed(strict=True), table(found)
    assert [f.file for f in found.findings] == ["model_config.json", "golden.png", *FLOAT, *INT8]
    assert (found.images, found.notes) == (12, ())
    by_name = {finding.file: finding for finding in found.findings}
    for name in FLOAT:
        assert by_name[name].checkpoint.limit == 1e-4
        assert by_name[name].checkpoint.same_class == 12
    for name in INT8:
        finding = by_name[name]
        assert finding.record.difference == 0.0
        assert 1e-3 < finding.checkpoint.logit_rmse < finding.checkpoint.logit_rmse_limit / 2
        assert finding.checkpoint.limit is None
        entry = read_bundle(bundle).config.files[name]
        assert (finding.size, finding.sha256) == (entry.size, entry.sha256)
    assert by_name["model.pt"].runtime.startswith("torch ")
    assert by_name["model_int8.onnx"].runtime.startswith("ONNX Runtime ")
    assert by_name["model_int8.tflite"].runtime.startswith("LiteRT ")
    assert {"machine", "system", "Python", "LiteRT", "ONNX Runtime", "torch"} <= set(found.machine)


@pytest.mark.parametrize("name", [*FLOAT, *INT8])
def test_one_flipped_byte_fails_that_file_and_the_others_go_on(bundle: Path, name: str) -> None:
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 0x10
    (bundle / name).write_bytes(data)
    found = findings(bundle)
    assert {n: f.status for n, f in found.items() if f.status != "ok"} == {name: "failed"}
    assert found[name].problem.startswith("is damaged: its sha256")
    assert found[name].runtime is None
    assert found[name].sha256 != read_bundle(bundle).config.files[name].sha256


def gathered(path: Path, before: str | None, after: str | None, axis: int, order: list[int]) -> None:
    """Permute an ONNX file's input (``before``) or one of its outputs (``after``) inside the file."""
    model = onnx.load(str(path))
    graph = model.graph
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(order), "damage_order"))
    if before:
        for node in graph.node:
            node.input[:] = ["damaged" if name == before else name for name in node.input]
        graph.node.insert(0, onnx.helper.make_node("Gather", [before, "damage_order"], ["damaged"], axis=axis))
    else:
        for node in graph.node:
            node.output[:] = ["damaged" if name == after else name for name in node.output]
        graph.node.append(onnx.helper.make_node("Gather", ["damaged", "damage_order"], [after], axis=axis))
    onnx.save(model, str(path))


@pytest.mark.parametrize("name", ["model.onnx", "model_int8.onnx"])
@pytest.mark.parametrize(
    ("before", "after", "axis", "order"),
    [
        ("image", None, 3, [2, 1, 0]),  # blue, green, red
        ("image", None, 2, list(range(64))[::-1]),  # mirrored
        (None, "logits", 1, [0, 1, 2, 3, 4, 7, 6, 5]),  # disgust and contempt, which no golden image shows
        (None, "logits", 1, [1, 0, 2, 3, 4, 5, 6, 7]),  # neutral and happiness
        (None, "valence_arousal", 1, [1, 0]),
    ],
    ids=["bgr", "mirrored", "rare labels swapped", "common labels swapped", "valence and arousal swapped"],
)
def test_a_wrong_conversion_is_found_although_hash_and_record_are_its_own(
    bundle: Path, name: str, before: str | None, after: str | None, axis: int, order: list[int]
) -> None:
    gathered(bundle / name, before, after, axis, order)
    relabel(bundle, name)
    found = findings(bundle)
    assert {n: f.status for n, f in found.items() if f.status != "ok"} == {name: "failed"}
    assert "checkpoint" in found[name].problem
    assert found[name].record.difference == 0.0


def test_another_networks_file_is_found(bundle: Path) -> None:
    config = read_bundle(bundle).config
    network = load_network(bundle / "model_weights.pth", config)
    convolution = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)][10]
    convolution.weight.data = convolution.weight.data.flip(0)
    export_torchscript(network, bundle / "model.pt", config.input.size)
    relabel(bundle, "model.pt")
    assert statuses(bundle) == {"model.pt": "failed"}


def test_a_checkpoint_with_one_wrong_weight_is_found(bundle: Path) -> None:
    state = torch.load(bundle / "model_weights.pth", weights_only=True)
    state["emotion.bias"][0] += 0.01
    torch.save(state, bundle / "model_weights.pth")
    relabel(bundle, "model_weights.pth")
    found = findings(bundle)
    assert found["model_weights.pth"].status == "failed"
    assert found["model_weights.pth"].problem == "differs from the checkpoint by 0.01, allowed are 0.0001"


def test_a_file_that_is_no_bundles_network_fails_in_one_line(bundle: Path) -> None:
    shutil.copyfile(ROOT / "edge/assets/blaze_face_short_range.tflite", bundle / "model_int8.tflite")
    (bundle / "model.pt").write_bytes(b"not a network")
    for name in ("model_int8.tflite", "model.pt"):
        entry = describe_file(bundle / name, "tflite", "int8")
        change(bundle, name, sha256=entry.sha256, size=entry.size)
    found = findings(bundle)
    assert "its config says uint8 [N, 64, 64, 3]" in found["model_int8.tflite"].problem
    assert "not a readable TorchScript file" in found["model.pt"].problem
    assert statuses(bundle) == {"model_int8.tflite": "failed", "model.pt": "failed"}


def one_ulp(folder: Path) -> None:
    config = read_bundle(folder).config
    logits, affect = decode(config.files["model_int8.onnx"].outputs, 12, 8)
    logits[3, 2] = np.nextafter(logits[3, 2], np.float32(np.inf))
    change(folder, "model_int8.onnx", outputs=encode(logits, affect))


def another_class(folder: Path) -> None:
    """Two of twelve images named otherwise, where nothing is promised."""
    config = read_bundle(folder).config
    logits, affect = decode(config.files["model_int8.onnx"].outputs, 12, 8)
    logits[:2, 7] += 20
    change(folder, "model_int8.onnx", outputs=encode(logits, affect), tolerance=None)


def garbled(folder: Path) -> None:
    change(folder, "model_int8.onnx", outputs="bm8gYW5zd2Vycw==")


def no_numbers(folder: Path) -> None:
    nan = np.full((12, 8), np.nan, np.float32)
    change(folder, "model_int8.onnx", outputs=encode(nan, nan[:, :2]), tolerance=None)


def missing(folder: Path) -> None:
    (folder / "model_int8.onnx").unlink()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (one_ulp, "promised was bit for bit"),
        (another_class, "names another emotion than it did on 2 of 12 images"),
        (garbled, "recorded outputs are damaged"),
        (no_numbers, "recorded outputs are damaged"),
        (missing, "is missing"),
    ],
)
def test_a_file_that_differs_from_its_record_or_is_gone_fails(
    bundle: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(bundle)
    found = findings(bundle)
    assert {n: f.status for n, f in found.items() if f.status != "ok"} == {"model_int8.onnx": "failed"}
    assert says in found["model_int8.onnx"].problem
    assert str(bundle) not in found["model_int8.onnx"].problem


def golden_byte(folder: Path) -> None:
    data = bytearray((folder / "golden.png").read_bytes())
    data[-200] ^= 1
    (folder / "golden.png").write_bytes(data)


def golden_gone(folder: Path) -> None:
    (folder / "golden.png").unlink()


def golden_outputs(folder: Path) -> None:
    config = read_bundle(folder).config
    write_config(folder, replace(config, golden=replace(config.golden, outputs="AAAA")))


def golden_of_other_size(folder: Path) -> None:
    config = read_bundle(folder).config
    write_config(folder, replace(config, golden=replace(config.golden, images=11)))


@pytest.mark.parametrize("damage", [golden_byte, golden_gone, golden_outputs, golden_of_other_size])
def test_damaged_goldens_fail_and_the_files_are_run_all_the_same(bundle: Path, damage: Callable[[Path], None]) -> None:
    damage(bundle)
    found = verify(bundle)
    assert {f.file: f.status for f in found.findings if f.status != "ok"} == {"golden.png": "failed"}
    assert found.images == 0
    networks = [finding for finding in found.findings if finding.format]
    assert len(networks) == 5
    assert all(finding.runtime and finding.checkpoint is None for finding in networks)
    assert not found.passed()


def test_other_goldens_than_the_networks_fail_every_file(bundle: Path) -> None:
    config = read_bundle(bundle).config
    logits, affect = decode(config.golden.outputs, 12, 8)
    write_config(bundle, replace(config, golden=replace(config.golden, outputs=encode(logits[::-1], affect[::-1]))))
    assert set(statuses(bundle)) == {*FLOAT, *INT8}


def test_a_damaged_config_is_a_finding(bundle: Path) -> None:
    config = bundle / "model_config.json"
    config.write_text(config.read_text().replace('"labels"', '"lables"'))
    found = verify(bundle)
    (finding,) = found.findings
    assert (finding.file, finding.status) == ("model_config.json", "failed")
    assert finding.problem.startswith("is not a valid model config")
    assert not found.passed()


def test_a_network_the_config_does_not_list_is_pointed_out(bundle: Path) -> None:
    shutil.copyfile(bundle / "model.onnx", bundle / "better.onnx")
    found = verify(bundle)
    assert {f.file: f.status for f in found.findings if f.status != "ok"} == {"better.onnx": "skipped"}
    assert found.passed() and not found.passed(strict=True)


def test_a_bundle_without_goldens_is_run_and_says_what_it_lacks(bundle: Path) -> None:
    write_config(bundle, replace(read_bundle(bundle).config, golden=None))
    found = verify(bundle)
    assert sum(finding.runtime is not None for finding in found.findings) == 5
    assert found.passed() and not found.passed(strict=True)
    assert "edge-quantize" in found.notes[0]
    assert found.notes[0] in table(found)


@pytest.mark.parametrize(("target", "says"), [("nowhere", "is no bundle"), ("model.pt", "give the folder")])
def test_what_is_no_bundle_is_the_users_mistake(bundle: Path, target: str, says: str) -> None:
    with pytest.raises(EdgeError, match=says):
        verify(bundle / target)


PROGRAM = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
from quantize.cli import main
try:
    main()
finally:
    print("loaded", *sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""


def without(packages: set[str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ``edge-quantize`` in a process in which some packages are not installed."""
    command = [sys.executable, "-c", PROGRAM.format(blocked=packages), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=240)


def test_a_runtime_that_is_not_installed_is_named_and_its_files_are_skipped(bundle: Path) -> None:
    packages = {"onnxruntime", "torch"}
    done = without(packages, "verify", bundle)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    for name, extra in (
        ("model.onnx", "emot-edge[onnx]"),
        ("model_int8.onnx", "emot-edge[onnx]"),
        ("model.pt", "emot-edge[train]"),
        ("model_weights.pth", "emot-edge[train]"),
    ):
        assert "SKIPPED" in lines[name] and extra in lines[name]
    assert lines["model_int8.tflite"].endswith("ok")
    assert "3 ok, 4 skipped" in done.stdout
    assert without(packages, "verify", bundle, "--strict").returncode == 1


def test_where_nothing_can_be_run_nothing_is_proved(bundle: Path) -> None:
    done = without({"onnxruntime", "torch", "ai_edge_litert", "tflite_runtime"}, "verify", bundle)
    assert done.returncode == 1
    assert "no network could be run here" in done.stdout


def test_a_bundle_of_tflite_needs_no_other_framework(bundle: Path) -> None:
    config = read_bundle(bundle).config
    for name in (*FLOAT, "model_int8.onnx"):
        (bundle / name).unlink()
    write_config(bundle, replace(config, files={"model_int8.tflite": config.files["model_int8.tflite"]}))
    done = without(set(), "verify", bundle, "--strict")
    assert done.returncode == 0, done.stdout
    (loaded,) = [line.split()[1:] for line in done.stderr.splitlines() if line.startswith("loaded")]
    assert "ai_edge_litert" in loaded
    assert {"torch", "tensorflow", "onnxruntime", "onnx", "keras", "matplotlib"} & set(loaded) == set()
