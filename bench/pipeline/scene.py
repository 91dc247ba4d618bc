"""The built-in pictures: people made from the packaged portraits, who move in front of a wall. Real faces, any number.

Every run gives the same pictures. They are made beforehand, so that making them is no part of what is measured.
"""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assets import asset
from edge.errors import EdgeError

Image = NDArray[np.uint8]

#: Portrait and the square of it that is a head: left, top, side, pixels of the file; 1.7 times BlazeFace's box.
HEADS = (("portrait_hopper.jpg", 81, 30, 290), ("portrait_collins.jpg", 134, 18, 180))

#: Most people: two rows of five are still seen at 320x240.
MOST_FACES = 10

#: Memory that the pictures may take, bytes, and least and most of them.
ROOM = 96_000_000
PICTURES = 24, 120

#: Share of its cell that a head fills, and of the picture's height at most: somebody a metre from a webcam.
FILLED, TALLEST = 0.9, 0.5

#: How far a head moves from one picture to the next at most, as a share of its side: a person who shifts on a chair.
STEP = 0.015


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a person is: centre of the middle position, pixels, and how far it is left from there; side of the head."""

    x: float
    y: float
    reach: float
    side: float


def pictures(faces: int, width: int, height: int) -> list[Image]:
    """Return the pictures of one round, BGR ``[height, width, 3]``; after the last the first follows without a jump.

    Args:
        faces: how many people, 0 to :data:`MOST_FACES`.
        width: pixels.
        height: pixels.

    Raises:
        EdgeError: more people, a picture too small for them, or a portrait is missing from the installation.
    """
    if not 0 <= faces <= MOST_FACES:
        raise EdgeError(f"--faces {faces}: the built-in pictures show 0 to {MOST_FACES} people")
    if width < 160 or height < 120:
        raise EdgeError(f"--size {width}x{height}: the built-in pictures are 160x120 at least")
    count = min(max(ROOM // (3 * width * height), PICTURES[0]), PICTURES[1])
    places = _places(faces, width, height, count)
    heads = [_head(name, left, top, side) for name, left, top, side in HEADS]
    wall = _wall(width, height)
    return [_picture(wall, places, heads, 2 * math.pi * index / count) for index in range(count)]


def _places(faces: int, width: int, height: int, count: int) -> list[_Place]:
    """Seat people in the grid whose cells let their heads be largest."""
    if not faces:
        return []
    grids = [(columns, math.ceil(faces / columns)) for columns in range(1, faces + 1)]
    columns, rows = max(grids, key=lambda grid: min(width / grid[0], height / grid[1]))
    cell = min(width / columns, height / rows)
    side = min(FILLED * cell, TALLEST * height)
    reach = min((cell - side) / 2, STEP * side * count / (2 * math.pi))
    found = []
    for index in range(faces):
        row, column = divmod(index, columns)
        seated = min(columns, faces - row * columns)  # the last row may be shorter; it sits in the middle
        x = (column + 0.5 + (columns - seated) / 2) * width / columns
        found.append(_Place(x, (row + 0.5) * height / rows, reach, side))
    return found


def _picture(wall: Image, places: list[_Place], heads: list[tuple[Image, NDArray[np.float32]]], turn: float) -> Image:
    """Film the people at a moment, ``turn`` in radians of the round."""
    picture = wall.copy()
    for index, place in enumerate(places):
        phase = turn + 2.4 * index
        x = place.x + place.reach * math.sin(phase)
        y = place.y + 0.5 * place.reach * math.sin(2 * phase)
        side = place.side * (1 + 0.05 * math.sin(phase + 1))
        _paste(picture, *heads[index % len(heads)], x, y, side, 4 * math.sin(phase + 2))
    light = 1 + 0.04 * math.sin(turn)
    return np.asarray(cv2.convertScaleAbs(picture, alpha=light), np.uint8)


def _paste(
    picture: Image, head: Image, mask: NDArray[np.float32], x: float, y: float, side: float, degrees: float
) -> None:
    """Lay a head on a picture, its centre at ``(x, y)``, turned a little."""
    height, width = picture.shape[:2]
    half = side * 0.55
    left, top = max(0, math.floor(x - half)), max(0, math.floor(y - half))
    right, bottom = min(width, math.ceil(x + half)), min(height, math.ceil(y + half))
    scale = side / head.shape[0]
    middle = (head.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), degrees, scale)
    matrix[:, 2] += (x - left - middle, y - top - middle)
    size = (right - left, bottom - top)
    ground = picture[top:bottom, left:right]
    laid = cv2.warpAffine(head, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)[:, :, None]
    ground[:] = np.rint(share * laid + (1 - share) * ground)


def _head(name: str, left: int, top: int, side: int) -> tuple[Image, NDArray[np.float32]]:
    """Cut a head from a portrait, with a mask that is 1 inside and falls off to 0 at its border.

    Raises:
        EdgeError: the portrait is missing or damaged.
    """
    portrait = cv2.imread(str(asset(name)), cv2.IMREAD_COLOR)
    if portrait is None:
        raise EdgeError(f"{asset(name)} is damaged; install emot-edge again")
    head = np.asarray(portrait[top : top + side, left : left + side], np.uint8)
    across = np.linspace(-1, 1, side, dtype=np.float32)
    radius = np.hypot(across[None, :] / 0.92, across[:, None])
    return head, np.clip((1 - radius) / 0.12, 0, 1)


def _wall(width: int, height: int) -> Image:
    """A plain wall, unevenly lit, with the grain of a camera's sensor."""
    random = np.random.default_rng(0)
    light = cv2.resize(random.normal(0, 14, (6, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = random.normal(0, 3, (height, width, 3))
    return np.clip(np.array((176, 184, 190)) + light[:, :, None] + grain, 0, 255).astype(np.uint8)
