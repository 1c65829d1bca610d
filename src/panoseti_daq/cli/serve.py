"""``serve``: the server of a DAQ node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from panoseti_daq.cli.options import LogFormat, LogLevel, LogLevelOption, ModuleIdOption, log_to_stderr

if TYPE_CHECKING:
    from panoseti_daq.config.settings import ServerSettings

SETTINGS_OPTIONS: Final = {
    "run_probe": "--run-probe",
    "max_concurrent_rpcs": "--max-streams",
    "data_roots": "--data-root",
    "shutdown_grace_period": "--shutdown-grace-period",
    "stalled_client_timeout_seconds": "--stalled-client-timeout",
    "polling_interval_seconds": "--polling-interval",
    "accept_uploads": "--accept-uploads",
    "tls_certificate": "--tls-certificate",
    "tls_key": "--tls-key",
    "tls_client_ca": "--tls-client-ca",
    "allowed_tokens_file": "--allowed-tokens",
    "stalled_run_seconds": "--stalled-run",
    "metrics_port": "--metrics-port",
    "metrics_host": "--metrics-host",
    "init_from_default": "--init-from-default",
    "default_hp_io_config_file": "--hp-io-config",
}
"""Option of a settings key."""

SWITCH_INTERVAL_S: Final = 0.001  # so long waits the thread that reads while the event loop computes; else 5 ms


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at, or unix:///PATH.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 for any that is free.")] = 50051,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="PANOSETI_DAQ_CONFIG",
            help="Settings, TOML or JSON. PANOSETI_DAQ_KEY variables beat it, options beat both.",
            show_default=False,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Follow this directory at once, without waiting for InitHpIo.")
    ] = None,
    simulate: Annotated[bool, typer.Option("--simulate", help="Follow simulated data at once.")] = False,
    replay: Annotated[
        Path | None, typer.Option(help="Follow this recorded run as if it were written now.", show_default=False)
    ] = None,
    speed: Annotated[
        float, typer.Option(help="How much faster --replay goes than it was recorded; 0: as fast as possible.")
    ] = 1.0,
    module_id: ModuleIdOption = None,
    update_interval_seconds: Annotated[
        float | None,
        typer.Option(
            help="Least time between two frames of one module and product, for any client. [default: as allowed]"
        ),
    ] = None,
    init_from_default: Annotated[
        bool | None,
        typer.Option(
            "--init-from-default/--no-init-from-default", help="Follow what --hp-io-config says at once."
        ),
    ] = None,
    hp_io_config: Annotated[
        Path | None,
        typer.Option(help="hp_io_config file for --init-from-default: a path, or the name of a packaged one."),
    ] = None,
    accept_uploads: Annotated[
        bool | None,
        typer.Option("--accept-uploads/--no-accept-uploads", help="Take frames that clients push (UploadImages)."),
    ] = None,
    run_probe: Annotated[
        str | None,
        typer.Option(
            help="How to tell that a run is active: process, pid-file, growth or none. [default: process]"
        ),
    ] = None,
    data_root: Annotated[
        list[Path] | None,
        typer.Option(help="InitHpIo may follow only what is below; repeatable. [default: anything]"),
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Encrypt connections: certificate of this server and its chain, PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Private key of the certificate, PEM.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="Let in only clients with a certificate that one of these signed, PEM.")
    ] = None,
    allowed_tokens: Annotated[
        Path | None, typer.Option(help="Answer only calls with a token of this file (panoseti-daq token).")
    ] = None,
    max_streams: Annotated[int | None, typer.Option(help="Streams at the same time. [default: 100]")] = None,
    stalled_client_timeout: Annotated[
        float | None, typer.Option(help="End a client that takes nothing for so many seconds. [default: 60]")
    ] = None,
    polling_interval: Annotated[
        float | None, typer.Option(help="Look at the files every so many seconds instead of using inotify.")
    ] = None,
    shutdown_grace_period: Annotated[
        float | None, typer.Option(help="Seconds that calls have to end at shutdown. [default: 5]")
    ] = None,
    stalled_run: Annotated[
        float | None,
        typer.Option(help="Unhealthy when a run is active without a frame for so many seconds. [default: 60]"),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve metrics for Prometheus at this port; 0 for any. [default: none]")
    ] = None,
    metrics_host: Annotated[str | None, typer.Option(help="Address for them. [default: 127.0.0.1]")] = None,
    log_level: LogLevelOption = LogLevel.INFO,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines to read, or one JSON object a line.")
    ] = LogFormat.TEXT,
) -> None:
    """Serve live images of the modules of a data directory."""
    import asyncio
    import math
    import sys

    from panoseti_daq.allocator import share_arenas
    from panoseti_daq.config.hp_io import HpIoConfig
    from panoseti_daq.service.server import serve as serve_until_signal

    if sum((data_dir is not None, simulate, replay is not None)) > 1:
        raise typer.BadParameter("--data-dir, --simulate and --replay exclude each other")
    log_to_stderr(log_level, log_format, limit_repeats=True)
    options = {
        "run_probe": run_probe,
        "max_concurrent_rpcs": max_streams,
        "data_roots": data_root or None,
        "shutdown_grace_period": shutdown_grace_period,
        "stalled_client_timeout_seconds": stalled_client_timeout,
        "polling_interval_seconds": polling_interval,
        "accept_uploads": accept_uploads,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
        "tls_client_ca": tls_client_ca,
        "allowed_tokens_file": allowed_tokens,
        "stalled_run_seconds": stalled_run,
        "metrics_port": metrics_port,
        "metrics_host": metrics_host,
        "init_from_default": init_from_default,
        "default_hp_io_config_file": hp_io_config,
    }
    settings = _settings(config, {key: value for key, value in options.items() if value is not None})
    follow = None
    if data_dir is not None or simulate or replay is not None:
        interval_s = update_interval_seconds
        if interval_s is None:
            interval_s = settings.limits.min_hp_io_update_interval_seconds
        follow = HpIoConfig(
            str(data_dir.absolute()) if data_dir else "",
            interval_s,
            tuple(module_id or ()),
            simulate,
            replay=str(replay.absolute()) if replay else "",
            speed=speed or math.inf,
        )
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    share_arenas()
    asyncio.run(
        serve_until_signal(
            settings,
            host=host,
            port=port,
            follow=follow,
            ready=lambda address: typer.echo(f"listening on {address}", err=True),
        )
    )


def _settings(file: Path | None, options: dict[str, Any]) -> ServerSettings:
    """Settings of all sources; a bad option is a usage error, any other a ConfigError."""
    from panoseti_daq.config.load import check_values, load_settings
    from panoseti_daq.errors import ConfigError

    try:
        check_values(options, "", spell=lambda key: SETTINGS_OPTIONS[str(key[0])])
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None
    return load_settings(file, options)
