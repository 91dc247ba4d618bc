"""``edge-bench pipeline``: the runtime from capture to result."""

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
from bench.saving import CpuOption, JsonOption, QuickOption, SaveOption
from edge.terminal import guarded


@app.command()
@guarded
def pipeline(
    source: SourceOption = "built-in",
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the pictures, several: 320x240,640x480,1280x720.")] = "",
    faces: Annotated[str, typer.Option(help="People in the built-in pictures, several: 1,2,5,10.")] = "1",
    rate: Annotated[
        str, typer.Option(help="max: as fast as they are read; 30: so many a second come, read or not. Several: max,30")
    ] = "max,30",
    model: ModelOption = None,
    threads: Annotated[str, typer.Option(help="CPU threads of each runtime, several: 1,2. Default: as edge-run.")] = "",
    search_interval: IntervalOption = 10,
    detector: DetectorOption = "blazeface",
    device: DeviceOption = "cpu",
    video: VideoOption = False,
    power: PowerOption = "auto",
    cpu: CpuOption = None,
    quick: QuickOption = False,
    json_file: JsonOption = None,
    save: SaveOption = False,
) -> None:
    """Measure the whole way from capture to result: speed, latency, dropped frames, stages, power if it can be read.

    It is edge-run's own pipeline, without a window, in a process of its own. Every combination of what is listed is a
    row; the rows take turns, and the first is measured twice, which tells how large a difference says nothing.
    Ctrl-C ends it with what was measured so far.

    Example: edge-bench pipeline --size 320x240,640x480 --faces 1,2,5,10 --json pipeline.json
    """
    from bench.affinity import pin
    from bench.pipeline.combinations import at_own_rate, combine
    from bench.pipeline.keeping import keep
    from bench.pipeline.measuring import measure_pipeline
    from bench.pipeline.sources import check_source
    from bench.pipeline.table import show
    from bench.power import find_meter
    from bench.saving import effort_of

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
    jobs = {(one.job.size, one.job.faces): one.job for one in combinations}.values()
    cameras = [check_source(job) for job in jobs]
    if any(cameras):
        combinations = [at_own_rate(one) for one in combinations]
    meter, remarks = find_meter(power)
    pin(cpu)
    result = measure_pipeline(
        combinations,
        effort_of(quick),
        inputs=described(source, size),
        meter=meter,
        remarks=remarks,
        progress=lambda line: print(line, file=sys.stderr),
    )
    typer.echo(show(result, [one.label for one in combinations]))
    keep(result, json_file, save)
