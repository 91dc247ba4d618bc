"""All that a diagnosis rests on: the device, what is to run on it, and two trials in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from devices.probe import Device, probe
from devices.profile import Profile, load
from edge.errors import EdgeError
from edge.findings import Verification
from edge.settings import Settings
from edge.settings.reading import effective

#: Seconds that a trial may take: a Pi Zero 2 W reads its packages from an SD card.
_PATIENCE = 180.0

_IMPORT = "import cv2; print(cv2.__version__)"
_PROVE = (
    "import sys; from pathlib import Path; from edge.verify import verify; from edge.findings import to_json; "
    "sys.stdout.buffer.write(to_json(verify(Path(sys.argv[1]))))"
)


class Trial(msgspec.Struct, frozen=True):
    """What came of a few lines of Python in a process of their own, since a wrong wheel takes its process with it.

    Attributes:
        succeeded: whether it ended well.
        output: what it printed; of a failure the last line of it, or what killed it.
    """

    succeeded: bool
    output: str


class Situation(msgspec.Struct, frozen=True):
    """What checks look at.

    Attributes:
        device: the machine.
        profile: its nearest profile; None where none comes near.
        root: the file tree it was read from.
        settings: what ``edge-run`` is to do; None where nobody said.
        mistake: what is wrong with the configuration.
        opencv: importing it; None: not tried.
        proof: proving the model; None: not tried. The output of a success is JSON of :class:`Verification`.
        bundle: the folder that was proved.
        service_state: what systemd says of the service (``active``, ``failed``, ...); None where it can't be asked.
    """

    device: Device
    profile: Profile | None
    root: Path
    settings: Settings | None = None
    mistake: str | None = None
    opencv: Trial | None = None
    proof: Trial | None = None
    bundle: Path | None = None
    service_state: str | None = None

    @property
    def is_pi(self) -> bool:
        """Whether it is a Raspberry Pi."""
        return (self.device.model or "").startswith("Raspberry Pi")

    @property
    def has_apt(self) -> bool:
        """Whether packages of the system come through apt."""
        return (self.root / "usr/bin/apt-get").exists()

    @property
    def verification(self) -> Verification | None:
        """The proof, where it came to an end."""
        if self.proof is None or not self.proof.succeeded:
            return None
        return msgspec.json.decode(self.proof.output, type=Verification)


def look(
    root: Path = Path("/"),
    *,
    config: Path | None = None,
    environment: Mapping[str, str] | None = None,
    prove: bool = True,
) -> Situation:
    """Look at this machine, or at the one whose file tree ``root`` is; no trial is made for that one.

    Args:
        root: the file tree.
        config: configuration file of ``edge-run``.
        environment: variables; those of ``edge-run`` count as they do there.
        prove: run the networks of the bundle.
    """
    device = probe(root)
    profile = load(device.profile.profile) if device.profile else None
    settings, mistake = _settings(config, os.environ if environment is None else environment)
    found = Situation(device, profile, root, settings, mistake)
    if root.resolve() != Path("/"):
        return found
    bundle = _bundle(settings)
    return msgspec.structs.replace(
        found,
        opencv=run(_IMPORT),
        proof=run(_PROVE, str(bundle)) if prove else None,
        bundle=bundle,
        service_state=_service_state() if device.service == "installed" else None,
    )


def run(code: str, *arguments: str) -> Trial:
    """Run a few lines in this Python, with the packages this process has."""
    here = str(Path(__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))}
    # -P: what lies in the folder the user stands in is none of ours.
    command = [sys.executable, "-P", "-c", code, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False, env=environment, errors="replace"
        )
    except subprocess.TimeoutExpired:
        return Trial(False, f"it did not end within {_PATIENCE:.0f} seconds")
    except OSError as error:
        return Trial(False, f"Python does not start ({error.strerror})")
    if done.returncode < 0:
        return Trial(False, f"it was killed by {signal.Signals(-done.returncode).name}")
    lines = done.stderr.strip().splitlines()
    return Trial(True, done.stdout.strip()) if done.returncode == 0 else Trial(False, lines[-1] if lines else "failed")


def _settings(config: Path | None, environment: Mapping[str, str]) -> tuple[Settings | None, str | None]:
    try:
        counts = effective({}, environment, config)
    except EdgeError as error:
        return None, str(error)
    return (counts.settings if config or counts.origins else None), None


def _bundle(settings: Settings | None) -> Path:
    from edge.assets import ASSETS

    if settings is None or settings.model is None:
        return ASSETS.parent / "models" / "default"
    return settings.model.parent if settings.model.is_file() else settings.model


def _service_state() -> str | None:
    program = shutil.which("systemctl")
    if program is None or not Path("/run/systemd/system").is_dir():
        return None
    try:
        done = subprocess.run(
            [program, "is-active", "edge-run"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
