"""``python -m train``: ``edge-train`` for ``torchrun``, which starts one process a device."""

from __future__ import annotations

from train.cli import main
from train.processes import one_voice, place

one_voice(place())
main()
