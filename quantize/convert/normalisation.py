"""How pixels became the network's input where it was taught; it moves into the graph."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError

Three = tuple[float, float, float]

#: Weights of R, G and B in luma, as in :data:`edge.engines.network.LUMA` (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclasses.dataclass(frozen=True)
class Normalisation:
    """``(pixel / 255 - mean) / std``, one number a channel, in the order of the *network's own* channels."""

    mean: Three
    std: Three


#: (mean, std, what pixels are divided by before). imagenet: torchvision's statistics, RGB.
_PRESETS: dict[str, tuple[Three, Three, float]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 255.0),
    "zero-one": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 255.0),
    "minus-one-one": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), 255.0),
    "raw": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 1.0),
}
PRESETS = tuple(_PRESETS)


def parse_normalisation(
    preset: str | None, mean: str | None, std: str | None, scale: float | None, bgr: bool
) -> Normalisation | None:
    """Return what the options of the command say; None when they say nothing.

    Args:
        preset: a name of :data:`PRESETS`.
        mean: one number or three with commas, in the order of the network's channels.
        std: the same.
        scale: what pixels are divided by before; None: 255.
        bgr: the network's channels are blue, green, red.

    Raises:
        EdgeError: unknown preset, half of a pair, no numbers, both ways at once, or a preset that BGR makes ambiguous.
    """
    if preset is None and mean is None and std is None and scale is None:
        return None
    if preset is not None:
        if mean is not None or std is not None or scale is not None:
            raise EdgeError("--normalisation stands for mean, std and scale; leave out --mean, --std and --scale")
        if preset not in _PRESETS:
            raise EdgeError(f"--normalisation {preset}: use {', '.join(_PRESETS)}, or --mean and --std")
        if preset == "imagenet" and bgr:
            raise EdgeError(
                "--normalisation imagenet with --bgr: these are three different numbers, and pipelines differ in which "
                "meets blue; give --mean and --std in the order blue, green, red"
            )
        means, stds, divisor = _PRESETS[preset]
    else:
        if mean is None or std is None:
            absent = "--mean" if mean is None else "--std"
            raise EdgeError(f"{absent} is missing: a normalisation is (pixel / scale - mean) / std; give mean and std")
        means, stds, divisor = _numbers("--mean", mean), _numbers("--std", std), 255.0 if scale is None else scale
        if min(stds) <= 0:
            raise EdgeError(f"--std {std}: must be above zero")
        if scale is None and max(means) > 2:
            raise EdgeError(
                f"--mean {mean}: that looks like pixels of 0..255; add --scale 1, or --scale 255 if it is not"
            )
    a, b, c = (value * divisor / 255 for value in means)
    d, e, f = (value * divisor / 255 for value in stds)
    return Normalisation((a, b, c), (d, e, f))


def prepare(
    images: NDArray[np.uint8], how: Normalisation, *, gray: bool, bgr: bool, channels: int
) -> NDArray[np.float32]:
    """Do in numpy what a user's own code does before it calls the network: the reference for what went into a graph.

    Args:
        images: uint8 ``[N, S, S, 3]``, RGB.
        how: the normalisation.
        gray: luma takes the place of colour.
        bgr: the network's channels are blue, green, red.
        channels: of the network's input, 3 or 1.

    Returns:
        float32 ``[N, S, S, channels]``.
    """
    pixels = images.astype(np.float32)
    if gray:
        pixels = np.repeat((pixels @ _LUMA)[..., None], channels, axis=3)
    elif bgr:
        pixels = pixels[..., ::-1]
    mean = np.array(how.mean[:channels], np.float32)
    std = np.array(how.std[:channels], np.float32)
    return np.ascontiguousarray((pixels / np.float32(255) - mean) / std, np.float32)


def _numbers(option: str, text: str) -> Three:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise EdgeError(f"{option} {text}: give one number, or three with commas: 0.485,0.456,0.406") from error
    if len(numbers) not in (1, 3) or not np.isfinite(numbers).all():
        raise EdgeError(f"{option} {text}: give one number, or three with commas: 0.485,0.456,0.406")
    first, second, third = numbers * 3 if len(numbers) == 1 else numbers
    return first, second, third
