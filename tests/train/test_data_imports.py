from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
sys.modules.update(dict.fromkeys(("torch", "torchvision", "lightning", "torchmetrics", "tensorflow", "mediapipe")))
import train.data.opening, train.evaluation
"""


def test_readers_and_measuring_need_no_training_framework():
    """A device measures accuracy with them; None in sys.modules makes an import fail as if it were not installed."""
    subprocess.run([sys.executable, "-c", CODE], cwd=Path(__file__).parents[2], check=True)
