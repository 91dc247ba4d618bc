"""Trained networks that teach a student: what they answer to the very pictures the student is shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edge.bundle import FILE_NAMES, read_bundle
from edge.engines.network import EmotionNetwork
from edge.engines.torch import load_network
from edge.errors import EdgeError
from train.data.samples import Samples
from train.note import note


@dataclasses.dataclass(frozen=True)
class Teacher:
    """One trained network.

    Attributes:
        network: its weights, in evaluation mode; nothing ever changes them.
        size: side of its input, pixels.
        source_size: side of the pictures it was taught on where smaller than its input (:class:`edge.bundle.Crop`).
        knows_affect: whether its valence and arousal are worth learning from.
    """

    network: EmotionNetwork
    size: int
    source_size: int | None
    knows_affect: bool

    @property
    def detail(self) -> int:
        """Side, in pixels, of the smallest picture that holds all the detail the teacher is used to."""
        return min(self.source_size or self.size, self.size)


@dataclasses.dataclass(frozen=True)
class Answers:
    """What the teachers say of N pictures.

    Attributes:
        distribution: float32 ``[N, C]``, rows sum to one, softened by the temperature; None where nobody teaches.
        valence_arousal: float32 ``[N, 2]``; None where no teacher knows.
    """

    distribution: Tensor | None = None
    valence_arousal: Tensor | None = None

    def parts(self) -> tuple[Tensor, ...]:
        """What there is, in the order of the fields; ``Answers(*parts)`` puts it together again."""
        return tuple(part for part in (self.distribution, self.valence_arousal) if part is not None)


class Teachers:
    """The mean answer of one or several teachers.

    No ``nn.Module``, on purpose: held by one, the teachers are no part of its state, its checkpoints, its optimizer or
    its averages, and several processes do not send them to each other.
    """

    def __init__(self, members: Sequence[Teacher], temperature: float = 1.0, flips: bool = True) -> None:
        """Put teachers together.

        Args:
            members: at least one.
            temperature: divides the logits (Hinton et al. 2015, https://arxiv.org/abs/1503.02531, section 2).
            flips: answer with the mean over a picture and its mirror image.
        """
        self.members = tuple(members)
        self.temperature = temperature
        self.flips = flips

    def __deepcopy__(self, memo: dict[int, Any]) -> Teachers:
        """Return itself: the running average of a student copies the student, and needs no second teacher."""
        return self

    def to(self, device: torch.device) -> None:
        """Move all teachers to a device."""
        for teacher in self.members:
            teacher.network.to(device)

    def __call__(self, pixels: Tensor) -> Answers:
        """Answer to float images ``[N, 3, H, W]`` in 0..255, augmented as the student sees them (Beyer et al. 2022,
        "Knowledge distillation: a good teacher is patient and consistent", https://arxiv.org/abs/2106.05237).
        """
        n = len(pixels)
        with torch.inference_mode():
            shown = torch.cat((pixels, pixels.flip(3))) if self.flips else pixels
            chances, affects = [], []
            for teacher in self.members:
                logits, affect = teacher.network.read(resized(shown, teacher.size, teacher.source_size))
                chances.append((logits.float() / self.temperature).softmax(dim=1).view(-1, n, logits.shape[1]).mean(0))
                if teacher.knows_affect:
                    affects.append(affect.float().view(-1, n, 2).mean(0))
        # Tensors made in inference mode may not take part in a backward pass; what is computed of them outside may.
        return Answers(torch.stack(chances).mean(0), torch.stack(affects).mean(0) if affects else None)


def resized(pixels: Tensor, size: int, source_size: int | None) -> Tensor:
    """Return float images ``[N, 3, H, W]`` as ``[N, 3, size, size]``: :func:`edge.preprocess.resize` for tensors.

    Larger pictures are first brought down to ``source_size`` by averaging areas, as the teacher's own training pictures
    were: what is sharper or softer than those is answered worse.
    """
    native = min(source_size or size, size)
    if max(pixels.shape[2:]) > native:
        rows, columns = (_areas(side, native, pixels.device) for side in pixels.shape[2:])
        pixels = rows @ pixels @ columns.T
    if pixels.shape[2:] == (size, size):
        return pixels
    return nn.functional.interpolate(pixels, (size, size), mode="bilinear", align_corners=False)


def load_teachers(
    folders: Sequence[str], training: Samples, detail: int, temperature: float = 1.0, flips: bool = True
) -> Teachers | None:
    """Return the teachers of a run, or None where ``folders`` is empty.

    A teacher whose valence and arousal were taught by a weak signal does not overrule annotations: its answer counts
    for the emotion alone where ``training`` is annotated.

    Args:
        folders: bundle folders, or files in them.
        training: what the student learns from.
        detail: side of the smallest picture that holds all the detail the student sees, pixels.
        temperature: see :class:`Teachers`.
        flips: see :class:`Teachers`.

    Raises:
        EdgeError: no bundle, a damaged one, or one whose labels are not the data's.
    """
    members = []
    for folder in folders:
        path = Path(folder)
        bundle = read_bundle(path if path.is_dir() else path.parent)
        config = bundle.config
        if config.labels != training.labels:
            raise EdgeError(
                f"--teacher {folder} knows {', '.join(config.labels)}; the data knows {', '.join(training.labels)}; "
                "a teacher must know the same, in the same order"
            )
        network = load_network(bundle.path(FILE_NAMES["pth", "float32"]), config)
        network.requires_grad_(False).to(memory_format=torch.channels_last)
        weak = config.training.valence_arousal.startswith("weak")
        teacher = Teacher(network, config.input.size, config.crop.source_size, training.weak_affect or not weak)
        if teacher.detail > detail:
            note(
                f"--teacher {folder} learnt from {teacher.detail} px pictures and is shown {detail} px ones, enlarged: "
                f"it answers worse than it could; a teacher trained with --source-size {detail} does not"
            )
        members.append(teacher)
    return Teachers(members, temperature, flips) if members else None


def _areas(side: int, smaller: int, device: torch.device) -> Tensor:
    """Return ``[smaller, side]``: row i averages the pixels of a line that output pixel i covers, in part or whole."""
    step = side / smaller
    start = torch.arange(smaller, device=device)[:, None] * step
    pixel = torch.arange(side, device=device)[None]
    return ((start + step).minimum(pixel + 1) - start.maximum(pixel)).clamp(min=0) / step


def described(folders: Sequence[str]) -> tuple[str, ...]:
    """Say of each teacher what it is, what taught it, and under which licence; for the student's config."""
    configs = [read_bundle(path if path.is_dir() else path.parent).config for path in map(Path, folders)]
    return tuple(f"{config.name}, taught on {config.training.data} ({config.training.licence})" for config in configs)
