"""``simulate``: plays Hashpipe into a data directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from panoseti_daq.cli.options import LogLevel, LogLevelOption, log_to_stderr


def simulate(
    data_dir: Annotated[Path, typer.Argument(help="Data directory to write to; made when it is not there.")],
    module_id: Annotated[
        list[int] | None, typer.Option(min=0, max=255, help="Module to simulate; repeatable. Default: 224.")
    ] = None,
    product: Annotated[
        list[str] | None,
        typer.Option(help="img8, img16, ph256 or ph1024; repeatable. Default: img16 and ph256."),
    ] = None,
    rate_hz: Annotated[float, typer.Option(help="Movie frames per second of each module.")] = 20.0,
    pulse_height_rate_hz: Annotated[
        float, typer.Option(help="Mean pulse-height frames per second of each module.")
    ] = 8.0,
    buffering: Annotated[
        str,
        typer.Option(
            help="frame: write each frame at once; hashpipe: in bursts of 1 MiB and 4 KiB, as the real one."
        ),
    ] = "frame",
    replay: Annotated[
        Path | None, typer.Option(help="Write the frames of this recorded run instead of simulated ones.")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="How much faster than recorded; 0 or inf: as fast as possible.")
    ] = 1.0,
    duration: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds.")] = None,
    max_file_frames: Annotated[
        int | None, typer.Option(min=1, help="Go on in a new file after so many frames.")
    ] = None,
    clean: Annotated[bool, typer.Option("--clean", help="Delete what was written at the end.")] = False,
    desync: Annotated[int, typer.Option(help="The host clock is ahead of White Rabbit by so many seconds.")] = 0,
    missing_quabo: Annotated[
        list[int] | None, typer.Option(min=0, max=3, help="This quabo sends nothing; repeatable.")
    ] = None,
    zero_quadrant: Annotated[
        list[int] | None, typer.Option(min=0, max=3, help="The pixels of this quabo are zero; repeatable.")
    ] = None,
    zero_frame_every: Annotated[int, typer.Option(min=0, help="Each so many frames one is all zeros.")] = 0,
    cut_header_every: Annotated[
        int, typer.Option(min=0, help="Each so many frames one lacks half its header.")
    ] = 0,
    garbage_every: Annotated[int, typer.Option(min=0, help="Garbage stands before each so many frames.")] = 0,
    lost_frame_every: Annotated[int, typer.Option(min=0, help="Each so many frames one is lost.")] = 0,
    time_back_every: Annotated[
        int, typer.Option(min=0, help="Each so many frames one is dated 2 s before its time.")
    ] = 0,
    garbage_bytes: Annotated[int, typer.Option(min=1, help="Length of the garbage.")] = 1000,
    truncate: Annotated[int, typer.Option(min=0, help="Cut so many bytes off the last files at the end.")] = 0,
    alternate: Annotated[float, typer.Option(min=0, help="Products take turns of so many seconds.")] = 0.0,
    late_product: Annotated[float, typer.Option(min=0, help="Each further product starts so much later.")] = 0.0,
    late_module: Annotated[float, typer.Option(min=0, help="Each further module appears so much later.")] = 0.0,
    run_change: Annotated[float, typer.Option(min=0, help="Begin a new run each so many seconds.")] = 0.0,
    unnamed_run: Annotated[bool, typer.Option("--unnamed-run", help="Write no daq_run_name.")] = False,
    snapshot: Annotated[
        float, typer.Option(min=0, help="Rewrite an img16 snapshot this often, in seconds.")
    ] = 0.0,
    stray_files: Annotated[bool, typer.Option("--stray-files", help="Put other files beside.")] = False,
    seqno_step: Annotated[int, typer.Option(min=1, help="What seqno advances by at a rotation.")] = 1,
    end: Annotated[str, typer.Option(help="keep, rename or delete the run directories when a run ends.")] = "keep",
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Write simulated or recorded frames the way Hashpipe does, until Ctrl-C."""
    import math
    import signal
    from functools import partial

    from panoseti_daq.errors import SourceError

    try:
        data_dir.mkdir(parents=True, exist_ok=True)  # first of all: a server may be starting beside us
    except OSError as error:
        raise SourceError(f"cannot write to {data_dir}: {error.strerror}") from error

    from panoseti_daq.pff import DataProduct
    from panoseti_daq.simulator.faults import End, Faults
    from panoseti_daq.simulator.schedule import DEFAULT_MODULE_ID, DEFAULT_PRODUCTS, Simulation
    from panoseti_daq.simulator.simulator import Simulator
    from panoseti_daq.simulator.writer import Buffering

    log_to_stderr(log_level)
    if buffering not in set(Buffering):
        raise typer.BadParameter(f"--buffering {buffering!r} is not one of {', '.join(Buffering)}")
    if end not in set(End):
        raise typer.BadParameter(f"--end {end!r} is not one of {', '.join(End)}")
    try:
        products = tuple(dict.fromkeys(map(DataProduct.from_token, product))) if product else DEFAULT_PRODUCTS
    except ValueError as error:
        raise typer.BadParameter(f"--product: {error}") from None
    simulation = Simulation(
        module_ids=tuple(dict.fromkeys(module_id or [DEFAULT_MODULE_ID])),
        products=products,
        rate_hz=rate_hz,
        pulse_height_rate_hz=pulse_height_rate_hz,
        buffering=Buffering(buffering),
        max_file_frames=max_file_frames,
    )
    faults = Faults(
        clock_desync_s=desync,
        missing_quabos=tuple(missing_quabo or ()),
        zero_quadrants=tuple(zero_quadrant or ()),
        zero_frame_every=zero_frame_every,
        cut_header_every=cut_header_every,
        garbage_every=garbage_every,
        lost_frame_every=lost_frame_every,
        time_back_every=time_back_every,
        garbage_bytes=garbage_bytes,
        truncate_bytes=truncate,
        alternate_s=alternate,
        late_product_s=late_product,
        late_module_s=late_module,
        run_change_s=run_change,
        unnamed_run=unnamed_run,
        snapshot_interval_s=snapshot,
        stray_files=stray_files,
        seqno_step=seqno_step,
        end=End(end),
    )
    simulator = Simulator(data_dir, simulation, replay=replay, speed=speed or math.inf, faults=faults)
    interrupted = False

    def stop(number: int, frame: object) -> None:
        nonlocal interrupted
        interrupted = number == signal.SIGINT
        simulator.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    modules = ", ".join(map(str, simulator.module_ids))
    typer.echo(f"writing run {simulator.run_name} of modules {modules} to {data_dir}", err=True)
    finish = simulator.clean if clean else partial(typer.echo, f"left in {data_dir}", err=True)
    try:
        simulator.run(duration)
    finally:
        typer.echo(f"wrote {simulator.n_frames} frames", err=True)
        finish()
    if interrupted:
        raise KeyboardInterrupt
