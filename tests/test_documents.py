"""The documents stay true: links lead somewhere, commands and their options exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "firmware_configs" / "README.md",
    *ROOT.glob("docs/*.md"),
]
MODULES = {
    "edge-run": "edge.cli",
    "edge-train": "train.cli",
    "edge-quantize": "quantize.cli",
    "edge-bench": "bench.cli",
    "edge-device": "devices.cli",
}
SUBCOMMANDS = {
    "inspect",
    "evaluate",
    "calibrate",
    "crop",
    "formats",
    "compare",
    "pairs",
    "submit",
    "probe",
    "make",
    "verify",
    "convert",
    "config",
    "live",
    "doctor",
    "profile",
    "update",
}
#: Commands that have commands of their own.
GROUPS = {"update"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def simple_commands(line: str) -> list[list[str]]:
    """Split a line at its pipes and conditions, quotes respected; variables set for a command are left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&<>;")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    try:
        for word in lexer:
            if set(word) <= set("|&<>;"):
                parts.append([])
            elif parts[-1] or not re.match(r"[A-Z_]+=", word):
                parts[-1].append(word)
    except ValueError:  # a quote that another line closes: no command of ours
        return []
    return parts


def commands() -> list[list[str]]:
    """Every command line of ours in a fenced block of the documents, as words; shared once each."""
    found = set()
    for document in DOCUMENTS:
        fenced = re.findall(r"^```(\w*)\n(.*?)^```", document.read_text(), re.S | re.M)
        for block in (block for language, block in fenced if language in ("", "sh", "ini")):
            for line in block.replace("\\\n", " ").splitlines():
                for words in simple_commands(line.removeprefix("ExecStart=")):
                    if words and Path(words[0]).name in MODULES:
                        found.add((Path(words[0]).name, *words[1:]))
    return [list(words) for words in sorted(found)]


def help_of(command: str, *arguments: str) -> str:
    program = f"from {MODULES[command]} import main; main()"
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
    shown = subprocess.run(
        [sys.executable, "-c", program, *arguments, "--help"], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def test_documented_options_exist() -> None:
    pages: dict[tuple[str, ...], str] = {}
    lines = commands()
    assert len(lines) > 10
    for name, *arguments in lines:
        sub = [word for word in arguments[:1] if word in SUBCOMMANDS]
        if sub and sub[0] in GROUPS:
            sub += arguments[1:2]
        sub = sub or ["make"] * (name == "edge-quantize")  # a source without a subcommand means that
        key = (name, *sub)
        if key not in pages:
            pages[key] = help_of(name, *sub)
        for option in (a for a in arguments if re.match(r"--?[a-z]", a)):
            assert option in pages[key], f"{name} {' '.join(arguments)}"


def test_nothing_was_left_to_fill_in() -> None:
    for document in DOCUMENTS:
        assert not re.search(r"@[A-Z0-9]+@|TODO|TBD", document.read_text()), document
