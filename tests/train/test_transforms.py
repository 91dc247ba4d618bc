from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from train.randaugment import OPERATIONS, random_operations  # noqa: E402
from train.transforms import RECIPES, Augment, Recipe, mixup, recipe  # noqa: E402


@pytest.fixture
def images():
    return torch.rand(16, 3, 24, 20, generator=torch.Generator().manual_seed(1)) * 255


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", RECIPES)
def test_shape_type_and_range_are_kept(images, name):
    before = images.clone()
    changed = Augment(RECIPES[name])(images)
    assert changed.shape == images.shape and changed.dtype == images.dtype
    assert float(changed.min()) >= 0 and float(changed.max()) <= 255
    assert torch.equal(images, before)  # the batch that came in is not written to


def test_none_changes_nothing(images):
    assert torch.equal(Augment(RECIPES["none"])(images), images)


def test_flip_mirrors_left_and_right(images):
    torch.testing.assert_close(Augment(Recipe(flip=1.0, rotation=0.0))(images), images.flip(3), rtol=0, atol=1e-3)


def test_flip_mirrors_also_where_images_are_resampled(images):
    # A turn too small to see takes the path that samples: it must mirror the same way.
    changed = Augment(Recipe(flip=1.0, rotation=1e-6))(images)
    torch.testing.assert_close(changed, images.flip(3), rtol=0, atol=0.05)


def test_flip_strikes_about_half(images):
    many = torch.arange(20.0).expand(2000, 3, 4, 20)
    mirrored = Augment(Recipe(flip=0.5, rotation=0.0))(many)[:, 0, 0, 0] == 19
    assert 0.45 < float(mirrored.float().mean()) < 0.55


def test_every_image_of_a_batch_is_changed_in_its_own_way(images):
    same = images[:1].expand(8, -1, -1, -1)
    changed = Augment(RECIPES["strong"])(same)
    assert len({float(image.sum()) for image in changed}) == 8


def test_rotation_turns_about_the_centre():
    picture = torch.zeros(64, 3, 33, 33)
    picture[:, :, 16, 16] = 255
    changed = Augment(Recipe(flip=0.0, rotation=30.0))(picture)
    assert float(changed[:, :, 16, 16].min()) > 200  # the centre stays where it is


def test_erasing_replaces_a_rectangle_and_nothing_else():
    gray = torch.full((64, 3, 32, 32), 128.0)
    changed = Augment(Recipe(flip=0.0, rotation=0.0, erase=1.0))(gray) != 128.0
    share = changed[:, 0].float().mean(dim=(1, 2))
    assert (share > 0).all() and float(share.max()) < 0.4
    for mask in changed[:, 0]:
        rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
        box = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert float(box.float().mean()) > 0.98  # noise may hit 128 by chance, hardly ever


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_of_no_strength_changes_nothing(images, name):
    changed = OPERATIONS[name](images, torch.zeros(16, 1, 1, 1))
    if name == "autocontrast":  # has no strength: every channel reaches both ends
        torch.testing.assert_close(changed.amin(dim=(2, 3)), torch.zeros(16, 3), atol=1e-3, rtol=0)
        torch.testing.assert_close(changed.amax(dim=(2, 3)), torch.full((16, 3), 255.0), atol=1e-3, rtol=0)
    elif name == "posterize":
        torch.testing.assert_close(changed, images.floor())
    else:
        torch.testing.assert_close(changed, images, atol=0.05, rtol=0)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "identity"])
def test_operation_changes_the_picture(images, name):
    pale = images / 2 + 60
    assert float((OPERATIONS[name](pale, torch.full((16, 1, 1, 1), 0.9)) - pale).abs().mean()) > 1


@pytest.mark.parametrize(
    ("name", "strength", "value", "expected"),
    [
        ("brightness", 0.5, 100.0, 145.0),
        ("brightness", -1.0, 100.0, 10.0),
        ("posterize", 1.0, 100.0, 96.0),
        ("solarize", 0.8, 100.0, 155.0),
        ("solarize", 0.2, 100.0, 100.0),
        ("contrast", 1.0, 100.0, 100.0),
    ],
)
def test_operation_on_one_gray(name, strength, value, expected):
    changed = OPERATIONS[name](torch.full((1, 3, 4, 4), value), torch.full((1, 1, 1, 1), strength))
    torch.testing.assert_close(changed, torch.full((1, 3, 4, 4), expected))


def test_random_operations_differ_from_image_to_image_and_repeat_with_the_seed(images):
    same = images[:1].expand(32, -1, -1, -1)
    torch.manual_seed(5)
    first = random_operations(same, 2)
    torch.manual_seed(5)
    assert torch.equal(random_operations(same, 2), first)
    assert not torch.equal(random_operations(same, 2), first)
    assert len({float(image.sum()) for image in first}) > 20


def test_own_numbers_take_the_place_of_the_recipes():
    assert recipe("strong") == RECIPES["strong"]
    assert recipe("strong", erase=0.0) == Recipe(scale=0.15, shift=0.08, contrast=0.3, brightness=0.15, erase=0.0)
    assert recipe("none", rotation=10.0).rotation == 10.0


def test_mixup_blends_everything_of_an_image_with_the_same_share():
    n = 64
    value = torch.rand(n)
    images = value[:, None, None, None].expand(n, 3, 4, 4).clone()
    distribution = torch.stack((value, 1 - value), dim=1)
    affect = torch.stack((value, 2 * value), dim=1)
    mixed, distribution, affect = mixup(images, distribution, affect, 1.0)
    torch.testing.assert_close(mixed[:, 0, 0, 0], distribution[:, 0])  # the same share and the same partner
    torch.testing.assert_close(affect, torch.stack((distribution[:, 0], 2 * distribution[:, 0]), dim=1))
    torch.testing.assert_close(distribution.sum(dim=1), torch.ones(n))  # still a distribution
    assert float((mixed[:, 0, 0, 0] - value).abs().mean()) > 0.05
    assert value.min() <= mixed.min() and mixed.max() <= value.max()


def test_mixup_of_one_image_is_that_image(images):
    mixed, *_ = mixup(images[:1], torch.ones(1, 2) / 2, torch.zeros(1, 2), 0.5)
    torch.testing.assert_close(mixed, images[:1])


def test_mixup_knows_no_valence_where_one_side_is_not_annotated(images):
    affect = torch.zeros(16, 2)
    affect[:8, 0] = float("nan")
    torch.manual_seed(3)
    _, _, mixed = mixup(images, torch.ones(16, 2) / 2, affect, 1.0)
    torch.manual_seed(3)
    torch.distributions.Beta(torch.ones(16), torch.ones(16)).sample()
    partner = torch.randperm(16)
    assert mixed[:, 0].isnan().tolist() == [bool(i < 8 or partner[i] < 8) for i in range(16)]
    assert not mixed[:, 1].isnan().any()


def test_no_mixup_changes_nothing_and_draws_nothing(images):
    before = torch.get_rng_state()
    given = (images, torch.ones(16, 2) / 2, torch.zeros(16, 2))
    assert all(a is b for a, b in zip(mixup(*given, 0.0), given, strict=True))
    assert torch.equal(torch.get_rng_state(), before)
