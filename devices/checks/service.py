"""What a service needs of the system: memory limits, the unit itself; and a screen, for those who want a window."""

from __future__ import annotations

from collections.abc import Iterator

from devices.finding import Finding
from devices.situation import Situation
from devices.system import read_cmdline_path

_JOURNAL = "journalctl -u edge-run -n 50 --no-pager"


def check(situation: Situation) -> Iterator[Finding]:
    """Look at the system around a service."""
    yield _profile(situation)
    yield from _memory_control(situation)
    yield from _service(situation)
    if situation.device.session == "none":
        text = "no display in this session, so no window"
        yield Finding("display", "note", text, "edge-run --web shows the same as a page")


def _profile(situation: Situation) -> Finding:
    match = situation.device.profile
    if match is None:
        text = "no profile comes near this machine"
        return Finding("profile", "note", text, "begin with: edge-device profile generic-aarch64")
    return Finding("profile", "ok", f"{match.profile}: {match.why}")


def _memory_control(situation: Situation) -> Iterator[Finding]:
    if situation.device.memory_control is not False:
        return
    text = "the kernel does not limit the memory of services, so a leak would freeze the device instead of the service"
    path = read_cmdline_path(situation.root)
    remedy = "add cgroup_enable=memory to the kernel's parameters and restart"
    if path is not None:
        # One line, and it has to stay one.
        remedy = f"sudo sed -i '1 s/$/ cgroup_enable=memory/' {path} && sudo reboot"
        if "cgroup_enable=memory" in (situation.root / str(path)[1:]).read_text(errors="replace"):
            text += f"; {path} asks for it already"
            remedy = "sudo reboot"
    yield Finding("memory-control", "warning", text, remedy)


def _service(situation: Situation) -> Iterator[Finding]:
    installed, state = situation.device.service, situation.service_state
    if installed is None:
        return
    if installed == "absent":
        text = "edge-run is not installed as a service"
        yield Finding("service", "note", text, "sudo edge-device install")
    elif state == "active":
        yield Finding("service", "ok", "the service runs")
    elif state == "failed":
        yield Finding("service", "error", "the service has failed", _JOURNAL)
    elif state == "activating":
        yield Finding("service", "warning", "the service is starting, or starting again", _JOURNAL)
    elif state is not None:
        yield Finding(
            "service", "note", f"the service is installed and {state}", "sudo systemctl enable --now edge-run"
        )
