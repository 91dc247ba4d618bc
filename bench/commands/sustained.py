"""``edge-bench sustained``: one pipeline for minutes, and what heat does to it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bench.application import app
from bench.pipeline.options import (
    DetectorOption,
    DeviceOption,
    IntervalOption,
    ModelOption,
    PowerOption,
    SourceOption,
    VideoOption,
    described,
)
from bench.saving import CpuOption, JsonOption, SaveOption
from edge.terminal import guarded


@app.command()
@guarded
def sustained(
    minutes: Annotated[float, typer.Option(min=0.05, help="How long.")] = 10.0,
    source: SourceOption = "built-in",
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the pictures.")] = "",
    faces: Annotated[str, typer.Option(help="People in the built-in pictures.")] = "1",
    rate: Annotated[
        str, typer.Option(help="max: as fast as they are read; 30: so many a second come, read or not.")
    ] = "max",
    model: ModelOption = None,
    threads: Annotated[str, typer.Option(help="CPU threads of each runtime. Default: as edge-run.")] = "",
    search_interval: IntervalOption = 10,
    detector: DetectorOption = "blazeface",
    device: DeviceOption = "cpu",
    video: VideoOption = False,
    power: PowerOption = "auto",
    cpu: CpuOption = None,
    json_file: JsonOption = None,
    save: SaveOption = False,
) -> None:
    """Run one pipeline without a pause; follow frames a second, temperature, clock, throttling and power.

    Ctrl-C ends it early: what was measured so far is shown and written.

    Example: edge-bench sustained --minutes 30 --faces 2 --save
    """
    from bench.affinity import pin
    from bench.pipeline.combinations import at_own_rate, combine
    from bench.pipeline.keeping import keep
    from bench.pipeline.sources import check_source
    from bench.pipeline.table import show_curve
    from bench.power import find_meter
    from bench.result import Sample
    from bench.sustained import measure_sustained
    from edge.errors import EdgeError

    combinations = combine(
        model,
        source=source,
        sizes=size,
        faces=faces,
        rates=rate,
        threads=threads,
        search_interval=search_interval,
        detector=detector,
        device=device,
        video=video,
    )
    if len(combinations) > 1:
        raise EdgeError("a long run is one thing at a time; give one --size, --faces, --rate and --threads")
    one = combinations[0]
    if check_source(one.job):
        one = at_own_rate(one)
    meter, remarks = find_meter(power)
    pin(cpu)

    def progress(sample: Sample) -> None:
        heat = "" if sample.temperature_c is None else f", {sample.temperature_c:.0f} °C"
        print(f"{sample.at / 60:6.1f} min  {sample.fps:.1f} FPS{heat}", file=sys.stderr)

    result, broken = measure_sustained(
        one, minutes, inputs=described(source, size), meter=meter, remarks=remarks, progress=progress
    )
    typer.echo(show_curve(result))
    keep(result, json_file, save)
    if broken not in (None, "interrupted"):
        raise EdgeError(f"ended early: {broken}; what was measured until then stands above")
