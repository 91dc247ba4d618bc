"""Updates of the software itself: real wheels into a real environment, tried by the programs in it."""

from __future__ import annotations

import base64
import hashlib
import sysconfig
import zipfile
from pathlib import Path

import pytest

from devices.update.packing import pack
from devices.update.settings import UpdateSettings
from devices.update.staging import install_wheels, make_environment
from devices.update.trial import Trial
from edge.errors import EdgeError
from tests.conftest import ROOT
from tests.devices.updates import Fleet, active_version


def wheel(folder: Path, version: str, requires: str = "") -> Path:
    """A folder with the wheel of this very tree under another version."""
    folder.mkdir()
    info = f"emot_edge-{version}.dist-info"
    contents = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for room in ("edge", "devices")
        for path in sorted((ROOT / room).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    contents["edge/version.py"] = f'__version__ = "{version}"\n'.encode()
    dependency = f"Requires-Dist: {requires}\n" if requires else ""
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: emot-edge\nVersion: {version}\n{dependency}".encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    programs = "[console_scripts]\nedge-run = edge.cli:main\nedge-device = devices.cli:main\n"
    contents[f"{info}/entry_points.txt"] = programs.encode()
    with zipfile.ZipFile(folder / f"emot_edge-{version}-py3-none-any.whl", "w") as out:
        lines = []
        for name, content in contents.items():
            out.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(content)}\n")
        out.writestr(f"{info}/RECORD", "".join(lines) + f"{info}/RECORD,,\n")
    return folder


def build(wheels: Path, tree: Path) -> None:
    """What the updater does, but what emot-edge needs is seen where it is already: 400 MB less to copy."""
    make_environment(tree)
    place = Path(sysconfig.get_path("purelib", vars={"base": str(tree), "platbase": str(tree)}))
    (place / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install_wheels(wheels, tree)


@pytest.mark.updates
def test_software_is_taken_and_what_does_not_install_is_not(tmp_path: Path) -> None:
    fleet = Fleet(tmp_path)
    places, said = fleet.device(), []  # type: ignore[var-annotated]
    settings = UpdateSettings(
        trial_seconds=0.5, baseline_seconds=0.5, least_share=0.1, confirm_seconds=0, memory_mb=2000
    )
    trial = Trial(places, settings, said.append).run
    updater = fleet.updater(places, settings=settings, trial=trial, build=build, say=said.append)
    (places.config / "edge-run.toml").write_text('search_interval = 5\nmqtt = "broker.local"\nweb = true\n')

    good = fleet.sign(pack(wheel(tmp_path / "good", "7.0"), "", tmp_path))
    assert "frames a second" in updater.apply(str(good)), said
    assert active_version(places, "software") == "7.0"
    program = places.link("software") / "bin" / "edge-run"
    assert program.read_text().startswith(f"#!{places.trees('software')}/7.0/bin/python"), (
        "its own Python, its own path"
    )
    assert not places.previous("software").is_symlink()

    # The next one needs what isn't there; that the environment is made anew is of no interest here.
    updater = fleet.updater(places, build=lambda wheels, tree: install_wheels(wheels, places.link("software")))
    needy = fleet.sign(pack(wheel(tmp_path / "needy", "7.3", requires="nobody-has-this>=1"), "", tmp_path))
    with pytest.raises(EdgeError, match=r"wheels can't be installed: .*nobody-has-this"):
        updater.apply(str(needy))
    assert [path.name for path in places.trees("software").iterdir()] == ["7.0"]
    assert not list(places.staging.iterdir())


def test_what_is_no_folder_of_wheels(tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    with pytest.raises(EdgeError, match="no model bundle and holds no wheels"):
        pack(folder, "", tmp_path)
    (folder / "numpy-2.4.6-cp311-cp311-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl").write_bytes(b"1")
    with pytest.raises(EdgeError, match="no wheel of emot-edge is among them"):
        pack(folder, "", tmp_path)
    (folder / "emot_edge-0.2.0-py3-none-any.whl").write_bytes(b"2")
    with pytest.raises(EdgeError, match=r"--version 3: the wheel of emot-edge .* is 0\.2\.0"):
        pack(folder, "3", tmp_path)
    (folder / "PyNaCl-1.6.2-cp38-abi3-manylinux_2_26_aarch64.whl").write_bytes(b"3")
    from devices.update.archive import read_manifest

    update = read_manifest(pack(folder, "", tmp_path))
    assert (update.version, update.machines, update.pythons) == ("0.2.0", ("aarch64",), ("3.11",))
