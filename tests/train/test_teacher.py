from __future__ import annotations

import copy
import types

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from edge.bundle import read_bundle, write_config  # noqa: E402
from edge.engines.network import EmotionNetwork, NetworkSpec  # noqa: E402
from edge.engines.torch import load_network  # noqa: E402
from edge.errors import EdgeError  # noqa: E402
from edge.preprocess import resize  # noqa: E402
from train.data.opening import open_split  # noqa: E402
from train.dataset import FaceDataset  # noqa: E402
from train.module import EmotionModule, Options  # noqa: E402
from train.teacher import Teacher, Teachers, load_teachers, resized  # noqa: E402


def teacher(seed: int, size: int = 32, knows_affect: bool = True) -> Teacher:
    torch.manual_seed(seed)
    network = EmotionNetwork(NetworkSpec("resnet18", num_classes=3)).eval()
    torch.nn.init.normal_(network.emotion.weight)
    return Teacher(network, size, None, knows_affect)


@pytest.fixture
def pixels():
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 255


def test_answers_are_the_mean_of_all_teachers_and_of_both_mirror_images(pixels):
    members = [teacher(0), teacher(1)]
    answers = Teachers(members, temperature=2.0, flips=True)(pixels)
    with torch.no_grad():
        pairs = [member.network.read(side) for member in members for side in (pixels, pixels.flip(3))]
    expected = sum((logits / 2.0).softmax(dim=1) for logits, _ in pairs) / 4
    torch.testing.assert_close(answers.distribution, expected)
    torch.testing.assert_close(answers.valence_arousal, sum(affect for _, affect in pairs) / 4)
    one = Teachers(members[:1], flips=False)(pixels)
    torch.testing.assert_close(one.distribution, members[0].network.read(pixels)[0].softmax(dim=1))


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True)])
def test_valence_and_arousal_come_from_those_who_know_them(pixels, first, second):
    members = [teacher(0, knows_affect=first), teacher(1, knows_affect=second)]
    answers = Teachers(members, flips=False)(pixels)
    torch.testing.assert_close(answers.valence_arousal, members[0 if first else 1].network.read(pixels)[1])


def test_nobody_knows_valence_and_arousal(pixels):
    assert Teachers([teacher(0, knows_affect=False)])(pixels).valence_arousal is None


@pytest.mark.parametrize(
    ("side", "size", "source"),
    [(48, 96, 48), (96, 64, 48), (224, 64, None), (64, 224, 48), (64, 64, None), (96, 64, None)],
)
def test_pictures_reach_a_teacher_as_its_own_training_pictures_did(portraits, side, size, source):
    picture = resize(portraits["hopper"], side)
    wanted = resize(picture, size, source).astype(float)
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    given = resized(pixels, size, source)[0].permute(1, 2, 0).numpy()
    assert given.shape == wanted.shape
    assert np.abs(given - wanted).mean() < 0.6  # what is left is OpenCV's rounding to whole numbers, twice


def test_picture_is_not_sharper_than_what_the_teacher_knows(pixels):
    sharp, soft = resized(pixels, 32, None), resized(pixels, 32, 16)
    assert float((soft[..., 1:] - soft[..., :-1]).abs().mean()) < 0.6 * float(
        (sharp[..., 1:] - sharp[..., :-1]).abs().mean()
    )


@pytest.fixture
def answers_of(colours):
    """Logits and valence/arousal of a network on the pictures of the validation split."""

    def ask(network):
        samples = open_split(str(colours), "validation")
        images = torch.stack([FaceDataset(samples, 32)[row]["image"] for row in range(len(samples))])
        with torch.no_grad():
            logits, affect = network.eval()(images)
        return logits.softmax(dim=1), affect

    return ask


