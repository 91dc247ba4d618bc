"""Installing into a file tree: what comes of it, a second time, cut short, and removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.install.account import group_of, user_exists
from devices.install.manifest import Choices, Manifest
from devices.install.options import drop_ins, render
from devices.layout import Layout
from devices.profile import load
from edge.settings.reading import effective
from edge.version import __version__
from tests.devices.installation import device, tree, wheels

ROOT = Path(__file__).parent.parent.parent

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="accounts and ownership are root's to make")


def copy(root: Path, to: Path) -> Path:
    return Path(shutil.copytree(root, to, symlinks=True))


def edge_device(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from devices.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory where there is one: every change is flushed to the disk, which takes its time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels."""
    return wheels(tmp_path_factory.mktemp("wheels"))


@pytest.fixture(scope="module")
def installed(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A device with the service; tests leave it as it is."""
    root = device(tmp_path_factory.mktemp("device"))
    done = edge_device("install", "--root", root, "--wheels", house, "--profile", "raspberry-pi-5", "--extras", "web")
    assert done.returncode == 0, done.stderr
    return root


def test_a_preview_changes_nothing(house: Path, tmp_path: Path) -> None:
    root = device(tmp_path / "device")
    before = tree(root)
    done = edge_device("install", "--root", root, "--wheels", house, "--profile", "raspberry-pi-4", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert tree(root) == before
    for line in (
        "write   {}/etc/systemd/system/edge-run.service ",
        "build   {}/opt/emot-edge/software/",
        "link    {}/opt",
    ):
        assert line.format(root) in done.stdout


@needs_root
def test_everything_is_in_its_place(installed: Path) -> None:
    layout = Layout(installed)
    assert user_exists(layout, "edge-run")
    options = tomllib.loads(layout.options.read_text())
    assert options["source"] == "picamera" and options["web"] is True
    assert options["jsonl"] == "/var/lib/edge-run/results.jsonl"
    assert (layout.options.stat().st_mode & 0o777, layout.options.stat().st_gid) == (
        0o640,
        group_of(layout, "edge-run"),
    )
    assert layout.secrets.stat().st_mode & 0o777 == 0o600
    assert layout.current.readlink() == Path(f"software/{__version__}")
    command = layout.current / "bin/edge-run"
    # As the device sees it, whatever the place it was prepared in.
    assert command.read_text().startswith(f"#!/opt/emot-edge/software/{__version__}/bin/python\n")
    assert "include-system-site-packages = true" in (layout.current / "pyvenv.cfg").read_text()
    extensions = layout.units / "edge-run.service.d"
    assert "MemoryMax=512M" in (extensions / "memory.conf").read_text()
    assert "RestrictAddressFamilies=AF_INET AF_INET6" in (extensions / "network.conf").read_text()
    assert not (extensions / "backoff.conf").exists()  # which systemd 252 does not know
    assert (layout.units / "multi-user.target.wants/edge-run.service").is_symlink()
    assert not list(installed.rglob(".scratch"))


def test_a_second_run_changes_nothing_and_says_so(installed: Path, house: Path) -> None:
    before = tree(installed)
    done = edge_device("install", "--root", installed, "--wheels", house)  # what was asked for is remembered
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "nothing to do: everything is installed as asked for"
    assert tree(installed) == before


@needs_root
def test_cut_short_anywhere_it_is_completed_or_removed(house: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.devices.killed", tmp_path, house, "13"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    *problems, last = done.stdout.splitlines()
    assert problems == []
    assert int(last.split()[0]) > 15


@needs_root
def test_removed_but_for_what_is_the_owners_and_then_that(installed: Path, house: Path, tmp_path: Path) -> None:
    before = tree(device(tmp_path / "bare"))
    root = copy(installed, tmp_path / "device")
    layout = Layout(root)
    (layout.results / "results.jsonl").write_text("{}\n")
    layout.options.write_text("source = 0\n")
    preview = edge_device("uninstall", "--root", root, "--dry-run")
    assert "remove  file /etc/systemd/system/edge-run.service" in preview.stdout and layout.current.exists()
    done = edge_device("uninstall", "--root", root)
    assert done.returncode == 0, done.stderr
    assert layout.options.read_text() == "source = 0\n" and (layout.results / "results.jsonl").exists()
    assert not layout.opt.exists() and not list(layout.units.rglob("edge-run*"))
    assert "kept    /etc/edge-run, /var/lib/edge-run; " in done.stdout
    # Installed again it finds them as they were.
    assert edge_device("install", "--root", root, "--wheels", house).returncode == 0
    assert layout.options.read_text() == "source = 0\n"
    assert edge_device("uninstall", "--root", root, "--purge").returncode == 0
    assert tree(root) == before


def test_what_is_not_on_the_list_is_not_touched(installed: Path, house: Path, tmp_path: Path) -> None:
    root = device(tmp_path / "device")
    unit = root / "etc/systemd/system/edge-run.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    before = tree(root)
    done = edge_device("install", "--root", root, "--wheels", house, "--profile", "raspberry-pi-5")
    assert done.returncode == 2 and f"{unit} is there and not from edge-device install" in done.stderr
    assert tree(root) == before
    done = edge_device("uninstall", "--root", root)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    listed = {item.path for item in Manifest(Layout(installed)).items.values()}
    assert not {"/etc/systemd/system", "/usr/local/bin", "/opt", "/var/lib"} & listed


@needs_root
def test_other_wishes_later(installed: Path, house: Path, tmp_path: Path) -> None:
    """More extras need another environment; none of them, no network."""
    root = copy(installed, tmp_path / "device")
    layout = Layout(root)
    options = ("install", "--root", root, "--wheels", house)
    text = layout.options.read_text()
    network = layout.units / "edge-run.service.d/network.conf"
    done = edge_device(*options, "--extras", "mqtt,web")
    assert done.returncode == 0, done.stderr
    assert "mqtt, web" in network.read_text()
    assert layout.options.read_text() == text and "has to be entered there by hand" in done.stdout
    assert layout.current.readlink() == Path(f"software/{__version__}-2")
    assert edge_device(*options, "--extras", "").returncode == 0
    assert not network.exists() and layout.current.readlink() == Path(f"software/{__version__}-2")
    # By hand in a file that is ours: said, and not overwritten.
    unit = layout.units / "edge-run.service"
    unit.write_text(unit.read_text() + "# mine\n")
    done = edge_device(*options)
    assert done.returncode == 2 and "was changed by hand" in done.stderr and unit.read_text().endswith("# mine\n")


def test_options_for_other_sources() -> None:
    profile, layout = load("raspberry-pi-5"), Layout()
    demo = render(layout, profile, Choices("raspberry-pi-5", "ribbon", "demo")).decode()
    assert tomllib.loads(demo)["loop"] is True and "camera_fps" not in demo
    stream = Choices("raspberry-pi-5", "ribbon", "rtsp://camera.local/stream", ("prometheus",))
    read = tomllib.loads(render(layout, profile, stream).decode())
    assert (read["source"], read["metrics"], "loop" in read) == ("rtsp://camera.local/stream", True, False)
    assert b"a stream" in drop_ins(profile, stream)["network.conf"]
    webcam = tomllib.loads(render(layout, profile, Choices("raspberry-pi-5", "webcam", "/dev/video2")).decode())
    assert (webcam["source"], webcam["camera_format"]) == ("/dev/video2", "MJPG")
    assert effective(webcam, {}).settings.rotate_keep == 10


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--wheels", "/nowhere"), "/nowhere is no folder"),
        (("--wheels", "."), "no emot_edge-*.whl"),
        (("--extras", "wep"), "none of web, mqtt"),
        (("--profile", "raspberry-pi-6"), "raspberry-pi-5"),
        (("--profile", "this"), "--profile raspberry-pi-5"),
        (("--profile", "raspberry-pi-5", "--camera", "film"), "none of ribbon, webcam"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    root = device(tmp_path / "device")
    before = tree(root)
    done = edge_device("install", "--root", root, *arguments)
    assert done.returncode == 2
    assert says in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert tree(root) == before


def test_a_wheel_that_is_missing_is_named(tmp_path: Path) -> None:
    """And what was there before the attempt still counts."""
    root = device(tmp_path / "device")
    house = wheels(tmp_path / "wheels", requires="numpy")
    done = edge_device("install", "--root", root, "--wheels", house, "--profile", "raspberry-pi-5")
    assert done.returncode == 2
    assert "cannot install the software" in done.stderr and "numpy" in done.stderr
    assert not Layout(root).current.exists()


def test_who_is_not_root_is_told() -> None:
    code = (
        "import os\nfrom pathlib import Path\nfrom devices.install.installing import install\n"
        # Everything is imported by now: others may not read this Python's packages.
        "os.geteuid() or os.setuid(65534)\n"
        "install(Path('/'), wheels=None, asked={}, start=True, dry_run=False, say=print)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.splitlines()[-1] == ("edge.errors.EdgeError: this changes the system: run it as root, with sudo")
