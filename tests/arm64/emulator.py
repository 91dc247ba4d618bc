"""QEMU's user-mode emulators, and machines of another kind than Arm."""

from __future__ import annotations

import dataclasses
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.instructions.counting import EMULATOR
from bench.instructions.errors import CannotEmulateError
from bench.instructions.machine import Machine, bare_environment

PACKAGES = ("qemu-user-static", "qemu-user")  # static: emulators alone; the other: with plugins
AARCH64 = "qemu-aarch64-static"
X86_64 = "qemu-x86_64-static"

#: QEMU's name of an x86-64 processor with AVX2 and FMA but without AVX-512 and VNNI.
WITHOUT_VNNI = "Haswell"


def install_qemu() -> None:
    """Install the emulators where they are missing and this user may.

    Raises:
        CannotEmulateError: they are missing still.
    """
    if all(shutil.which(name) for name in (AARCH64, X86_64, EMULATOR)):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
            subprocess.run(["apt-get", "-qq", *step], capture_output=True, env=environment, check=False)
    if not (shutil.which(AARCH64) and shutil.which(X86_64)):
        raise CannotEmulateError(f"QEMU's user-mode emulation is missing; on Debian: apt-get install {PACKAGES[0]}")


def this_machine(paths: Sequence[Path] = ()) -> Machine:
    """The processor and the environment this runs in."""
    return Machine(platform.machine(), (sys.executable,), bare_environment(paths))


def machine_without_vnni(paths: Sequence[Path] = ()) -> Machine:
    """An emulated x86-64 processor with AVX2 at best, on this machine's own files."""
    return Machine(WITHOUT_VNNI, (X86_64, "-cpu", WITHOUT_VNNI, sys.executable), bare_environment(paths))


def with_children(machine: Machine) -> Machine:
    """An Arm machine whose Python can start itself: this machine's kernel can't run it, but a script that emulates it.

    Its Python believes to be that script, which lies beside it.
    """
    *emulator, interpreter = machine.command
    script = Path(interpreter).with_name("python-emulated")
    script.write_text(f'#!/bin/sh\nexec {shlex.join(emulator)} -0 "$0" {shlex.quote(interpreter)} "$@"\n')
    script.chmod(0o755)
    return dataclasses.replace(machine, command=(*emulator, "-0", str(script), interpreter))
