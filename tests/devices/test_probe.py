"""Probing file trees laid out as a Raspberry Pi 5, a Pi 4 and a laptop lay them out, and the machine at hand."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devices.cameras import Camera
from devices.probe import Device, parse_throttling, probe
from devices.report import describe

ARM_CORE = """processor\t: {number}
BogoMIPS\t: 108.00
Features\t: {features}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x4
CPU part\t: {part}
CPU revision\t: 1

"""
A76 = ("0xd0b", "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp")
A72 = ("0xd08", "fp asimd evtstrm crc32 cpuid")
A55 = ("0xd05", "fp asimd evtstrm atomics fphp asimdhp asimddp")
THROTTLED = ("under-voltage since boot", "throttled since boot")
WEAK = ("under-voltage now",)
PI_TAIL = "Revision\t: c04170\nSerial\t\t: 0\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"

X86_CORE = """processor\t: {number}
vendor_id\t: GenuineIntel
model name\t: 11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz
flags\t\t: fpu vme sse4_2 avx f16c avx2 fma avx512f avx512_vnni

"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def arm(*cores: tuple[str, str]) -> str:
    return "".join(ARM_CORE.format(number=i, part=part, features=features) for i, (part, features) in enumerate(cores))


@pytest.fixture
def pi5(tmp_path: Path) -> Path:
    video = "sys/class/video4linux"
    return write(
        tmp_path,
        {
            "proc/cpuinfo": arm(A76, A76, A76, A76) + PI_TAIL,
            "proc/meminfo": "MemTotal:        8255632 kB\nMemFree:          100000 kB\nMemAvailable:    7340032 kB\n",
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            "proc/sys/kernel/osrelease": "6.6.51+rpt-rpi-2712\n",
            "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n',
            "etc/rpi-issue": "Raspberry Pi reference 2024-11-19\nGenerated using pi-gen\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "48850\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
            "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "2400000\n",
            "sys/class/drm/card1-HDMI-A-1/status": "connected\n",
            "sys/class/drm/card1-HDMI-A-2/status": "disconnected\n",
            f"{video}/video0/name": "rp1-cfe-csi2_ch0\n",
            f"{video}/video1/name": "rp1-cfe-embedded\n",
            f"{video}/video4/name": "rp1-cfe-fe_image0\n",
            f"{video}/video19/name": "rpi-hevc-dec\n",
            f"{video}/video20/name": "pispbe-input\n",
            "dev/video0": "",
        },
    )


@pytest.fixture
def laptop(tmp_path: Path) -> Path:
    usb = tmp_path / "sys/devices/pci0000:00/0000:00:14.0/usb3/3-6/3-6:1.0"
    usb.mkdir(parents=True)
    video = "sys/class/video4linux"
    write(
        tmp_path,
        {
            "proc/cpuinfo": "".join(X86_CORE.format(number=i) for i in range(8)),
            "proc/meminfo": "MemTotal:       16085632 kB\nHugePages_Total:       0\n",
            "etc/os-release": "NAME=Fedora\nPRETTY_NAME='Fedora Linux 41'\n",
            "sys/class/dmi/id/sys_vendor": "LENOVO\n",
            "sys/class/dmi/id/product_name": "To Be Filled By O.E.M.\n",
            "sys/class/thermal/thermal_zone0/type": "acpitz\n",
            "sys/class/thermal/thermal_zone0/temp": "27800\n",
            "sys/class/thermal/thermal_zone1/type": "acpitz\n",
            "sys/class/thermal/thermal_zone1/temp": "-1000\n",
            "sys/class/thermal/thermal_zone2/type": "iwlwifi_1\n",  # its temp refuses to be read while the radio is off
            f"{video}/video0/name": "Integrated Camera: Integrated C\n",
            f"{video}/video0/index": "0\n",
            f"{video}/video1/name": "Integrated Camera: Integrated C\n",
            f"{video}/video1/index": "1\n",
            f"{video}/video10/name": "OBS Virtual Camera\n",
            f"{video}/video10/index": "0\n",
            f"{video}/video2/name": "HD Webcam\n",
            f"{video}/video2/index": "0\n",
            "dev/video0": "",
            "dev/video2": "",
        },
    )
    for node in ("video0", "video1", "video2"):
        (tmp_path / video / node / "device").symlink_to(usb)
    return tmp_path


