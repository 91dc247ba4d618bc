"""What the timer does: bring an open switch to its end, look which versions are wanted, take them, report."""

from __future__ import annotations

import calendar
import time
from collections.abc import Callable

from devices.update.applying import Updater
from devices.update.broker import Meeting
from devices.update.desired import NAME, Desired, Wanted, merged, read_desired
from devices.update.journal import installed, read_history, standing, tell
from devices.update.manifest import same
from devices.update.places import KINDS, Kind, Places
from edge.errors import EdgeError

#: Seconds after which something that was refused is looked at again: somebody may have put the right file there.
_AGAIN = 20 * 3600

#: Trials that may be cut off: one that pulls the power down would else do so every hour.
_TRIALS = 3


def wanted_now(places: Places, meeting: Meeting | None, say: Callable[[str], None]) -> tuple[Desired, bool]:
    """Return which versions are wanted, and whether everybody could be asked and understood.

    The file counts more than the message for this device, that more than the one for all.
    """
    asked: list[Callable[[], Desired]] = [lambda: read_desired(places.config / NAME)]
    if meeting is not None:
        met = meeting
        asked.append(lambda: met.exchange(standing(places), listen=True))
    answers, well = [], True
    for ask in asked:
        try:
            answers.append(ask())
        except EdgeError as error:
            say(f"error: {error}")
            well = False
    return merged(*answers), well


def run_once(updater: Updater, meeting: Meeting | None, say: Callable[[str], None]) -> bool:
    """Do all that is due once; return whether all went well.

    Who can't be asked keeps nobody from what others want. Software comes before a model, which may need it.

    Raises:
        EdgeError: another update is at work, or nothing can be written here.
    """
    places = updater.places
    with updater.alone():
        pass
    meeting = meeting if updater.settings.listen else None
    desired, well = wanted_now(places, meeting, say)
    for kind in reversed(KINDS):
        wanted = desired.of(kind)
        if wanted is None:
            continue
        why_not = reason_to_leave(places, kind, wanted)
        if why_not:
            say(f"{kind} {wanted.version}: {why_not}")
            continue
        try:
            source = wanted.url
            say(updater.apply(source, allow_downgrade=wanted.allow_downgrade, wanted=(kind, wanted.version)))
        except EdgeError as error:
            say(f"error: {error}")
            well = False
    tell(places)
    if meeting is not None:
        try:
            meeting.exchange(standing(places), listen=False)
        except EdgeError as error:
            say(f"error: {error}")
            well = False
    return well


def reason_to_leave(places: Places, kind: Kind, wanted: Wanted) -> str:
    """Return why nothing is to be done for a wanted version; empty: something is."""
    active = installed(places.active(kind))
    if active is not None and same(active.version, wanted.version):
        return "active"
    tried = [
        event
        for event in read_history(places)
        if event.kind == kind and same(event.version, wanted.version) and event.outcome not in ("error", "interrupted")
    ]
    if not tried:
        return ""
    last = tried[-1]
    if [event.outcome for event in tried[-_TRIALS:]] == ["trying"] * _TRIALS:
        return f"its trial was cut off {_TRIALS} times (is the power supply too weak?); not tried again by itself"
    if last.outcome in ("failed", "rolled back"):
        return (
            f"{last.outcome} here on {last.time} ({last.message}); not tried again by itself, give it a higher version"
        )
    if last.outcome == "refused" and last.source == wanted.url and 0 <= time.time() - _seconds(last.time) < _AGAIN:
        return f"refused on {last.time} ({last.message}); looked at again after {_AGAIN // 3600} hours"
    return ""


def _seconds(words: str) -> float:
    try:
        return calendar.timegm(time.strptime(words, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return 0.0
