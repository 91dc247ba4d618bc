"""What a processor is and can do, read from ``/proc/cpuinfo`` as x86 and Arm kernels write it."""

from __future__ import annotations

from pathlib import Path

import msgspec

#: Instruction sets that decide how fast (and, for int8 on x86, how exactly) a network runs. Linux's own flag names:
#: arch/x86/include/asm/cpufeatures.h and Documentation/arch/arm64/elf_hwcaps.rst.
X86_FEATURES = ("avx2", "fma", "avx512f", "avx_vnni", "avx512_vnni")
ARM_FEATURES = ("asimd", "asimdhp", "asimddp", "i8mm", "sve")

#: Names of cores by ``CPU part``, for implementer 0x41 (Arm Ltd); MIDR_EL1 in the cores' Technical Reference Manuals.
ARM_CORES = {
    "0xb76": "Arm1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd42": "Cortex-A78AE",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}


class Cpu(msgspec.Struct, frozen=True):
    """A processor; None means unknown.

    Attributes:
        model: the vendor's name, or the names of Arm cores joined by `` + `` where a chip mixes them.
        cores: processors the kernel runs on, hardware threads included.
        features: for each instruction set of :data:`X86_FEATURES` or :data:`ARM_FEATURES`, whether *every* core has it.
        governor: what steers the clock of core 0 (``ondemand``, ``performance``, ...).
        max_mhz: highest clock of core 0.
    """

    model: str | None
    cores: int | None
    features: dict[str, bool] | None
    governor: str | None
    max_mhz: int | None

    @property
    def architecture(self) -> str | None:
        """``aarch64`` or ``x86_64`` where its features tell; None for others, 32-bit kernels among them."""
        if self.features is None:
            return None
        return "x86_64" if "avx2" in self.features else "aarch64" if self.features.get("asimd") else None


def read_cpu(root: Path = Path("/")) -> Cpu:
    """Describe the processor of the file tree ``root``."""
    try:
        text = (root / "proc/cpuinfo").read_text(errors="replace")
    except OSError:
        text = ""
    processors = _processors(text)
    clock = root / "sys/devices/system/cpu/cpu0/cpufreq"
    khz = _line(clock / "cpuinfo_max_freq")
    return Cpu(
        model=_model(processors),
        cores=len(processors) or None,
        features=_features(processors),
        governor=_line(clock / "scaling_governor"),
        max_mhz=round(int(khz) / 1000) if khz and khz.isdigit() else None,
    )


def _processors(text: str) -> list[dict[str, str]]:
    """Split the file into one dictionary a processor; a trailing block about the board is not one."""
    found = []
    for block in text.split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        fields = {key.strip(): value.strip() for key, _, value in pairs if key.strip()}
        if "processor" in fields:
            found.append(fields)
    return found


def _model(processors: list[dict[str, str]]) -> str | None:
    names = []
    for fields in processors:
        part = fields.get("CPU part", "").lower()
        if fields.get("CPU implementer") == "0x41" and part:
            # 32-bit kernels also write a "model name", but only that of the architecture ("ARMv7 Processor rev 3").
            names.append(ARM_CORES.get(part, f"Arm core {part}"))
        elif fields.get("model name"):
            names.append(fields["model name"])
        elif part:
            names.append(f"core {part} of implementer {fields.get('CPU implementer', 'unknown')}")
    return " + ".join(dict.fromkeys(names)) or None


def _features(processors: list[dict[str, str]]) -> dict[str, bool] | None:
    for key, wanted in (("flags", X86_FEATURES), ("Features", ARM_FEATURES)):
        flags = [set(fields[key].split()) for fields in processors if key in fields]
        if flags:
            everywhere = set.intersection(*flags)  # a thread may be moved to any core, so one without it counts
            return {name: name in everywhere for name in wanted}
    return None


def _line(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip() or None
    except OSError:
        return None
