"""Quantization-aware fine-tuning: the weights learn to live with the rounding (Jacob et al. 2018, CVPR, section 3).

The float network teaches: its logits, valence and arousal on the very images, so no labels are needed and what is
learnt is to be the same network, not a better one. Rounding passes gradients straight through.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quantize.int8.prepared import PreparedNetwork
from quantize.int8.ranges import Range
from quantize.int8.simulation import simulate

BATCH = 64
#: Of Adam at its peak, in cosine down to zero. Norms are folded, so weights are small and steps must be, too.
RATE = 3e-6


def tune(
    network: PreparedNetwork,
    ranges: dict[str, Range],
    bits: int,
    images: NDArray[np.uint8],
    steps: int,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
    teacher: PreparedNetwork | None = None,
    float_layers: Sequence[str] = (),
) -> PreparedNetwork:
    """Return a copy of ``network`` whose weights were tuned under rounding.

    Args:
        network: what to begin with.
        ranges: of the activations, by point; they stay fixed.
        bits: of the weights.
        images: training images, uint8 ``[N, S, S, 3]``.
        steps: of :data:`BATCH` images, mirrored half of the time.
        seed: of the draws.
        say: told the loss now and then.
        teacher: the float network to imitate; ``network`` itself where none is given.
        float_layers: convolutions whose weights are not rounded.
    """
    generator = np.random.default_rng(seed)
    result = copy.deepcopy(network)
    wanted = (teacher or network).eval()
    student = simulate(network, ranges, bits, float_layers)
    student.requires_grad_(True)
    optimizer = torch.optim.Adam(student.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    for step in range(steps):
        batch = torch.from_numpy(_drawn(images, generator))
        with torch.no_grad():
            logits, affect = wanted(batch)
        loss = _distance(student(batch), (logits, affect))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            say(f"fine-tuning: step {step + 1} of {steps}, loss {loss.item():.2e}")
    _take_over(result, student.network)
    return result.requires_grad_(False)


def _drawn(images: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    batch = images[generator.integers(0, len(images), BATCH)]
    mirrored = generator.random(BATCH) < 0.5
    batch[mirrored] = batch[mirrored, :, ::-1]
    return batch


def _distance(given: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]) -> Tensor:
    """Squared error of the logits in units of their own spread, plus that of valence and arousal."""
    spread = wanted[0].var().clamp(min=1e-6)
    return nn.functional.mse_loss(given[0], wanted[0]) / spread + nn.functional.mse_loss(given[1], wanted[1])


def _take_over(network: PreparedNetwork, tuned: PreparedNetwork) -> None:
    """Copy the tuned weights back; the roundings have none."""
    state = tuned.state_dict()
    network.load_state_dict({name: state[name].detach().clone() for name in network.state_dict()})
