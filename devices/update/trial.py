"""Is a new version fit for this very device? It is run beside the one that works, before anything is switched."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec

from devices.update.places import Kind, Places
from devices.update.runtime import Measured, Runtime, UnfitError
from devices.update.settings import UpdateSettings
from edge.findings import Verification

#: Proves a bundle, or without a path the package's own; prints what :func:`edge.verify.verify` found.
_PROVE = (
    "import sys; from pathlib import Path; from edge.assets import ASSETS; from edge.verify import verify; "
    "from edge.findings import to_json; "
    "folder = Path(sys.argv[1]) if sys.argv[1:] else ASSETS.parent / 'models' / 'default'; "
    "sys.stdout.buffer.write(to_json(verify(folder)))"
)

#: What the device is told to do is left out of a trial: no camera is opened, nothing is sent, kept or served.
_ALONE = ("--source", "demo", "--loop", "--no-window", "--jsonl", "-", "--csv", "", "--save-video", "")
_SILENT = ("--mqtt", "", "--no-web", "--no-metrics", "--rotate-mb", "0")


#: How often a version that seems too slow is measured, each time between two measurements of the present one.
_ROUNDS = 3


@dataclasses.dataclass(frozen=True)
class Trial:
    """What is tried, against what.

    Attributes:
        places: the device.
        settings: how it is tried.
        say: told what goes on.
    """

    places: Places
    settings: UpdateSettings
    say: Callable[[str], None]

    def run(self, kind: Kind, tree: Path) -> str:
        """Try a new tree, and return what came of it in one line.

        Raises:
            UnfitError: it isn't fit.
        """
        software, model = self.places.active("software"), self.places.active("model")
        present = Runtime(software, drop=not self.places.is_image)
        if kind == "software":
            new = Runtime(tree, drop=not self.places.is_image)
            self._programs(new, present, tree)
            self._prove(new, model)
            return self._compare((new, model), (present, model))
        self._prove(present, tree)
        if self.places.is_image:
            return "proved on this machine; not measured, since it is to run on another"
        return self._compare((present, tree), (present, model))

    def _programs(self, new: Runtime, present: Runtime, tree: Path) -> None:
        """See that both programs start, say the right version, and find no fault that was not there before."""
        wanted = tree.name.partition("-")[0]
        told = new.ask(new.program("edge-run", "--version"), "edge-run --version").strip()
        if told != wanted:
            raise UnfitError(f"edge-run says that it is version {told}, the update that it is {wanted}")
        self.say("doctor: looking for faults that were not there before")
        faults = _faults(new) - _faults(present)
        if faults:
            raise UnfitError(f"with it edge-device doctor finds: {', '.join(sorted(faults))}")

    def _prove(self, runtime: Runtime, model: Path | None) -> None:
        """See that a model gives here what it gave where it was made."""
        name = model.name if model else "the package's own model"
        self.say(f"verify: {name} on this device")
        arguments = [str(model)] if model else []
        output = runtime.ask(runtime.python(_PROVE, *arguments), "verify")
        try:
            found = msgspec.json.decode(output, type=Verification)
        except msgspec.DecodeError as error:
            raise UnfitError(f"verify gave no answer: {error}") from error
        wrong = [f"{f.file}: {f.problem}" for f in found.findings if f.status == "failed"]
        if wrong:
            raise UnfitError(f"{name} is not proved here: {'; '.join(wrong)}")
        if not found.passed():
            raise UnfitError(f"no file of {name} can be run here")
        if not found.images:
            raise UnfitError(f"{name} has no golden answers, so nothing proves it")

    def _compare(self, new: tuple[Runtime, Path | None], present: tuple[Runtime, Path | None]) -> str:
        """Measure the new against the present one, in turn: the service beside them has more to do now than then."""
        before, words = self._baseline(present), ""
        for _ in range(_ROUNDS):
            self.say(f"measuring the new one, {self.settings.trial_seconds:.0f} s")
            after = self._measure(*new, self.settings.trial_seconds)
            if after.fps <= 0:
                raise UnfitError("edge-run showed no frame while it was measured")
            if before is None:
                return f"{after.fps:.1f} frames a second, {after.memory_mb:.0f} MiB"
            words = _words(after, before)
            if self._is_fast(after, before):
                return words
            self.say(f"slower: {words}; was it the others?")
            before = self._baseline(present) or before
            if self._is_fast(after, before):
                return _words(after, before)
        raise UnfitError(f"too slow here: {words}; {self.settings.least_share:.0%} of that are asked for")

    def _is_fast(self, after: Measured, before: Measured) -> bool:
        return after.fps >= self.settings.least_share * before.fps

    def _baseline(self, present: tuple[Runtime, Path | None]) -> Measured | None:
        seconds = self.settings.baseline_seconds
        self.say(f"measuring the present one, {seconds:.0f} s")
        try:
            return self._measure(*present, seconds)
        except UnfitError as error:
            # What doesn't run can't be compared with; the new one may be what mends it.
            self.say(f"the present one can't be measured: {error}")
            return None

    def _measure(self, runtime: Runtime, model: Path | None, seconds: float) -> Measured:
        config = self.places.config / "edge-run.toml"
        options = ["--config", str(config)] if config.is_file() else []
        options += [*_ALONE, *_SILENT, *(["--model", str(model)] if model else [])]
        return runtime.measure(options, seconds, self.settings.memory_mb)


def _words(after: Measured, before: Measured) -> str:
    speeds = f"{after.fps:.1f} frames a second, the present one {before.fps:.1f}"
    return f"{speeds}; {after.memory_mb:.0f} MiB, {before.memory_mb:.0f}"


def _faults(runtime: Runtime) -> set[str]:
    """Return what the doctor of a version calls errors; one that doesn't start is an error too."""
    output = runtime.ask(runtime.program("edge-device", "doctor", "--quick", "--json"), "edge-device", (0, 1, 2))
    try:
        findings = msgspec.json.decode(output, type=dict).get("findings", [])
        return {finding["id"] for finding in findings if finding["severity"] == "error"}
    except (msgspec.DecodeError, TypeError, KeyError, AttributeError) as error:
        raise UnfitError("edge-device doctor gave no answer") from error
