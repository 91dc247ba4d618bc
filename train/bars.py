"""Two progress bars for a terminal: rich's, and tqdm's where rich is not installed."""

from __future__ import annotations

from typing import Any, Protocol


class Bar(Protocol):
    """A bar that leaves no trace, and lines that stay above it."""

    def start(self, name: str, total: int, done: int = 0) -> None:
        """Begin anew, with ``done`` steps of ``total`` behind."""

    def update(self, done: int, text: str) -> None:
        """Show how far it came, and a text after it."""

    def print(self, line: str) -> None:
        """Write a line that stays."""

    def close(self) -> None:
        """Take the bar away."""


class RichBar:
    """A bar that takes what the texts leave of the line."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.table import Column

        def text(template: str) -> TextColumn:
            return TextColumn(template, markup=False, table_column=Column(no_wrap=True))

        self._progress = Progress(
            text("{task.description}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=4, no_wrap=True)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            text("{task.fields[text]}"),
            transient=True,
            expand=True,
            redirect_stderr=False,
        )
        self._task: Any = None

    def start(self, name: str, total: int, done: int = 0) -> None:
        self._remove()
        self._progress.start()
        self._task = self._progress.add_task(name, total=total, completed=done, text="")

    def update(self, done: int, text: str) -> None:
        self._progress.update(self._task, completed=done, text=text)

    def print(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._remove()
        self._progress.stop()

    def _remove(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


class TqdmBar:
    """Lightning brings tqdm along, so this one is always there."""

    def __init__(self) -> None:
        self._bar: Any = None

    def start(self, name: str, total: int, done: int = 0) -> None:
        import sys

        from tqdm import tqdm

        self.close()
        form = "{desc} |{bar}| {n_fmt}/{total_fmt}{postfix}"
        self._bar = tqdm(
            desc=name, total=total, initial=done, leave=False, dynamic_ncols=True, file=sys.stdout, bar_format=form
        )

    def update(self, done: int, text: str) -> None:
        self._bar.n = done
        self._bar.set_postfix_str(text, refresh=True)

    def print(self, line: str) -> None:
        from tqdm import tqdm

        tqdm.write(line)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def terminal_bar() -> Bar:
    """Return rich's bar, or tqdm's."""
    try:
        return RichBar()
    except ModuleNotFoundError:
        return TqdmBar()
