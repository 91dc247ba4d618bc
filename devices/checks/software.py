"""What has to be installed: Python, OpenCV, an engine, a model that proves itself, what the configuration asks for."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

from devices.finding import Finding
from devices.situation import Situation

#: Lines of Python that every wheel of the runtime exists for and that are tested.
_TESTED = ((3, 11), (3, 13))

#: Of these only one may be installed: all of them bring the folder ``cv2``.
_OPENCV = ("opencv-contrib-python", "opencv-python", "opencv-python-headless")


def check(situation: Situation) -> Iterator[Finding]:
    """Look at software."""
    yield _python(situation)
    yield _bits(situation)
    yield from _opencv(situation)
    yield _engine(situation)
    yield from _onnx_crash(situation)
    yield from _model(situation)
    yield from _configuration(situation)


def pip(arguments: str) -> str:
    """Return the pip command for this Python."""
    return f"{shlex.quote(sys.executable)} -m pip {arguments}"


def _python(situation: Situation) -> Finding:
    version = situation.device.python
    number = tuple(int(part) for part in version.split()[0].split(".")[:2])
    if number < _TESTED[0]:
        remedy = "use an operating system with Python 3.11 or newer, such as Raspberry Pi OS bookworm or trixie"
        return Finding("python", "error", f"Python {version} is too old", remedy)
    if number > _TESTED[1]:
        remedy = "if packages are missing for it, make the environment anew: python3.13 -m venv .venv"
        return Finding("python", "note", f"Python {version} is newer than what is tested (3.11 to 3.13)", remedy)
    return Finding("python", "ok", f"Python {version}")


def _bits(situation: Situation) -> Finding:
    bits, kernel = situation.device.bits, situation.device.kernel_bits
    if bits == 32:
        under = "on a 64-bit kernel" if kernel == 64 else "with a 32-bit kernel"
        remedy = "write the 64-bit system to the card (Raspberry Pi Imager: Raspberry Pi OS Lite, 64-bit)"
        return Finding(
            "bits", "error", f"the system is built for 32 bits, {under}: no engine has packages for it", remedy
        )
    if bits is None:
        return Finding("bits", "note", "whether the system is built for 64 bits is unknown", "file -L /bin/sh")
    return Finding("bits", "ok", "a 64-bit system")


def _opencv(situation: Situation) -> Iterator[Finding]:
    packages = situation.device.packages
    owners = [name for name in _OPENCV if name in packages]
    if len(owners) > 1:
        again = pip(f"uninstall -y {' '.join(owners)}") + " && " + pip("install opencv-contrib-python")
        yield Finding("opencv-twice", "warning", f"{' and '.join(owners)} overwrite each other's files", again)
    trial = situation.opencv
    if trial is None:
        return
    if trial.succeeded:
        yield Finding("opencv", "ok", f"OpenCV {trial.output}")
        return
    text = f"OpenCV does not start: {trial.output}"
    if "cannot open shared object" in trial.output:
        remedy = "sudo apt install -y libgl1 libglib2.0-0"
        if not situation.has_apt:
            remedy = f"install the system's package with {trial.output.split(':')[1].strip()} in it"
    elif "numpy" in trial.output.lower():
        remedy = pip("install --force-reinstall numpy opencv-contrib-python")
    else:
        remedy = pip("install --force-reinstall opencv-contrib-python")
    yield Finding("opencv", "error", text, remedy)


def _engine(situation: Situation) -> Finding:
    engines = situation.device.engines
    if "litert" not in engines:
        # Also where ONNX Runtime is there: the face detectors are .tflite files.
        return Finding(
            "engine", "error", "LiteRT is not installed, which finds the faces", pip("install ai-edge-litert")
        )
    return Finding("engine", "ok", f"engines: {', '.join(engines)}")


def _onnx_crash(situation: Situation) -> Iterator[Finding]:
    features = situation.device.cpu.features or {}
    if situation.device.packages.get("onnxruntime") == "1.21.0" and features.get("asimddp") is False:
        text = "onnxruntime 1.21.0 dies on processors without the dot product instruction (SIGILL)"
        yield Finding("onnx-crash", "error", text, pip("install -U 'onnxruntime>1.21.0'"))


def _model(situation: Situation) -> Iterator[Finding]:
    trial, found = situation.proof, situation.verification
    if trial is None:
        return
    which = f"the model in {situation.bundle}"
    repair = pip("install --force-reinstall --no-deps emot-edge")
    if situation.settings and situation.settings.model:
        repair = f"edge-quantize verify {situation.bundle}, then restore that folder"
    if found is None:
        yield Finding("model", "error", f"{which} can't be proved: {trial.output}", repair)
        return
    wrong = [f"{finding.file}: {finding.problem}" for finding in found.findings if finding.status == "failed"]
    ran = [finding for finding in found.findings if finding.runtime and finding.status == "ok"]
    if wrong:
        yield Finding("model", "error", f"{which} is not what it was: {'; '.join(wrong)}", repair)
    elif not ran:
        yield Finding("model", "error", f"no file of {which} can be run here", pip("install ai-edge-litert"))
    else:
        names = ", ".join(finding.file for finding in ran)
        yield Finding("model", "ok", f"{names} gave what they must on {found.images} pictures")


def _configuration(situation: Situation) -> Iterator[Finding]:
    if situation.mistake:
        yield Finding("config", "error", situation.mistake, "correct that line; edge-run config prints every option")
    settings = situation.settings
    if settings is None:
        return
    wanted = {
        "web": settings.web,
        "mqtt": bool(settings.mqtt),
        "prometheus": settings.metrics,
        "onnx": settings.onnx or (settings.model is not None and settings.model.suffix == ".onnx"),
        "mediapipe": settings.detector == "mediapipe",
    }
    missing = [name for name, asked in wanted.items() if asked and name not in situation.device.extras]
    if missing:
        names = ",".join(missing)
        text = f"the configuration needs what is not installed: {', '.join(missing)}"
        yield Finding("extras", "error", text, pip(f"install 'emot-edge[{names}]'"))
    else:
        yield Finding("config", "ok", "the configuration fits, and all it needs is installed")
