"""A recommendation as a file that ``edge-run --config`` takes: each value with what was measured of it."""

from __future__ import annotations

import dataclasses
import textwrap
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.candidates import Candidate
from bench.recommend import Choice, Limits
from bench.result import Result
from edge.bundle import read_bundle
from edge.errors import EdgeError
from edge.files import write_atomically
from edge.model import DEFAULT_MODEL
from edge.settings.reading import effective
from edge.settings.rendering import toml_value
from edge.sources.options import source_options

#: First words of every file that is written here; a file without them is somebody else's, and stays.
HEAD = "# Recommended by edge-bench"


@dataclasses.dataclass(frozen=True)
class Option:
    """One line of the file."""

    name: str
    value: Any
    reason: str


def options(best: Candidate, limits: Limits, bundle: Path | None = None) -> list[Option]:
    """Return the options of a candidate.

    Args:
        best: what is recommended.
        limits: what was asked for.
        bundle: where the model lies on the device; needed for another than the packaged one.

    Raises:
        EdgeError: its file is not packaged and ``bundle`` is not given, or has no such file.
    """
    settings = best.settings
    made = _model(best, bundle)
    if settings.get("device") not in (None, "cpu"):
        made.append(Option("device", settings["device"], "What it was measured on."))
    speed = f"{best.fps:.3g} frames a second" if best.fps else "unknown speed"
    faces = f" with {best.faces} face{'s' * (best.faces != 1)} in the picture" if best.faces is not None else ""
    for name, what in (
        ("threads", f"{speed}{faces}: {best.sources.get('fps', 'not measured')}."),
        ("detector", "The one that was measured."),
        ("search_interval", "As measured; fewer searches are faster, and see newcomers later."),
    ):
        if settings.get(name) is not None:
            made.append(Option(name, settings[name], what))
    if settings.get("width") and settings.get("height"):
        size = f"{settings['width']}x{settings['height']}"
        made.append(Option("camera_size", size, "Speed was measured with pictures of this size."))
    made += _pace(best, limits)
    if limits.temperature is not None:
        known = best.temperature
        reason = (
            f"The limit that was asked for; measured: {known:.1f} degrees at most, {best.sources['temperature']}."
            if known is not None
            else "The limit that was asked for. No long run measured the temperature: edge-run holds it by reading "
            "fewer frames."
        )
        made.append(Option("max_temperature", _plain(limits.temperature), reason))
    return made


def render(choice: Choice, made: Sequence[Option], limits: Limits, newest: Result) -> str:
    """Return the file.

    Raises:
        EdgeError: ``edge-run`` would not take it.
    """
    best = choice.best
    assert best is not None
    head = [
        f"{HEAD} for {newest.device}, from results up to {newest.time[:10]} (commit {newest.commit or 'unknown'}). "
        "edge-run --config takes this file.",
        f"Asked for: {asked(limits)}.",
        *choice.why,
        *(f"Not proved: {words}." for words in choice.unproved),
    ]
    lines = [line for sentence in head for line in _comment(sentence.removeprefix("# "))]
    for option in made:
        lines += ["", *_comment(option.reason)]
        lines.append(f"{option.name} = {toml_value(option.value)}")
    text = "\n".join(lines) + "\n"
    content = tomllib.loads(text)
    if content != {option.name: option.value for option in made}:
        raise EdgeError("the recommendation cannot be written as TOML; tell the makers of emot-edge")
    source_options(effective(content, {}).settings)
    return text


def write(text: str, path: Path) -> None:
    """Write the file.

    Raises:
        EdgeError: something else than an earlier recommendation lies there, or the folder can't be written to.
    """
    if path.exists() and not path.read_text(errors="replace").startswith(HEAD):
        raise EdgeError(f"{path} is there and was not made by edge-bench recommend; give another --out")
    write_atomically(path, text.encode())


def asked(limits: Limits) -> str:
    """Return the limits in words."""
    words = [
        f"{limits.fps:g} frames a second" if limits.fps is not None else "",
        f"accuracy of {100 * limits.accuracy:g} %" if limits.accuracy is not None else "",
        f"{limits.temperature:g} °C at most" if limits.temperature is not None else "",
        f"{limits.memory_mb:g} MB at most" if limits.memory_mb is not None else "",
        f"{limits.latency_ms:g} ms at most" if limits.latency_ms is not None else "",
    ]
    return ", ".join(filter(None, words)) or "nothing in particular"


def _model(best: Candidate, bundle: Path | None) -> list[Option]:
    file = best.settings.get("file")
    if not isinstance(file, str):
        return []
    accuracy = "accuracy not measured"
    if best.accuracy is not None:
        accuracy = f"accuracy {100 * best.accuracy:.1f} % ({best.sources['accuracy']})"
    if bundle is not None:
        opened = read_bundle(bundle)
        if file not in opened.config.files or opened.config.architecture != best.settings.get("model"):
            raise EdgeError(f"{bundle} has no {file} of {best.settings.get('model')}; give the bundle that has it")
        return [Option("model", str(bundle / file), f"{file}: {accuracy}.")]
    packaged = read_bundle(DEFAULT_MODEL).config
    same = best.settings.get("model") == packaged.architecture and best.settings.get("bundle") in (None, packaged.name)
    if not same or file not in packaged.files or best.settings.get("input_size") not in (None, packaged.input.size):
        raise EdgeError(
            f"{file} of {best.settings.get('bundle') or best.settings.get('model')} is recommended and is not "
            "packaged; say with --bundle where it lies on the device"
        )
    return [Option("onnx", file.endswith(".onnx"), f"{file} of the packaged model: {accuracy}.")]


def _pace(best: Candidate, limits: Limits) -> list[Option]:
    rate = best.settings.get("rate")
    made = []
    if isinstance(rate, int | float) and not isinstance(rate, bool):
        made.append(
            Option("max_fps", _plain(rate), "It was measured at this rate, and is no hotter at it than measured.")
        )
    elif limits.fps is not None:
        spare = f"; without a limit it does {best.fps:.3g}" if best.fps else ""
        made.append(Option("max_fps", _plain(limits.fps), f"What was asked for{spare}. More would only make heat."))
    budget = limits.latency_ms if limits.latency_ms is not None else 1e3 / limits.fps if limits.fps else None
    if budget is not None:
        what = (
            "The latency that was asked for" if limits.latency_ms is not None else "The time of one frame at that rate"
        )
        known = f"; measured: {best.latency_ms:.3g} ms, {best.sources['latency']}" if best.latency_ms else ""
        made.append(Option("latency_budget", _plain(round(budget, 1)), f"{what}{known}."))
    return made


def _plain(value: float) -> int | float:
    """Whole numbers are written as such."""
    return int(value) if value == int(value) else value


def _comment(sentence: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(sentence, 116)]
