from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from edge.engines.network import EmotionNetwork, NetworkSpec, torchvision  # noqa: E402
from edge.errors import EdgeError  # noqa: E402
from edge.labels import LABELS  # noqa: E402
from train.start import _check_shapes, starting_network  # noqa: E402


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network, and torchvision's folder of downloads, empty."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the discard port: nobody answers
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home/hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "architecture",
    [
        "mobilenet_v2",
        "mobilenet_v3_small",
        "resnet18",
        "resnet50",
        "efficientnet_b0",
        "convnext_tiny",
        "shufflenet_v2_x1_0",
        "regnet_y_400mf",
        "densenet121",
        "mnasnet0_5",
        "swin_t",
        "googlenet",
    ],
)
def test_backbone_gets_two_heads(architecture, one_thread):
    network = starting_network(NetworkSpec(architecture), "none", LABELS, 64, dropout=0.5)
    logits, affect = network.eval()(torch.zeros(2, 64, 64, 3, dtype=torch.uint8))
    assert logits.shape == (2, 8) and affect.shape == (2, 2)
    assert set(network.state_dict()) == set(EmotionNetwork(NetworkSpec(architecture)).state_dict())


@pytest.mark.parametrize(
    ("architecture", "size", "why"),
    [
        ("vit_b_32", 64, r"cannot be trained on 64 px .*224"),
        ("inception_v3", 64, r"cannot be trained on 64 px"),
        ("squeezenet1_1", 64, r"no linear classifier"),
    ],
)
def test_backbone_that_does_not_fit_is_refused_by_name(architecture, size, why, one_thread):
    with pytest.raises(EdgeError, match=rf"{architecture}.*{why}"):
        starting_network(NetworkSpec(architecture), "none", LABELS, size)


@pytest.mark.parametrize("architecture", ["mobilenet_v2", "resnet18"])
def test_dropout_is_in_place_of_the_architectures_own(architecture):
    network = EmotionNetwork(NetworkSpec(architecture), dropout=0.5)
    chances = [layer.p for layer in network.modules() if isinstance(layer, torch.nn.Dropout)]
    assert [p for p in chances if p] == [0.5]
    pixels = torch.rand(4, 3, 32, 32) * 255
    features = network.train().backbone(pixels / 255)
    assert float((features == 0).float().mean()) > 0.4
    assert torch.equal(network.eval().read(pixels)[0], network.read(pixels)[0])


def test_auto_takes_the_weights_that_can_be_had(offline, capsys):
    weights = torchvision.models.get_model_weights("resnet18").DEFAULT
    known = torchvision.models.resnet18()
    torch.save(known.state_dict(), offline / weights.url.rpartition("/")[2])
    network = starting_network(NetworkSpec("resnet18"), "auto", LABELS, 32)
    assert torch.equal(network.backbone.conv1.weight, known.conv1.weight)
    assert capsys.readouterr().err == ""


def test_auto_without_a_network_says_so_in_one_line(offline, capsys):
    starting_network(NetworkSpec("shufflenet_v2_x0_5"), "auto", LABELS, 32)
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("Downloading:")]
    assert len(lines) == 1
    assert lines[0].startswith("note: ImageNet weights for shufflenet_v2_x0_5 cannot be had (")


def test_auto_of_an_unknown_architecture(offline, capsys):
    with pytest.raises(EdgeError, match="unknown architecture 'resnet19'"):
        starting_network(NetworkSpec("resnet19"), "auto", LABELS, 32)
    assert capsys.readouterr().err == ""


def test_network_whose_checkpoint_could_not_be_read_again_is_refused():
    # As IMAGENET1K_SWAG_E2E_V1 does to vit_b_16, whose positions are then those of 384 px; that one is large.
    network = EmotionNetwork(NetworkSpec("shufflenet_v2_x0_5"))
    _check_shapes(network, "DEFAULT")
    network.backbone.conv1[0] = torch.nn.Conv2d(3, 24, kernel_size=5, bias=False)
    with pytest.raises(EdgeError, match="--weights DEFAULT belong to another shape of shufflenet_v2_x0_5"):
        _check_shapes(network, "DEFAULT")
