"""Taking an update: get it, trust it, see whether it fits, stage it, try it, switch to it. Each step may end it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from devices import durable
from devices.lock import held
from devices.update import minisign
from devices.update.archive import read_manifest
from devices.update.fetching import fetch
from devices.update.journal import Event, Installed, Outcome, installed, now, record
from devices.update.keys import read_keys
from devices.update.manifest import Update, lower, same
from devices.update.places import Kind, Places
from devices.update.runtime import UnfitError
from devices.update.service import Service
from devices.update.settings import UpdateSettings
from devices.update.staging import Builder, build_environment, stage, tidy
from devices.update.switching import go_back, is_used, mend, prune, read_boot, settle, switch
from devices.update.trial import Trial
from edge.errors import EdgeError
from edge.version import __version__


class RefusedError(EdgeError):
    """An update is not to be trusted, or not for this device."""


@dataclasses.dataclass(frozen=True)
class Updater:
    """A device that takes updates.

    Attributes:
        places: its file tree.
        settings: how it takes them.
        service: runs what is updated.
        boot: id of this boot.
        trial: tries a new tree, and returns what came of it; raises :class:`UnfitError`.
        build: makes an environment of wheels.
        say: told what goes on.
    """

    places: Places
    settings: UpdateSettings
    service: Service
    boot: str
    trial: Callable[[Kind, Path], str]
    build: Builder = build_environment
    say: Callable[[str], None] = lambda text: None

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock; a switch that is open is brought to its end first, and what a power cut left is removed.

        Raises:
            EdgeError: another update is at work, or the place can't be written.
        """
        try:
            with held(self.places.lock, wait=False, command="edge-device update"):
                if said := settle(self.places, self.service, self.settings.confirm_seconds, self.boot):
                    self.say(said)
                mend(self.places)
                tidy(self.places)
                prune(self.places, self.settings.keep)
                yield
        except OSError as error:
            where = error.filename or self.places.records
            raise EdgeError(f"cannot write {where}: {error.strerror}; what runs is whole, run this again") from error

    def apply(
        self,
        source: str,
        *,
        allow_http: bool = False,
        allow_downgrade: bool = False,
        wanted: tuple[Kind, str] | None = None,
    ) -> str:
        """Take an update, and return what came of it in one line.

        Args:
            source: file, folder or URL.
            allow_http: as :attr:`UpdateSettings.allow_http`.
            allow_downgrade: take a lower version than the active one.
            wanted: kind and version that it must be.

        Raises:
            EdgeError: it was refused, doesn't fit, or could not be had. What runs is what ran before, and the history
                says why.
        """
        with self.alone():
            return self._apply(source, allow_http, allow_downgrade, wanted)

    def look(self, source: str, *, allow_http: bool = False, allow_downgrade: bool = False) -> Update:
        """Get an update and say what it is, without taking it.

        Raises:
            EdgeError: it would be refused.
        """
        # Not alone(): that would bring an open switch to its end, and this only looks.
        with (
            held(self.places.lock, wait=False, command="edge-device update"),
            self._fetched(source, allow_http) as (file, signature),
        ):
            update = self._trusted(file, signature)
            self._fits(update, allow_downgrade)
            return update

    def go_back(self, kind: Kind) -> str:
        """Go back to the version before, and return which that is.

        Raises:
            EdgeError: there is none, or it doesn't run either.
        """
        with self.alone():
            return go_back(self.places, kind, self.service, self.settings.confirm_seconds)

    def _apply(self, source: str, allow_http: bool, allow_downgrade: bool, wanted: tuple[Kind, str] | None) -> str:
        known: Update | None = None
        digest = ""
        outcome: Outcome = "error"
        try:
            with self._fetched(source, allow_http) as (file, signature):
                outcome = "refused"
                update = known = self._trusted(file, signature)
                if wanted is not None and not (update.kind == wanted[0] and same(update.version, wanted[1])):
                    raise RefusedError(f"{source} is {update.title}, wanted was {wanted[0]} {wanted[1]}")
                digest = _sha256(file)
                if self._is_active(update, digest):
                    return f"{update.title} is active already"
                self._fits(update, allow_downgrade)
                outcome = "error"
                self.say(f"staging {update.title}")
                tree = stage(self.places, file, update, digest, self.build)
            outcome = "failed"
            about = (update.kind, update.name, update.version, digest, source)
            record(self.places, Event(now(), "trying", *about))
            try:
                result = self.trial(update.kind, tree)
            except UnfitError:
                if not is_used(self.places, update.kind, tree.name):
                    durable.remove_tree(tree)
                raise
        except EdgeError as error:
            # Under what was asked for: that is what will be asked for again.
            kind, version = wanted or ((known.kind, known.version) if known else ("", ""))
            name, why = known.name if known else "", " ".join(str(error).split())
            with contextlib.suppress(OSError):  # a full disk takes no history either
                record(self.places, Event(now(), outcome, kind, name, version, digest, source, why))
            raise
        self.say(f"switching to {update.title}")
        is_from = Installed(update.name, update.version, digest, tree.name)
        switch(self.places, update.kind, tree, is_from, self.service, self.settings.confirm_seconds, result)
        prune(self.places, self.settings.keep)
        return f"{update.title} is active: {result}"

    @contextlib.contextmanager
    def _fetched(self, source: str, allow_http: bool) -> Iterator[tuple[Path, bytes]]:
        """Give the private copy of an update, and remove it afterwards."""
        allowed = allow_http or self.settings.allow_http
        most = round(self.settings.max_mb * 1e6)
        file, signature = fetch(source, self.places.staging, most=most, allow_http=allowed, say=self.say)
        try:
            yield file, signature
        finally:
            file.unlink(missing_ok=True)

    def _trusted(self, file: Path, signature: bytes) -> Update:
        """Check the signature before a byte of the archive is looked at."""
        key, comment = minisign.verify(file, signature, read_keys(self.places.update_keys))
        self.say(f"signed by key {key.words} ({key.name}): {comment}")
        return read_manifest(file)

    def _fits(self, update: Update, allow_downgrade: bool) -> None:
        """Hold an update to what this device is and has.

        Raises:
            RefusedError: it is for another machine, Python or software, or not newer.
        """
        if update.kind == "software" and self.places.is_image:
            raise RefusedError("software gets into an image by installing it there, not by an update")
        machine = platform.machine()
        if update.machines and machine not in update.machines:
            raise RefusedError(f"{update.title} is for {' and '.join(update.machines)}; this machine is {machine}")
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        if update.pythons and python not in update.pythons:
            raise RefusedError(f"{update.title} is for Python {' and '.join(update.pythons)}; here is {python}")
        software = installed(self.places.active("software"))
        runs = software.version if software is not None else __version__
        if update.requires and lower(runs, update.requires):
            raise RefusedError(f"{update.title} needs emot-edge {update.requires}; here is {runs}: update that first")
        active = installed(self.places.active(update.kind))
        if active is None or not active.version or allow_downgrade:
            return
        if same(update.version, active.version):
            raise RefusedError(f"{update.title} differs from the active one of that version; give it a higher one")
        if lower(update.version, active.version):
            raise RefusedError(f"{update.title} is older than the active {active.version}; --allow-downgrade takes it")

    def _is_active(self, update: Update, digest: str) -> bool:
        active = installed(self.places.active(update.kind))
        return active is not None and active.digest == digest


def updater(root: Path, settings: UpdateSettings, service: Service, say: Callable[[str], None]) -> Updater:
    """Return the updater of a file tree, with everything as it is there."""
    places = Places(root)
    return Updater(places, settings, service, read_boot(), Trial(places, settings, say).run, say=say)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
