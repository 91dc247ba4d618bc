"""``fer`` is really installed and run; needs the network and some GB (make test-peers)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.effort import Effort
from bench.peers.catalogue import chosen
from bench.peers.contest import measure_peers
from bench.peers.installation import install
from bench.peers.pictures import Faces, Frames, demo_frames
from edge.labels import LABELS


@pytest.mark.peers
@pytest.mark.timeout(3600)
def test_fer(tmp_path: Path, portraits) -> None:
    import cv2
    import numpy as np

    happy = cv2.resize(portraits["collins"][60:200, 200:340], (48, 48))
    faces = Faces(np.asarray(happy[None], np.uint8), np.array([LABELS.index("happiness")]), "a portrait")
    frames = Frames(demo_frames().images[:4], "the portraits")
    peers = chosen(["fer"])
    result = measure_peers(peers, tmp_path, frames, faces, Effort("quick", 4, 0.0, 1))
    row = result.rows[0]
    assert row.status == "measured", row.reason
    assert row.faces_per_frame is not None and row.faces_per_frame > 0
    lines: list[str] = []
    assert install(peers[0].home, tmp_path, lines.append).megabytes
    assert not lines  # the second time, nothing is installed