def test_raspberry_pi_5(pi5: Path) -> None:
    found = probe(pi5)
    assert found.model == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.cpu.model == "Cortex-A76"
    assert found.cpu.cores == 4
    assert found.cpu.features == {"asimd": True, "asimdhp": True, "asimddp": True, "i8mm": False, "sve": False}
    assert (found.cpu.governor, found.cpu.max_mhz) == ("ondemand", 2400)
    assert (found.memory_mb, found.memory_available_mb) == (8062, 7168)
    assert found.temperatures_c == {"cpu-thermal": 48.85}
    assert found.cameras == (Camera("/dev/video0", "rp1-cfe-csi2_ch0", "csi", True),)
    assert found.displays == ("HDMI-A-1",)
    assert found.os == "Debian GNU/Linux 12 (bookworm) (Raspberry Pi reference 2024-11-19)"
    assert found.kernel == "6.6.51+rpt-rpi-2712"


def test_laptop(laptop: Path) -> None:
    found = probe(laptop)
    assert found.model == "LENOVO"  # what the maker left unfilled is not a name
    assert found.cpu.model == "11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz"
    assert found.cpu.cores == 8
    assert found.cpu.features == {
        "avx2": True,
        "fma": True,
        "avx512f": True,
        "avx_vnni": False,
        "avx512_vnni": True,
    }
    assert found.memory_mb == 15708
    assert found.memory_available_mb is None
    assert found.temperatures_c == {"acpitz": 27.8, "acpitz (thermal_zone1)": -1.0}
    assert found.os == "Fedora Linux 41"
    assert found.cameras == (
        Camera("/dev/video0", "Integrated Camera: Integrated C", "usb", True),
        Camera("/dev/video2", "HD Webcam", "usb", True),
        Camera("/dev/video10", "OBS Virtual Camera", "other", False),
    )


def test_nothing_is_guessed_about_an_empty_tree(tmp_path: Path) -> None:
    found = probe(tmp_path)
    for field in ("model", "architecture", "memory_mb", "temperatures_c", "throttling", "cameras", "displays", "os"):
        assert getattr(found, field) is None, field
    assert [found.cpu.model, found.cpu.cores, found.cpu.features, found.cpu.governor, found.cpu.max_mhz] == [None] * 5
    lines = dict(line.split(None, 1) for line in describe(found).splitlines())
    assert lines["clock"] == "unknown, governor unknown"
    assert lines["memory"] == "unknown, unknown available"
    for name in ("model", "architecture", "cpu", "cores", "features", "temperature", "throttling", "cameras", "os"):
        assert lines[name] == "unknown", name


@pytest.mark.parametrize(
    ("cores", "model", "dot_product"),
    [
        ((A72, A72, A72, A72), "Cortex-A72", False),
        ((A55, A55, A76, A76), "Cortex-A55 + Cortex-A76", True),
        ((A76, A72), "Cortex-A76 + Cortex-A72", False),  # a thread may land on the core without it
        ((("0xfff", "fp asimd"),), "Arm core 0xfff", False),
    ],
)
def test_arm_cores(tmp_path: Path, cores: tuple[tuple[str, str], ...], model: str, dot_product: bool) -> None:
    cpu = probe(write(tmp_path, {"proc/cpuinfo": arm(*cores)})).cpu
    assert cpu.model == model
    assert cpu.cores == len(cores)
    assert cpu.features is not None and cpu.features["asimddp"] is dot_product


def test_raspberry_pi_4_lists_the_sensor_and_no_codec(tmp_path: Path) -> None:
    names = {0: "unicam-image", 1: "unicam-embedded", 10: "bcm2835-codec-decode", 13: "bcm2835-isp-output0"}
    write(tmp_path, {f"sys/class/video4linux/video{number}/name": name for number, name in names.items()})
    assert probe(tmp_path).cameras == (Camera("/dev/video0", "unicam-image", "csi", False),)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("throttled=0x0\n", ()),
        ("throttled=0x5\n", ("under-voltage now", "throttled now")),
        ("throttled=0x50000\n", ("under-voltage since boot", "throttled since boot")),
        ("VCHI initialization failed\n", None),
        ("throttled=\n", None),
        ("", None),
    ],
)
def test_throttling(answer: str, words: tuple[str, ...] | None) -> None:
    assert parse_throttling(answer) == words


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"sys/devices/platform/soc/soc:firmware/get_throttled": "50000\n"}, THROTTLED),
        ({"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled": "0x50000\n"}, THROTTLED),
        ({"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}, WEAK),
        ({"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n"}, ()),
        ({"sys/class/hwmon/hwmon1/name": "coretemp\n"}, None),
    ],
)
def test_what_the_kernel_says_of_throttling(
    files: dict[str, str], words: tuple[str, ...] | None, tmp_path: Path
) -> None:
    assert probe(write(tmp_path, files)).throttling == words


