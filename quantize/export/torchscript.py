"""TorchScript: the network traced and frozen into one file that needs none of this project's code."""

from __future__ import annotations

from pathlib import Path

import torch

from edge.engines.network import EmotionNetwork
from edge.quiet import quiet


def export_torchscript(network: EmotionNetwork, path: Path, size: int) -> None:
    """Write ``network`` as TorchScript, frozen, for any batch size.

    Args:
        network: in evaluation mode.
        path: the ``.pt`` file to write.
        size: side of the input, pixels.
    """
    # Two images, not one: a batch of one could leave a constant 1 behind where the batch size belongs.
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    with quiet(), torch.no_grad():
        # No self-check of the tracer: the gate runs the written file, which is more, and takes no seconds twice.
        traced = torch.jit.trace(network.eval(), example, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(torch.jit.freeze(traced), str(path))
