from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from train.transforms import RECIPES, Augment, Recipe  # noqa: E402


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
