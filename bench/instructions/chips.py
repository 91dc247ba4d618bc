"""The processors of Raspberry Pi boards, as QEMU and Linux name them."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

CORES = 4
#: What every Armv8.0 core of a Raspberry Pi 4 or later has, by Linux's names.
_BASE = ("fp", "asimd", "evtstrm", "crc32", "cpuid")
#: Armv8.2 on top of it. ``asimddp`` is SDOT and UDOT, the dot products of bytes; Cortex-A72 has none.
_V8_2 = ("aes", "pmull", "sha1", "sha2", "atomics", "fphp", "asimdhp", "asimdrdm", "lrcpc", "dcpop", "asimddp")


@dataclasses.dataclass(frozen=True)
class Chip:
    """An Arm processor as QEMU and Linux name it.

    Attributes:
        cpu: QEMU's name of the core.
        part: the core's number in MIDR_EL1; the implementer is Arm, 0x41.
        variant: first figure of the core's revision rXpY.
        revision: second figure.
        features: flags of ``/proc/cpuinfo``.
        board: a board that carries it.
    """

    cpu: str
    part: int
    variant: int
    revision: int
    features: tuple[str, ...]
    board: str

    def cpuinfo(self) -> str:
        """Return the text of ``/proc/cpuinfo`` under 64-bit Linux on that board."""
        core = (
            "BogoMIPS\t: 108.00\n"
            f"Features\t: {' '.join(self.features)}\n"
            "CPU implementer\t: 0x41\n"
            "CPU architecture: 8\n"
            f"CPU variant\t: {self.variant:#x}\n"
            f"CPU part\t: {self.part:#x}\n"
            f"CPU revision\t: {self.revision}\n"
        )
        return "".join(f"processor\t: {number}\n{core}\n" for number in range(CORES)) + f"Model\t\t: {self.board}\n"

    def files(self) -> dict[str, str]:
        """Return what Linux tells of that board in files, by path without the first slash."""
        cores = f"0-{CORES - 1}\n"
        told = {f"sys/devices/system/cpu/{name}": cores for name in ("possible", "present", "online")}
        # The device tree ends its texts with a NUL.
        return told | {"proc/cpuinfo": self.cpuinfo(), "proc/device-tree/model": f"{self.board}\0"}


PI4 = Chip("cortex-a72", 0xD08, 0, 3, _BASE, "Raspberry Pi 4 Model B Rev 1.5")
PI5 = Chip("cortex-a76", 0xD0B, 4, 1, _BASE + _V8_2, "Raspberry Pi 5 Model B Rev 1.0")
CHIPS = {chip.cpu: chip for chip in (PI4, PI5)}


def dress(system: Path, folder: Path, chip: Chip) -> None:
    """Make ``folder`` a root file system in which Linux describes ``chip``; its files are hard links to ``system``'s.

    Under user-mode emulation a program would read the host's x86 files, and ONNX Runtime, which looks for dot products
    there, then crashes. Links to folders would not do: a path of the host that begins like one would lead into them.
    """
    shutil.copytree(system, folder, symlinks=True, copy_function=os.link)
    for name, text in chip.files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
