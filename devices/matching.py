"""Which profile is nearest to a device, and why."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devices.profile import Profile


class Match(msgspec.Struct, frozen=True):
    """The nearest profile.

    Attributes:
        profile: its name.
        exact: whether it was made for this very kind of device.
        why: what it was chosen by, and what is different here.
    """

    profile: str
    exact: bool
    why: str


def nearest(
    profiles: Sequence[Profile],
    *,
    model: str | None,
    architecture: str | None,
    chassis: int | None = None,
) -> Match | None:
    """Return the profile for a device; None where none comes near.

    The board's name decides; then the processor's architecture, and the kind of case where that tells two apart.

    Args:
        profiles: to choose from.
        model: what the device calls itself.
        architecture: of its processor, as kernels name it.
        chassis: SMBIOS type of its case.
    """
    if model:
        # The longest beginning is the closest: "Raspberry Pi 3 Model B Plus" before "Raspberry Pi 3 Model B".
        named = [(name, profile, "") for profile in profiles for name in profile.kind.models]
        named += [(name, profile, unlike) for profile in profiles for name, unlike in profile.kind.relatives.items()]
        fitting = [entry for entry in named if model.startswith(entry[0])]
        if fitting:
            name, profile, unlike = max(fitting, key=lambda entry: len(entry[0]))
            why = f"it calls itself {name}"
            return Match(profile.name, not unlike, f"{why}; unlike a {profile.kind.title}: {unlike}" if unlike else why)
    others = [p for p in profiles if p.kind.architecture == architecture and not p.kind.models]
    cased = [profile for profile in others if chassis is not None and chassis in profile.kind.chassis]
    if cased:
        return Match(cased[0].name, True, f"an {architecture} processor in a case of type {chassis}")
    loose = [profile for profile in others if not profile.kind.chassis]
    if not loose:
        return None
    return Match(loose[0].name, False, f"an {architecture} processor; no profile was made for this model")