@pytest.mark.parametrize(
    ("release", "head", "expected"),
    [
        ("6.6.51+rpt-rpi-v8", b"\x7fELF\2", (64, 64)),
        ("6.6.51+rpt-rpi-v8", b"\x7fELF\1", (32, 64)),
        ("6.12.47+rpt-rpi-2712", b"\x7fELF\2", (64, 64)),
        ("6.1.0-32-amd64", b"\x7fELF\2", (64, 64)),
        ("6.6.51+rpt-rpi-v7l", b"\x7fELF\1", (32, None)),
        ("5.15.84-v8+", b"#!/bin", (None, 64)),
    ],
)
def test_bits_of_system_and_kernel(
    release: str, head: bytes, expected: tuple[int | None, int | None], tmp_path: Path
) -> None:
    write(tmp_path, {"proc/sys/kernel/osrelease": f"{release}\n", "bin/sh": ""})
    (tmp_path / "bin/sh").write_bytes(head + b"\1\1")
    found = probe(tmp_path)
    assert (found.bits, found.kernel_bits) == expected


@pytest.mark.parametrize(
    ("files", "limited"),
    [
        ({"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n"}, True),
        ({"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n"}, False),
        ({"proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t76\t0\n"}, False),
        ({"proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t3\t76\t1\n"}, True),
        ({}, None),
    ],
)
def test_memory_control(files: dict[str, str], limited: bool | None, tmp_path: Path) -> None:
    assert probe(write(tmp_path, files)).memory_control is limited


@pytest.mark.parametrize(("options", "read_only"), [("rw,noatime", False), ("ro,noatime", True)])
def test_a_file_system_that_can_not_be_written(options: str, read_only: bool, tmp_path: Path) -> None:
    mounts = f"/dev/mmcblk0p2 / ext4 {options} 0 0\nproc /proc proc ro 0 0\n"
    assert probe(write(tmp_path, {"proc/mounts": mounts})).read_only is read_only


def test_the_clock_of_this_machine_agrees_with_the_kernel() -> None:
    if shutil.which("timedatectl") is None or not Path("/run/systemd/system").is_dir():
        pytest.skip("needs a running systemd")
    said = subprocess.run(["timedatectl", "show", "-p", "NTPSynchronized", "--value"], capture_output=True, text=True)
    assert probe().clock_synchronised is (said.stdout.strip() == "yes")


def test_vcgencmd_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text('#!/bin/sh\n[ "$1" = get_throttled ] && echo throttled=0x80008\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert probe().throttling == ("soft temperature limit now", "soft temperature limit since boot")
    assert probe(tmp_path).throttling is None  # the firmware here says nothing about another machine


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from devices.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_this_machine_as_json() -> None:
    import msgspec
    import numpy

    done = command("probe", "--json")
    assert done.returncode == 0, done.stderr
    found = msgspec.json.decode(done.stdout, type=Device)
    assert set(json.loads(done.stdout)) == set(Device.__struct_fields__)
    assert found.architecture == platform.machine()
    assert found.packages["numpy"] == numpy.__version__
    assert found.python.startswith(platform.python_version())


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="reads Linux's /proc")
def test_this_machine_in_lines() -> None:
    import psutil

    done = command("probe")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert lines["cores"] == str(psutil.cpu_count())
    assert lines["memory"].startswith(f"{psutil.virtual_memory().total // 2**20} MiB")


def test_probing_needs_no_engine() -> None:
    code = "import sys, devices.cli, devices.probe; print(*{'torch', 'cv2', 'onnxruntime', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
