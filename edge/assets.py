"""Files that travel inside the package. A damaged one is refused by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge.errors import EdgeError

ASSETS = Path(__file__).parent / "assets"

#: SHA-256 of the face detection models, as they lie in the mediapipe 0.10.21 wheel (Apache-2.0; see NOTICE).
SHA256 = {
    "blaze_face_short_range.tflite": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    "blaze_face_full_range.tflite": "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
}


def asset(name: str) -> Path:
    """Return the path of a packaged file after holding it to its hash.

    Raises:
        EdgeError: missing or damaged; the installation has to be repaired.
    """
    path = ASSETS / name
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise EdgeError(f"{path} is missing; install emot-edge again") from error
    if digest != SHA256.get(name, digest):
        raise EdgeError(f"{path} is damaged (wrong sha256); install emot-edge again")
    return path
