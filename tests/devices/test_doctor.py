"""Doctor: what it finds on devices with known faults, what it advises, and that this machine's trials are real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from devices.doctor import examine
from devices.finding import Diagnosis, Finding, describe, diagnosis
from devices.situation import Situation, Trial, look, run
from edge.model import DEFAULT_MODEL
from tests.devices import machines


def findings(situation: Situation) -> dict[str, Finding]:
    found = examine(situation).findings
    assert len({finding.id for finding in found}) == len(found), "an id tells one thing"
    for finding in found:
        assert "\n" not in finding.text + finding.remedy
        assert (finding.severity == "ok") == (not finding.remedy), finding
    return {finding.id: finding for finding in found}


def altered(situation: Situation, **changes: object) -> Situation:
    """The same situation with other facts about the device."""
    return msgspec.structs.replace(situation, device=msgspec.structs.replace(situation.device, **changes))


def severities(situation: Situation) -> dict[str, str]:
    return {name: finding.severity for name, finding in findings(situation).items() if finding.severity != "ok"}


#: What this process lacks or has is not what the trees are about.
USUAL = {
    "engines": ("litert",),
    "session": "wayland",
    "disk_free_mb": 20000,
    "packages": {},
    "python": "3.11.2 (64-bit)",
}


def test_raspberry_pi_5_whose_environment_hides_picamera2(tmp_path: Path) -> None:
    situation = altered(look(machines.raspberry_pi_5(tmp_path), environment={}), **USUAL, picamera2="not installed")
    assert severities(situation) == {"picamera2": "error", "memory-control": "warning", "service": "note"}
    found = findings(situation)
    assert found["camera"].text == "found: /dev/video0 (rp1-cfe-csi2_ch0)"
    assert "include-system-site-packages = true" in found["picamera2"].remedy
    assert found["memory-control"].remedy == (
        "sudo sed -i '1 s/$/ cgroup_enable=memory/' /boot/firmware/cmdline.txt && sudo reboot"
    )
    shutil.rmtree(tmp_path / "usr/lib/python3")
    situation = altered(look(tmp_path, environment={}), **USUAL, picamera2="not installed")
    assert findings(situation)["picamera2"].remedy.startswith("sudo apt install -y python3-picamera2")
    assert severities(altered(situation, picamera2="available")) == {"memory-control": "warning", "service": "note"}


@pytest.mark.skipif(shutil.which("sed") is None, reason="needs sed")
def test_the_advice_for_cmdline_txt_does_what_it_says(tmp_path: Path) -> None:
    root = machines.raspberry_pi_5(tmp_path)
    before = (root / "boot/firmware/cmdline.txt").read_text()
    remedy = findings(look(root, environment={}))["memory-control"].remedy
    command = remedy.removeprefix("sudo ").partition(" && ")[0].replace("/boot", f"{root}/boot")
    subprocess.run(["/bin/sh", "-c", command], check=True)
    assert (root / "boot/firmware/cmdline.txt").read_text() == before[:-1] + " cgroup_enable=memory\n"
    assert findings(look(root, environment={}))["memory-control"].remedy == "sudo reboot"


def test_raspberry_pi_4_with_too_weak_a_supply(tmp_path: Path) -> None:
    situation = altered(look(machines.raspberry_pi_4(tmp_path), environment={}), **USUAL)
    assert severities(situation) == {
        "power": "error",
        "throttling": "warning",
        "memory-control": "warning",
        "service": "note",
    }
    assert "5.1 V, 3 A" in findings(situation)["power"].remedy
    (tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled").write_text("50000\n")
    since = severities(altered(look(tmp_path, environment={}), **USUAL))
    assert (since["power"], since["throttling"]) == ("warning", "note")
    (tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled").write_text("4\n")
    hot = findings(altered(look(tmp_path, environment={}), **USUAL))["throttling"]
    assert hot.remedy.endswith("edge-run --max-fps 10"), "half of what the profile reads"


def test_raspberry_pi_3b_plus_with_little_of_everything(tmp_path: Path) -> None:
    root = machines.raspberry_pi_3b_plus(tmp_path)
    situation = altered(look(root, environment={}), **USUAL, clock_synchronised=False)
    assert severities(situation) == {
        "camera": "warning",
        "swap": "warning",
        "soft-limit": "note",
        "clock": "warning",
        "memory-control": "warning",
        "service": "note",
    }
    found = findings(situation)
    assert "60 °C" in found["soft-limit"].text
    assert found["temperature"].text == "63 °C, 17 below where the hardware slows itself down"
    assert "ribbon cable" in found["camera"].remedy
    config = root / "boot/firmware/config.txt"
    config.write_text(config.read_text().replace("camera_auto_detect=1", "#camera_auto_detect=1"))
    assert "camera_auto_detect=1" in findings(look(root, environment={}))["camera"].remedy
    config.write_text(config.read_text() + "dtoverlay=imx219,cam0\n")
    assert "camera_auto_detect" not in findings(look(root, environment={}))["camera"].remedy


def test_raspberry_pi_zero_2w_with_a_32_bit_system(tmp_path: Path) -> None:
    situation = altered(look(machines.raspberry_pi_zero_2w(tmp_path), environment={}), **USUAL)
    found = severities(situation)
    assert (found["bits"], found["temperature"], found["memory"]) == ("error", "warning", "warning")
    assert "on a 64-bit kernel" in findings(situation)["bits"].text
    assert examine(situation).exit_code == 2


def test_a_laptop_is_well(tmp_path: Path) -> None:
    situation = altered(look(machines.laptop(tmp_path), environment={}), **USUAL)
    assert severities(situation) == {"service": "note"}
    assert examine(situation).exit_code == 0
    assert describe(examine(situation)).splitlines()[-1] == "1 note; 9 ok"


def test_a_camera_that_may_not_be_opened(tmp_path: Path) -> None:
    situation = look(machines.laptop(tmp_path), environment={})
    assert situation.device.cameras is not None
    locked = tuple(msgspec.structs.replace(camera, usable=False) for camera in situation.device.cameras)
    found = findings(altered(situation, cameras=locked))["camera-permission"]
    assert (found.severity, found.remedy) == ("error", "sudo usermod -aG video $USER, then log in again")
    (tmp_path / "dev/video0").unlink()
    assert findings(look(tmp_path, environment={}))["camera-node"].severity == "warning"


@pytest.mark.parametrize(
    ("changes", "name", "severity", "remedy"),
    [
        ({"engines": ("onnx",)}, "engine", "error", "install ai-edge-litert"),
        ({"python": "3.10.12 (64-bit)"}, "python", "error", "Python 3.11"),
        ({"python": "3.14.0 (64-bit)"}, "python", "note", "python3.13"),
        ({"disk_free_mb": 400}, "disk", "warning", "apt clean"),
        ({"disk_free_mb": 40}, "disk", "error", "vacuum-size"),
        ({"read_only": True}, "disk-read-only", "error", "journalctl -k"),
        ({"memory_available_mb": 150}, "memory", "warning", "ps -eo"),
        ({"clock_synchronised": False}, "clock", "note", "set-ntp true"),
        ({"session": "none"}, "display", "note", "--web"),
        ({"cameras": ()}, "camera", "warning", "plug one in"),
        ({"profile": None}, "profile", "note", "edge-device profile"),
        (
            {"packages": {"opencv-python": "4.11", "opencv-contrib-python": "4.11"}},
            "opencv-twice",
            "warning",
            "uninstall -y opencv-contrib-python opencv-python",
        ),
    ],
)
def test_one_fault_on_a_laptop(
    changes: dict[str, object], name: str, severity: str, remedy: str, tmp_path: Path
) -> None:
    healthy = altered(look(machines.laptop(tmp_path), environment={}), **USUAL)
    assert findings(healthy).get(name, Finding(name, "ok", "")).severity == "ok"
    found = findings(altered(healthy, **changes))[name]
    assert found.severity == severity
    assert remedy in found.remedy


def test_the_onnxruntime_that_dies_on_a_pi_4(tmp_path: Path) -> None:
    bad = {**USUAL, "packages": {"onnxruntime": "1.21.0"}}
    four = altered(look(machines.raspberry_pi_4(tmp_path / "4"), environment={}), **bad)
    five = altered(look(machines.raspberry_pi_5(tmp_path / "5"), environment={}), **bad)
    assert findings(four)["onnx-crash"].severity == "error"
    assert "onnx-crash" not in findings(five)


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        (
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
            "sudo apt install -y libgl1 libglib2.0-0",
        ),
        ("ImportError: numpy.core.multiarray failed to import", "--force-reinstall numpy"),
        ("it was killed by SIGILL", "--force-reinstall opencv-contrib-python"),
    ],
)
def test_opencv_that_does_not_start(output: str, remedy: str, tmp_path: Path) -> None:
    situation = look(machines.raspberry_pi_4(tmp_path), environment={})
    found = findings(msgspec.structs.replace(situation, opencv=Trial(False, output)))["opencv"]
    assert found.severity == "error"
    assert output in found.text
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('source = "demo"', {"camera": "ok"}),
        ('source = "rtsp://door/1"', {"camera": "ok"}),
        ("source = 0", {"camera": "ok", "config": "ok"}),
        ("source = 3", {"source": "warning"}),
        ('source = "C920"', {"camera": "ok"}),
        ('source = "Brio"', {"source": "warning"}),
        ('source = "picamera"', {"camera": "warning", "picamera2": "error"}),
        ("max_fsp = 3", {"config": "error"}),
        ("web = true", {"extras": "error"}),
        ("mqtt = 'broker'\nmetrics = true", {"config": "ok"}),
    ],
)
def test_a_configuration(content: str, expected: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "edge-run.toml"
    path.write_text(content)
    situation = look(machines.raspberry_pi_4(tmp_path / "root"), config=path, environment={})
    found = findings(altered(situation, **USUAL, extras=("mqtt", "prometheus"), picamera2="not installed"))
    assert {name: found[name].severity for name in expected} == expected


def test_a_ribbon_camera_read_as_a_webcam(tmp_path: Path) -> None:
    root = machines.raspberry_pi_5(tmp_path)
    found = findings(look(root, environment={"EDGE_RUN_SOURCE": "0"}))["source"]
    assert (found.severity, found.remedy) == ("error", 'in the configuration: source = "picamera"')


@pytest.mark.parametrize(
    ("state", "severity"),
    [("active", "ok"), ("failed", "error"), ("activating", "warning"), ("inactive", "note")],
)
def test_the_service(state: str, severity: str, tmp_path: Path) -> None:
    root = machines.write(machines.laptop(tmp_path), {"etc/systemd/system/edge-run.service": "[Service]\n"})
    situation = look(root, environment={})
    assert situation.device.service == "installed"
    assert findings(msgspec.structs.replace(situation, service_state=state))["service"].severity == severity


def test_the_worst_comes_first_and_decides() -> None:
    note, warning, error = (Finding(name, name, "t", "r") for name in ("note", "warning", "error"))  # type: ignore[arg-type]
    fine = Finding("fine", "ok", "t")
    assert [diagnosis(given).exit_code for given in ([], [fine], [note], [note, warning], [warning, error])] == [
        0,
        0,
        0,
        1,
        2,
    ]
    assert [finding.id for finding in diagnosis([fine, note, error, warning]).findings] == [
        "error",
        "warning",
        "note",
        "fine",
    ]


def test_trials_run_in_a_process_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('what lies in this folder is not ours')")
    monkeypatch.chdir(tmp_path)
    assert run("import sys, msgspec; print(sys.argv[1])", "x") == Trial(True, "x")
    assert run("import nowhere") == Trial(False, "ModuleNotFoundError: No module named 'nowhere'")
    assert run("import os, signal; os.kill(os.getpid(), signal.SIGILL)") == Trial(False, "it was killed by SIGILL")


def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    code = "from devices.cli import main; main()"
    environment = {**os.environ, **variables}
    return subprocess.run(
        [sys.executable, "-c", code, "doctor", *arguments], capture_output=True, text=True, env=environment, check=False
    )


def test_this_machine_proves_the_packaged_model() -> None:
    done = command("--json")
    found = msgspec.json.decode(done.stdout, type=Diagnosis)
    assert done.returncode == found.exit_code
    by_id = {finding.id: finding for finding in found.findings}
    assert by_id["opencv"].severity == "ok"
    assert by_id["model"].severity == "ok"
    assert "model_int8.tflite" in by_id["model"].text
    assert set(json.loads(done.stdout)) == {"worst", "findings", "version"}


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(DEFAULT_MODEL, bundle)
    with (bundle / "model_int8.tflite").open("r+b") as file:
        file.seek(5000)
        file.write(b"\0\1\2\3")
    done = command(EDGE_RUN_MODEL=str(bundle), EDGE_RUN_SOURCE="demo")
    assert done.returncode == 2
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("error")]
    assert "model_int8.tflite" in line and "sha256" in line
    quick = command("--quick", EDGE_RUN_MODEL=str(bundle), EDGE_RUN_SOURCE="demo")
    assert quick.returncode < 2
    assert "model_int8" not in quick.stdout
