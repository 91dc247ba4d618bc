"""The options that ``pipeline`` and ``sustained`` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ModelOption: TypeAlias = Annotated[
    Path | None, typer.Option("--model", "-m", help="A model bundle or one file in it. Default: the packaged one.")
]
SourceOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--source",
        help="built-in: people made from the packaged portraits. Or as in edge-run: demo, a video, a camera (0), ...",
    ),
]
DetectorOption: TypeAlias = Annotated[str, typer.Option(help="As in edge-run.")]
IntervalOption: TypeAlias = Annotated[int, typer.Option("--search-interval", min=1, help="As in edge-run.")]
DeviceOption: TypeAlias = Annotated[str, typer.Option(help="cpu or cuda, for the emotion network.")]
VideoOption: TypeAlias = Annotated[bool, typer.Option("--video", help="Also draw and write a video, thrown away.")]
PowerOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--power",
        help="Meter: auto, none, rapl, battery, a sensor such as ina219 or powerz, or file:PATH with watts that "
        "another program keeps writing.",
    ),
]


def described(source: str, size: str) -> str:
    """Say in words what a run reads; of a file the name alone."""
    from bench.pipeline.combinations import shown_source
    from bench.pipeline.sources import BUILT_IN

    if source == BUILT_IN:
        return "people made from the packaged portraits, who move in front of a wall"
    return shown_source(source) + (f", scaled to {size}" if size else "")
