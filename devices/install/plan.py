"""From choices to the list of steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from devices.install.account import Account
from devices.install.environment import Activation, Environment
from devices.install.files import File, Folder, Leftovers, Link, Records
from devices.install.manifest import Choices
from devices.install.options import FIRMWARE, SECRETS, drop_ins, packaged, render, render_updates
from devices.install.service import Reload, Start, shipped_units, wanted_by
from devices.install.software import Software
from devices.install.step import Step
from devices.layout import UNIT, USER, Layout
from devices.profile import Profile
from devices.system import systemd_version

#: The systemd that knows restarts whose waits grow; older ones would complain about that drop-in at every start.
_GRADUAL = 254

#: Commands that an owner types.
_COMMANDS = ("edge-device", "edge-run")


def plan(
    layout: Layout,
    profile: Profile,
    choices: Choices,
    software: Software,
    *,
    keys: Sequence[Path] = (),
    start: bool = True,
) -> list[Step]:
    """Return the steps, in order. The list of what was made comes first, what is seen by the outside last.

    Args:
        layout: the device.
        profile: options and limits that suit it.
        choices: what was asked for, with nothing left open.
        software: what is to run.
        keys: public keys of those who may sign updates.
        start: start the service in the end.
    """
    steps: list[Step] = [
        Records(layout.records),
        *_accounts(layout),
        Folder(layout.config, kind="tree", kept=True),
        Folder(layout.update_keys),
        File(layout.options, render(layout, profile, choices), 0o640, USER, owners=True),
        File(layout.secrets, SECRETS, 0o600, owners=True),
        File(layout.update_options, render_updates(profile), owners=True),
        *(File(layout.update_keys / key.name, key.read_bytes(), owners=True) for key in keys),
        # systemd gives it to the service's account when it starts.
        Folder(layout.results, 0o700, kind="tree", kept=True),
        Folder(layout.opt, kind="tree"),
        Folder(layout.models),
        Environment(software),
        Activation(software),
        *(Link(layout.root / "usr/local/bin" / name, f"/opt/emot-edge/current/bin/{name}") for name in _COMMANDS),
        *_rules(layout),
        *_units(layout, profile, choices),
    ]
    steps = _with_parents(layout, steps)
    wanted = frozenset(step.path for step in steps if isinstance(step, File | Link))
    steps.append(Leftovers(layout.units, wanted))
    if layout.here:
        steps += [Reload(), *([Start()] if start else [])]
    return steps


def _accounts(layout: Layout) -> list[Step]:
    description = layout.root / "etc/sysusers.d/edge-run.conf"
    return [File(description, packaged("edge-run.sysusers.conf").read_bytes()), Account(USER, description)]


def _rules(layout: Layout) -> list[Step]:
    return [File(layout.root / "etc/udev/rules.d/70-edge-run.rules", packaged("edge-run.rules").read_bytes())]


def _units(layout: Layout, profile: Profile, choices: Choices) -> list[Step]:
    steps: list[Step] = []
    for unit in shipped_units():
        extension = FIRMWARE / f"{unit.name}.d"
        files = {path.name: path.read_bytes() for path in sorted(extension.glob("*.conf"))}
        if (systemd_version(layout.root) or _GRADUAL) < _GRADUAL:
            files.pop("backoff.conf", None)
        if unit.name == UNIT:
            files |= drop_ins(profile, choices)
        # Drop-ins first: a unit without its limits must never be found.
        steps += [File(layout.units / extension.name / name, data) for name, data in sorted(files.items())]
        steps.append(File(layout.units / unit.name, unit.read_bytes()))
    for unit in shipped_units():
        # What "systemctl enable" does.
        steps += [
            Link(layout.units / f"{target}.wants" / unit.name, str(layout.inside(layout.units / unit.name)))
            for target in wanted_by(unit)
        ]
    return steps


def _with_parents(layout: Layout, steps: list[Step]) -> list[Step]:
    """Put a step before each for the folders that it needs and that a system may not have yet."""
    known: set[Path] = {layout.root}
    complete: list[Step] = []
    for step in steps:
        if isinstance(step, File | Folder | Link):
            missing = [
                folder for folder in reversed(step.path.parents) if _below(folder, layout) and folder not in known
            ]
            complete += [Folder(folder) for folder in missing]
            known |= {*missing, step.path}
        complete.append(step)
    return complete


def _below(folder: Path, layout: Layout) -> bool:
    return layout.root in folder.parents
