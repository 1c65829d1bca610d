"""``serve``: the server of a DAQ node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from panoseti_daq.cli.options import LogLevel, LogLevelOption, ModuleIdOption, log_to_stderr


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at, or unix:///PATH.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 for any that is free.")] = 50051,
    data_dir: Annotated[
        Path | None, typer.Option(help="Follow this directory at once, without waiting for InitHpIo.")
    ] = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Follow simulated data at once.")] = False,
    module_id: ModuleIdOption = None,
    update_interval_seconds: Annotated[
        float, typer.Option(help="Least time between two frames of one module and product, for any client.")
    ] = 0.001,
    run_probe: Annotated[
        str, typer.Option(help="How to tell that a run is active: process, pid-file, growth or none.")
    ] = "process",
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Serve live images of the modules of a data directory."""
    import asyncio

    from pydantic import ValidationError

    from panoseti_daq.config import RunProbe, ServerSettings
    from panoseti_daq.service.hp_io import HpIoConfig
    from panoseti_daq.service.server import serve as serve_until_signal

    if data_dir is not None and simulate:
        raise typer.BadParameter("--data-dir and --simulate exclude each other")
    if run_probe not in set(RunProbe):
        raise typer.BadParameter(f"--run-probe {run_probe!r} is not one of {', '.join(RunProbe)}")
    log_to_stderr(log_level)
    follow = None
    if data_dir is not None or simulate:
        data = str(data_dir.absolute()) if data_dir else ""
        follow = HpIoConfig(data, update_interval_seconds, tuple(module_id or ()), simulate)
    try:
        settings = ServerSettings(run_probe=RunProbe(run_probe))
    except ValidationError as error:
        raise typer.BadParameter(str(error)) from None
    asyncio.run(
        serve_until_signal(
            settings,
            host=host,
            port=port,
            follow=follow,
            ready=lambda address: typer.echo(f"listening on {address}", err=True),
        )
    )
