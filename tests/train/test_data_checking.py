"""Damaged images: found before a run, skipped while they are few, the end where they are many."""

from __future__ import annotations

import csv
import shutil

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from train.data.checking import look_at, sound
from train.data.findings import Fault, Findings
from train.data.pictures import Header, read_header
from train.data.samples import Samples


@pytest.fixture(scope="session")
def encoded(portraits):
    """The bytes of a real picture by file ending, 435 x 510 pixels."""
    return {ending: cv2.imencode(ending, portraits["hopper"])[1].tobytes() for ending in (".jpg", ".png", ".bmp")}


def with_thumbnail(jpeg: bytes) -> bytes:
    """The JPEG with a whole small JPEG inside its first segment, as cameras write it."""
    small = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    content = b"Exif\0\0" + small
    return jpeg[:2] + b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content + jpeg[2:]


DAMAGE = {
    "half a JPEG": (".jpg", lambda data: data[: len(data) // 2], "cut off"),
    "a JPEG without its last byte": (".jpg", lambda data: data[:-1], "cut off"),
    "a JPEG's head": (".jpg", lambda data: data[:200], "cut off"),
    "a JPEG cut off behind its thumbnail": (".jpg", lambda data: with_thumbnail(data)[:-999], "cut off"),
    "half a PNG": (".png", lambda data: data[: len(data) // 2], "cut off"),
    "a PNG without its last chunk": (".png", lambda data: data[:-12], "cut off"),
    "half a BMP": (".bmp", lambda data: data[:40], "no readable picture"),
    "empty": (".jpg", lambda _: b"", "empty"),
    "a web page": (".jpg", lambda _: b"<html>404</html>", "no readable picture"),
}


@pytest.mark.parametrize(("ending", "damage", "reason"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_seen(encoded, tmp_path, ending, damage, reason):
    path = tmp_path / f"face{ending}"
    path.write_bytes(damage(encoded[ending]))
    assert reason in look_at(path).reason


def test_missing_and_unreadable_files(tmp_path):
    assert look_at(tmp_path / "none.jpg").reason == "missing"
    assert "cannot be read" in look_at(tmp_path).reason


@pytest.mark.parametrize(
    "change", [lambda d: d, with_thumbnail, lambda d: d + b"trailer"], ids=["plain", "EXIF", "more"]
)
def test_sound_jpeg(encoded, tmp_path, change):
    path = tmp_path / "face.jpg"
    path.write_bytes(change(encoded[".jpg"]))
    look = look_at(path, color=True)
    assert (look.reason, look.width, look.height, look.gray) == ("", 435, 510, False)


def test_sizes_are_read_from_the_header(encoded):
    assert read_header(encoded[".jpg"]) == read_header(encoded[".png"]) == Header(435, 510, True)
    assert read_header(encoded[".bmp"]) is None


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((10, 10, 50, 50), True),
        ((-20, -20, 30, 30), True),
        ((434, 509, 9, 9), True),
        ((435, 0, 9, 9), False),  # the reduced picture is 55 pixels wide, 8 * 55 = 440
        ((0, 510, 9, 9), False),
        ((-9, 0, 9, 9), False),
        ((10, 10, 0, 5), False),
    ],
)
def test_face_box(encoded, tmp_path, box, inside):
    path = tmp_path / "face.jpg"
    path.write_bytes(encoded[".jpg"])
    assert ("outside" in look_at(path, np.array(box)).reason) is not inside


@pytest.fixture
def split(encoded, tmp_path):
    """100 rows over one sound file each, of two classes."""
    for number in range(100):
        (tmp_path / f"{number}.png").write_bytes(
            encoded[".png"] if number == 0 else cv2.imencode(".png", np.full((8, 8), number, np.uint8))[1].tobytes()
        )
    label = np.arange(100) % 2
    return Samples(
        name="some split",
        paths=[tmp_path / f"{number}.png" for number in range(100)],
        distribution=np.eye(8, dtype=np.float32)[label],
        label=label,
        valence_arousal=np.zeros((100, 2), np.float32),
    )


def test_few_are_skipped_and_named(split):
    split.paths[7].write_bytes(b"")
    kept, faults = sound(split)
    assert faults == (Fault(split.paths[7], "empty file"),)
    assert len(kept) == 99 and split.paths[7] not in kept.paths
    assert kept.label.tolist() == np.delete(split.label, 7).tolist()


def test_many_are_the_end_and_the_message_says_how_many_which_and_what_to_do(split):
    for number in (3, 4, 5, 6):
        split.paths[number].unlink()
    with pytest.raises(EdgeError) as error:
        sound(split)
    for part in ("some split: 4 of 100 images (4.0%)", "3.png (missing)", "and 1 more", "--max-damaged"):
        assert part in str(error.value)
    assert len(sound(split, allowed=0.04)[1]) == 4


def test_what_the_reader_found_counts_too(split):
    import dataclasses

    reported = dataclasses.replace(
        split, findings=Findings(faults=(Fault(split.paths[0], "annotation is missing"),) * 2)
    )
    with pytest.raises(EdgeError, match="2 of 102 images"):
        sound(reported)
    assert len(sound(reported, 0.02)[1]) == 2


def test_nothing_left_is_an_error_whatever_is_allowed(split):
    for path in split.paths:
        path.unlink()
    with pytest.raises(EdgeError, match="100 of 100"):
        sound(split, allowed=1)


@pytest.fixture
def damaged(colours, tmp_path):
    """The colours with a file cut off in train (one of 192) and one emptied in val (one of 48)."""
    data = shutil.copytree(colours, tmp_path / "data")
    path = data / "train/sad/007.png"
    path.write_bytes(path.read_bytes()[:-40])
    (data / "val/Happy/003.png").write_bytes(b"")
    return data


def test_run_skips_them_lists_them_and_counts_the_rest(damaged, options, command, one_thread, tmp_path):
    pytest.importorskip("torch")
    out = tmp_path / "run"
    one = (*options, "--epochs", 1)
    result = command("--data", f"folder:{damaged}", "--out", out, *one)
    assert result.exit_code == 2  # one of 48 is more than a hundredth
    assert "1 of 48 images (2.1%)" in result.stderr.splitlines()[-1] and not out.exists()
    result = command("--data", f"folder:{damaged}", "--out", out, *one, "--max-damaged", 0.03)
    assert result.exit_code == 0, result.output
    assert "1 damaged images of train are skipped (skipped_images.csv lists them)" in result.stderr
    with (out / "skipped_images.csv").open(newline="") as file:
        rows = [(row["split"], row["path"][-17:], row["reason"][:7]) for row in csv.DictReader(file)]
    assert rows == [("train", "train/sad/007.png", "cut off"), ("validation", "/val/Happy/003.png"[-17:], "empty f")]
