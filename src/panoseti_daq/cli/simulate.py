"""Command ``simulate``: plays Hashpipe into a data directory."""

from __future__ import annotations

import dataclasses
import math
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Final

import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import DurationOption, LogLevelOption, OptionGroup, module_option, with_options
from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.faults import Faults
from panoseti_daq.simulator.injected import Injections
from panoseti_daq.simulator.schedule import Output, Simulation
from panoseti_daq.simulator.simulator import Simulator
from panoseti_daq.simulator.sockets import SocketFaults
from panoseti_daq.waiting import result_of

_SIMULATION: Final = {
    "module_ids": module_option("Module to simulate, 224 if none is given"),
    "products": typer.Option(
        "--product",
        parser=DataProduct.from_token,
        metavar="PRODUCT",
        help="img8, img16, ph256 or ph1024; repeatable. Default: img16 and ph256.",
    ),
    "rate_hz": typer.Option("--rate-hz", help="Movie frames per second of each module."),
    "pulse_height_rate_hz": typer.Option(
        "--pulse-height-rate-hz", help="Mean pulse-height frames per second of each module."
    ),
    "buffering": typer.Option(
        "--buffering",
        help="frame: write each frame at once; hashpipe: in bursts, as the real one.",
    ),
    "block_packets": typer.Option(
        "--block-packets",
        min=0,
        help="With --buffering hashpipe: packets of all modules gathered before they are written; a 32x32 frame is"
        " 4. [default: 16384, as the real one]",
    ),
    "max_file_frames": typer.Option("--max-file-frames", min=1, help="Start a new file after N frames."),
    "output": typer.Option("--output", help="Where frames go: to files, to the sockets of a server, or both."),
    "socket_template": typer.Option(
        "--socket-template", help="Path of the sockets of a server; {product} stands for the data product."
    ),
}
_SOCKET_FAULTS: Final = {
    "short_every": typer.Option("--socket-short-every", min=0, help="Send every N-th record short."),
    "garbage_prefix_every": typer.Option(
        "--socket-garbage-every", min=0, help="Send garbage before every N-th record."
    ),
    "wrong_length_every": typer.Option(
        "--socket-wrong-length-every", min=0, help="Send a longer header with every N-th record."
    ),
    "stall_every": typer.Option("--socket-stall-every", min=0, help="Stall within every N-th record."),
    "reconnect_every": typer.Option("--socket-reconnect-every", min=0, help="Reconnect after every N-th record."),
    "n_writers": typer.Option("--socket-writers", min=1, help="Let N programs send the same."),
}
_FAULTS: Final = {
    "clock_desync_s": typer.Option("--desync", help="Lead of the host clock over White Rabbit, s."),
    "missing_quabos": typer.Option("--missing-quabo", min=0, max=3, help="Quabo that sends nothing; repeatable."),
    "zero_quadrants": typer.Option(
        "--zero-quadrant", min=0, max=3, help="Quabo whose pixels are zero; repeatable."
    ),
    "zero_frame_every": typer.Option("--zero-frame-every", min=0, help="Make every N-th frame all zeros."),
    "cut_header_every": typer.Option("--cut-header-every", min=0, help="Cut half the header of every N-th frame."),
    "garbage_every": typer.Option("--garbage-every", min=0, help="Write garbage before every N-th frame."),
    "lost_frame_every": typer.Option("--lost-frame-every", min=0, help="Lose every N-th frame."),
    "time_back_every": typer.Option("--time-back-every", min=0, help="Date every N-th frame 2 s before its time."),
    "garbage_bytes": typer.Option("--garbage-bytes", min=1, help="Length of the garbage."),
    "truncate_bytes": typer.Option("--truncate", min=0, help="Cut N bytes off the last files at the end."),
    "alternate_s": typer.Option("--alternate", min=0, help="Let the products take turns of N seconds."),
    "late_product_s": typer.Option("--late-product", min=0, help="Start each further product N seconds later."),
    "late_module_s": typer.Option("--late-module", min=0, help="Start each further module N seconds later."),
    "run_change_s": typer.Option("--run-change", min=0, help="Begin a new run every N seconds."),
    "unnamed_run": typer.Option("--unnamed-run", help="Write no daq_run_name."),
    "snapshot_interval_s": typer.Option("--snapshot", min=0, help="Rewrite an img16 snapshot every N seconds."),
    "stray_files": typer.Option("--stray-files", help="Put other files beside those of the run."),
    "seqno_step": typer.Option("--seqno-step", min=1, help="Advance seqno by N at a rotation."),
    "end": typer.Option("--end", help="Fate of the run directories when a run ends."),
}


