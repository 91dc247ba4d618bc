"""Machines to install on: bare, with the system's packages, and with the service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.systemd.container import Container
from tests.systemd.root import WANTED, CannotEmulateError, bare_debian, project_wheel, wheels, why_not

#: Starts quickly what was lost; the unit's own waits are minutes in sum.
QUICK = """[Service]
WatchdogSec=4
TimeoutAbortSec=2
RestartSec=1
"""


@pytest.fixture(scope="session", autouse=True)
def _possible() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a folder with the project's wheel and all it needs, for a release of Debian."""
    made: dict[str, Path] = {}

    def of(release: str) -> Path:
        if release not in made:
            folder = tmp_path_factory.mktemp(f"wheels-{release}")
            try:
                for wheel in wheels(release).iterdir():
                    os.link(wheel, folder / wheel.name)
                project_wheel(folder)
            except CannotEmulateError as error:
                pytest.skip(str(error))
            made[release] = folder
        return made[release]

    return of


@pytest.fixture(scope="session")
def bare() -> Callable[[str], Path]:
    """Return the file tree of a system as it comes."""

    def of(release: str) -> Path:
        try:
            return bare_debian(release)
        except CannotEmulateError as error:
            pytest.skip(str(error))

    return of


@pytest.fixture(scope="session")
def layers(
    bare: Callable[[str], Path], wheelhouse: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A bookworm with the packages that install.sh would ask apt for, wheels, and ``/var/tmp/edge-device``."""
    folder, below = tmp_path_factory.mktemp("ready"), bare("bookworm")
    container = Container(folder, [below])
    try:
        container.copy(wheelhouse("bookworm"), "/wheels")
        container.start()
        apt = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *WANTED["bookworm"])
        container.run("env", "DEBIAN_FRONTEND=noninteractive", *apt)
        bootstrap(container)
    finally:
        container.scrap()
    return container.upper, below


@pytest.fixture
def machine(layers: tuple[Path, Path], tmp_path: Path) -> Iterator[Container]:
    """Such a machine, switched on, nothing installed yet."""
    container = Container(tmp_path, layers)
    try:
        container.start()
        yield container
    finally:
        container.scrap()


@pytest.fixture(scope="module")
def running(layers: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """One with the service on the demo source, shared by a file's tests; each leaves it running."""
    container = Container(tmp_path_factory.mktemp("running"), layers)
    try:
        container.start()
        install(container)
        quicken(container)
        yield container
    finally:
        container.scrap()


def bootstrap(container: Container) -> None:
    """Make ``edge-device`` available, as install.sh does: with no more than it needs itself."""
    container.run("python3", "-m", "venv", "/var/tmp/bootstrap")
    pip = ("/var/tmp/bootstrap/bin/python", "-m", "pip", "install", "-q", "--no-index", "--find-links=/wheels")
    container.run(*pip, "--no-deps", "emot-edge")
    container.run(*pip, "typer", "msgspec")
    (container.root / "var/tmp/edge-device").symlink_to("bootstrap/bin/edge-device")


def install(container: Container, *options: str) -> str:
    """Install the service on the demo source, from wheels."""
    return container.run("/var/tmp/edge-device", "install", "--wheels", "/wheels", "--source", "demo", *options).stdout


def quicken(container: Container) -> None:
    """Shorten the waits of the unit until the next boot."""
    container.run("mkdir", "-p", "/run/systemd/system/edge-run.service.d")
    container.run("tee", "/run/systemd/system/edge-run.service.d/quick.conf", stdin=QUICK)
    container.run("systemctl", "daemon-reload")
    container.run("systemctl", "restart", "edge-run")