def test_student_comes_to_answer_as_its_teacher(options, bundle, colours, command, one_thread, answers_of, tmp_path):
    # A teacher that calls red sad and blue happy: what it says is not what the labels say.
    folder = tmp_path / "teacher"
    config = read_bundle(bundle).config
    network = load_network(bundle / "model_weights.pth", config)
    with torch.no_grad():
        network.emotion.weight.copy_(network.emotion.weight.flip(0))
        network.emotion.bias.copy_(network.emotion.bias.flip(0))
        network.valence_arousal.weight.zero_()
        network.valence_arousal.bias.copy_(torch.tensor([0.5, -0.5]))
    from train.checkpoint import save_bundle

    save_bundle(network, folder, name="t", size=32, crop=config.crop, samples=open_split(str(colours), "train"))
    before = (folder / "model_weights.pth").read_bytes()
    out = tmp_path / "student"
    more = (
        "--arch",
        "shufflenet_v2_x0_5",
        "--teacher",
        folder,
        "--distill-weight",
        1.0,
        "--patience",
        0,
        "--epochs",
        8,
    )
    result = command("--data", f"folder:{colours}", "--out", out, *options, *more)
    assert result.exit_code == 0, result.output
    assert (folder / "model_weights.pth").read_bytes() == before
    last = torch.load(out / "last.ckpt", weights_only=True)
    student = EmotionNetwork(NetworkSpec("shufflenet_v2_x0_5", num_classes=len(config.labels)))
    student.load_state_dict({k.removeprefix("network."): v for k, v in last["state_dict"].items() if "network." in k})
    given, affect = answers_of(student)
    wanted, _ = answers_of(network)
    assert float((given.argmax(1) == wanted.argmax(1)).float().mean()) > 0.9
    assert float((affect - torch.tensor([0.462, -0.462])).abs().mean()) < 0.15  # tanh of the biases
    names = {name.partition(".")[0] for name in last["state_dict"]}
    assert names == {"network"}  # no teacher, no class weights


def test_no_step_changes_a_teacher(pixels):
    teachers = Teachers([teacher(0)])
    before = copy.deepcopy(teachers.members[0].network.state_dict())
    module = EmotionModule(EmotionNetwork(NetworkSpec("resnet18", num_classes=3)), Options(), teachers=teachers).train()
    assert not any("teacher" in name for name, _ in module.named_parameters())
    assert not teachers.members[0].network.training
    batch = {
        "image": pixels.permute(0, 2, 3, 1).to(torch.uint8),
        "distribution": torch.eye(3)[[0, 1, 2, 0]],
        "label": torch.tensor([0, 1, 2, 0]),
        "valence_arousal": torch.full((4, 2), float("nan")),
    }
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    module._trainer = types.SimpleNamespace(world_size=1)
    loss = module.training_step(batch, 0)["loss"]
    loss.backward()
    optimizer.step()
    after = teachers.members[0].network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.isfinite(loss) and module.network.valence_arousal.weight.grad.abs().sum() > 0  # the teacher knows


def test_copy_of_a_student_shares_the_teacher():
    teachers = Teachers([teacher(0)])
    module = EmotionModule(EmotionNetwork(NetworkSpec("resnet18", num_classes=3)), Options(), teachers=teachers)
    assert copy.deepcopy(module).teachers is teachers


def test_teacher_must_know_the_same(bundle, colours, tmp_path):
    import dataclasses

    samples = dataclasses.replace(open_split(str(colours), "train"), labels=("a", "b"))
    with pytest.raises(EdgeError, match=r"--teacher .* knows .*; the data knows a, b"):
        load_teachers([str(bundle)], samples, 32)


@pytest.mark.parametrize(
    ("teacher_is_weak", "data_is_weak", "asked"),
    [(True, True, True), (True, False, False), (False, True, True), (False, False, True)],
)
def test_weak_teacher_does_not_overrule_annotations(bundle, colours, tmp_path, teacher_is_weak, data_is_weak, asked):
    import dataclasses

    import msgspec

    config = read_bundle(bundle).config
    said = "weak: circumplex" if teacher_is_weak else "the data set's own annotations"
    write_config(
        tmp_path,
        msgspec.structs.replace(config, training=msgspec.structs.replace(config.training, valence_arousal=said)),
    )
    (tmp_path / "model_weights.pth").write_bytes((bundle / "model_weights.pth").read_bytes())
    samples = dataclasses.replace(open_split(str(colours), "train"), weak_affect=data_is_weak)
    teachers = load_teachers([str(tmp_path)], samples, 32)
    assert teachers is not None and teachers.members[0].knows_affect is asked


def test_no_bundle_at_all(colours):
    samples = open_split(str(colours), "train")
    assert load_teachers([], samples, 32) is None
    with pytest.raises(EdgeError, match=r"model_config.json is missing"):
        load_teachers(["nowhere"], samples, 32)
