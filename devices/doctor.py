"""What is missing or wrong on a device, and the command that fixes it."""

from __future__ import annotations

from devices.checks import board, camera, service, software
from devices.finding import Diagnosis, diagnosis
from devices.situation import Situation


def examine(situation: Situation) -> Diagnosis:
    """Make every check on a situation (:func:`devices.situation.look`)."""
    checks = (software.check, camera.check, board.check, service.check)
    return diagnosis([finding for check in checks for finding in check(situation)])
