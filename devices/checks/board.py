"""What wears a device down or slows it: memory, disk, heat, power, time."""

from __future__ import annotations

from collections.abc import Iterator

from devices.finding import Finding
from devices.situation import Situation
from edge.temperature import temperature

#: MiB that a run needs at the peak, web page and metrics included (measured on x86-64: 170), rounded up.
_NEEDED = 200
#: MiB of memory below which a system without swap is one program away from killing something.
_SWAP_BELOW = 1100
#: MiB free on the disk: below the first an update may not fit (the installed runtime is 395 MB), below the second
#: results are lost soon.
_ROOMY, _FULL = 1000, 100
#: Degrees below the limit at which it is called near.
_NEAR = 5.0


def check(situation: Situation) -> Iterator[Finding]:
    """Look at the board."""
    yield from _memory(situation)
    yield from _disk(situation)
    yield from _heat(situation)
    yield from _firmware(situation)
    yield from _clock(situation)


def _cooling(situation: Situation) -> str:
    """What helps against heat, and half of what the profile reads until it is there."""
    usual = situation.profile.settings().max_fps if situation.profile else None
    return f"a heat sink, a fan, air around it; until then: edge-run --max-fps {(usual or 20) / 2:g}"


def _memory(situation: Situation) -> Iterator[Finding]:
    device = situation.device
    total, free, swap = device.memory_mb, device.memory_available_mb, device.swap_mb
    if total is None:
        yield Finding("memory", "note", "how much memory there is is unknown", "free -m")
        return
    running = situation.service_state == "active"
    if free is not None and free < _NEEDED and not running:
        text = f"{free} MiB of memory are free, a run takes up to {_NEEDED}"
        yield Finding("memory", "warning", text, "see what takes it: ps -eo rss,comm --sort=-rss | head")
    else:
        yield Finding("memory", "ok", f"{total} MiB of memory" + ("" if free is None else f", {free} free"))
    if total < _SWAP_BELOW and swap == 0:
        text = "little memory, and no swap to fall back on; compressed in memory (zram) it does not wear out the card"
        remedy = "sudo apt install -y zram-tools" if situation.has_apt else "set up zram with the system's own tools"
        yield Finding("swap", "warning", text, remedy)


def _disk(situation: Situation) -> Iterator[Finding]:
    device = situation.device
    if device.read_only:
        text = "the root file system is read-only: errors of the card do that, unless it was meant"
        yield Finding("disk-read-only", "error", text, "journalctl -k -g 'I/O error|EXT4-fs error'; then copy the card")
    free = device.disk_free_mb
    if free is None:
        return
    if free < _ROOMY:
        remedy = "sudo apt clean; sudo journalctl --vacuum-size=50M; du -xsm /var/lib/* | sort -n | tail"
        yield Finding("disk", "error" if free < _FULL else "warning", f"{free} MiB are free on the disk", remedy)
    else:
        yield Finding("disk", "ok", f"{free} MiB are free on the disk")


def _heat(situation: Situation) -> Iterator[Finding]:
    now = temperature(situation.root)
    limit = situation.profile.kind.throttle_c if situation.profile else None
    if now is None:
        yield Finding("temperature", "note", "the processor's temperature is unknown", "ls /sys/class/thermal")
    elif limit is not None and now >= limit - _NEAR:
        text = f"{now:.0f} °C, and the hardware slows itself down at {limit:.0f}"
        yield Finding("temperature", "warning", text, _cooling(situation))
    else:
        beyond = "" if limit is None else f", {limit - now:.0f} below where the hardware slows itself down"
        yield Finding("temperature", "ok", f"{now:.0f} °C{beyond}")


def _firmware(situation: Situation) -> Iterator[Finding]:
    """What a Raspberry Pi's firmware remembers."""
    said = situation.device.throttling
    if said is None:
        if situation.is_pi:
            text = "whether power or heat slowed this board down is unknown; the group video may ask"
            yield Finding("power", "note", text, "sudo vcgencmd get_throttled")
        return
    supply = f"a supply of {situation.profile.kind.supply}" if situation.profile else "a stronger supply"
    power = f"{supply}, with its own cable; less on USB. The journal has the times: journalctl -k -g voltage"
    if "under-voltage now" in said:
        yield Finding("power", "error", "the supply is too weak now: expect crashes and a damaged card", power)
    elif "under-voltage since boot" in said:
        yield Finding("power", "warning", "the supply was too weak at least once since boot", power)
    else:
        yield Finding("power", "ok", "no under-voltage since boot")
    if "throttled now" in said:
        # Too weak a supply ends in the same, and cooling is no help then.
        remedy = "first the supply, see power" if "under-voltage now" in said else _cooling(situation)
        yield Finding("throttling", "warning", "the firmware slows the processor down now", remedy)
    elif "throttled since boot" in said:
        text = "the firmware slowed the processor down at least once since boot"
        weak = "under-voltage since boot" in said
        yield Finding("throttling", "note", text, "first the supply, see power" if weak else _cooling(situation))
    soft = situation.profile.kind.soft_limit_c if situation.profile else None
    if "soft temperature limit now" in said:
        text = f"above the soft limit{'' if soft is None else f' of {soft:.0f} °C'} the clock is somewhat lower"
        remedy = "cool it, or raise temp_soft_limit in /boot/firmware/config.txt (70 at most)"
        yield Finding("soft-limit", "note", text, remedy)


def _clock(situation: Situation) -> Iterator[Finding]:
    known = situation.device.clock_synchronised
    if known:
        yield Finding("clock", "ok", "network time has set the clock")
    elif known is False:
        # Without a battery the clock goes on from where it stood when the power went: readings then carry that time.
        kept = situation.device.battery_clock
        alone = kept is False or situation.is_pi
        more = (
            ", and no other clock goes on without power" if kept is False else ", and the board's own needs a battery"
        )
        text = "network time has not set the clock" + (more if alone else "")
        remedy = "sudo timedatectl set-ntp true; timedatectl timesync-status"
        yield Finding("clock", "warning" if alone else "note", text, remedy)
