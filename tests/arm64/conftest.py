"""The emulated machines, and the bundles to prove on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.instructions.chips import CHIPS
from bench.instructions.errors import CannotEmulateError
from bench.instructions.machine import Machine, arm_machine
from bench.instructions.root import Root
from tests.arm64.emulator import AARCH64, WITHOUT_VNNI, install_qemu, machine_without_vnni
from tests.arm64.software import PROJECT, SOFTWARE, build_project


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bundle", action="append", default=[], metavar="DIR", help="prove this bundle too; repeatable")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bundle_folder" in metafunc.fixturenames:
        given = [Path(text).resolve() for text in metafunc.config.getoption("--bundle", [])]
        folders = [PROJECT / "edge" / "models" / "default", *given]
        metafunc.parametrize("bundle_folder", folders, ids=[folder.name for folder in folders])


@pytest.fixture(scope="session")
def root_for() -> Callable[[str], Root]:
    """The root file system with some software, by its name in ``SOFTWARE``."""

    def build(software: str) -> Root:
        try:
            install_qemu()
            return SOFTWARE[software].root()
        except CannotEmulateError as error:
            pytest.fail(str(error), pytrace=False)

    return build


@pytest.fixture(scope="session")
def project_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """This project, installed from its own wheel for a version of Python on aarch64."""
    made: dict[str, Path] = {}

    def build(python: str) -> Path:
        if python not in made:
            try:
                made[python] = build_project(tmp_path_factory.mktemp("project"), python)
            except CannotEmulateError as error:
                pytest.fail(str(error), pytrace=False)
        return made[python]

    return build


@pytest.fixture(scope="session")
def machine_for(root_for: Callable[[str], Root]) -> Callable[..., Machine]:
    """An emulated machine by its processor's name: ``machine_for("cortex-a72", "3.11", (folder of packages,))``."""

    def make(name: str, software: str = "3.11", paths: tuple[Path, ...] = ()) -> Machine:
        if name == WITHOUT_VNNI:
            root_for(software)  # installs QEMU
            return machine_without_vnni(paths)
        return arm_machine((AARCH64,), root_for(software), CHIPS[name], paths)

    return make


@pytest.fixture(scope="session")
def here_for(root_for: Callable[[str], Root]) -> Callable[..., Machine]:
    """This machine with the same software as a device."""

    def make(software: str = "3.11", paths: tuple[Path, ...] = ()) -> Machine:
        root_for(software)
        try:
            return SOFTWARE[software].here(paths)
        except CannotEmulateError as error:
            pytest.skip(str(error))

    return make