@with_options(
    OptionGroup.of_fields("simulation", Simulation, _SIMULATION),
    OptionGroup.of_fields("faults", Faults, _FAULTS),
    OptionGroup.of_fields("socket_faults", SocketFaults, _SOCKET_FAULTS),
)
def simulate(
    data_dir: Annotated[
        Path | None,
        typer.Argument(help="Data directory to write to; made if it does not exist. None with --output socket."),
    ] = None,
    *,
    simulation: Simulation,
    replay: Annotated[
        Path | None, typer.Option(help="Write the frames of this recorded run instead of simulated ones.")
    ] = None,
    speed: Annotated[
        float, typer.Option(help="Speed of --replay, 1 as recorded; 0 or inf: as fast as possible.")
    ] = 1.0,
    inject: Annotated[
        Path | None, typer.Option(help="Put the pulses and pairs of this TOML file into the simulated frames.")
    ] = None,
    duration: DurationOption = None,
    clean: Annotated[bool, typer.Option("--clean", help="Delete what was written at the end.")] = False,
    faults: Faults,
    socket_faults: SocketFaults,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Write simulated or recorded frames the way Hashpipe does, until Ctrl-C."""
    log_to_stderr(log_level)
    _make(data_dir, simulation)
    if inject is not None:
        if replay is not None:
            raise typer.BadParameter("--inject is for simulated frames, not for those of --replay")
        simulation = dataclasses.replace(simulation, injections=Injections.read(inject))
    where, speed = data_dir or Path(), speed or math.inf
    _run(
        Simulator(where, simulation, replay=replay, speed=speed, faults=faults, socket_faults=socket_faults),
        duration,
        clean=clean,
    )


def _make(data_dir: Path | None, simulation: Simulation) -> None:
    """Make the data directory, which there is unless frames go to sockets only."""
    if (data_dir is None) is not (simulation.output is Output.SOCKETS):
        raise typer.BadParameter("DATA_DIR is needed, but with --output socket there is none")
    if data_dir is not None:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"cannot write to {data_dir}: {error.strerror}") from error


def _run(simulator: Simulator, duration_s: float | None, *, clean: bool) -> None:
    """Run until the duration or a signal; an interrupted one ends with KeyboardInterrupt."""
    modules = ", ".join(map(str, simulator.module_ids))
    if simulator.writes_files:
        typer.echo(f"writing run {simulator.run_name} of modules {modules} to {simulator.data_dir}", err=True)
    if template := simulator.simulation.socket_template:
        typer.echo(f"sending snapshots of modules {modules} to {template}", err=True)
    interrupted = False

    def stop(number: int, frame: object) -> None:
        nonlocal interrupted
        interrupted = number == signal.SIGINT
        simulator.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        # In a thread of its own: a handler that runs in the middle of a wait may not touch what the wait holds.
        with ThreadPoolExecutor(1, thread_name_prefix="simulate") as thread:
            result_of(thread.submit(simulator.run, duration_s))
    finally:
        if simulator.simulation.socket_template:
            typer.echo(f"sent {simulator.n_snapshots} snapshots", err=True)
        if simulator.writes_files:
            typer.echo(f"wrote {simulator.n_frames} frames", err=True)
            if clean:
                simulator.clean()
            else:
                typer.echo(f"left in {simulator.data_dir}", err=True)
    if interrupted:
        raise KeyboardInterrupt
