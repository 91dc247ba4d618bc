"""Weak valence and arousal for data sets that only know emotion words.

A teaching signal, not ground truth: a figure measured against it says how well a network imitates this table.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: (valence, arousal) of each label in [-1, 1], in the order of ``edge.labels.LABELS``. Russell & Mehrabian 1977,
#: "Evidence for a three-factor theory of emotions", J. Research in Personality 11:273-294. Contempt is not in that
#: list; the mean of anger and disgust stands in for it, which is an assumption.
CIRCUMPLEX: NDArray[np.float32] = np.array(
    [
        (0.00, 0.00),  # neutral
        (0.81, 0.51),  # happiness
        (-0.63, -0.27),  # sadness
        (0.40, 0.67),  # surprise
        (-0.64, 0.60),  # fear
        (-0.60, 0.35),  # disgust
        (-0.51, 0.59),  # anger
        (-0.56, 0.47),  # contempt
    ],
    dtype=np.float32,
)


def weak_valence_arousal(distribution: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vote-weighted coordinates ``[N, 2]`` of distributions ``[N, 8]`` over ``edge.labels.LABELS``."""
    result: NDArray[np.float32] = distribution @ CIRCUMPLEX
    return result
