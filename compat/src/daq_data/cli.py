"""``python -m daq_data.cli DAQ_CONFIG NET_CONFIG``: the command line of panoseti-grpc."""

from __future__ import annotations

import argparse
import asyncio
import sys

from daq_data.client import AioDaqDataClient, hp_io_config_simulate_path
from daq_data.config_paths import existing
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.config.files import content_of
from panoseti_daq.errors import ConfigError, DaqError, SourceError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m daq_data.cli",
        description="Ask, initialize and watch DaqData servers. Several actions run in the order listed here.",
    )
    add = parser.add_argument
    add("daq_config_path", metavar="DAQ_CONFIG", help="daq_config.json with the DAQ nodes")
    add("net_config_path", metavar="NET_CONFIG", help="network_config.json, for nodes behind a gateway")
    add("--host", help="only this DAQ node; default: all that answer")
    add("--ping", action="store_true", help="does --host answer?")
    add("--list-hosts", action="store_true", help="list which DAQ nodes answer")
    add("--reflect-services", action="store_true", help="list services and calls")
    add("--init", dest="cfg_path", metavar="CFG", help="follow the data_dir of this hp_io_config.json")
    add("--init-sim", action="store_true", help="follow simulated data; wins over --init")
    add("--plot-view", action="store_true", help="show the newest images")
    add("--plot-phdist", action="store_true", help="show the distribution of pulse heights")
    add("--refresh-period", type=float, default=1.0, help="seconds between two drawings (default: 1.0)")
    add("--module-ids", type=int, nargs="*", default=[], help="only these modules; default: all")
    levels = [level.value for level in LogLevel]
    add("--log-level", choices=levels, default="info", help="how much to log (default: info)")
    return parser


async def _run(args: argparse.Namespace) -> None:
    if args.ping and args.host is None:
        raise ConfigError("--ping needs --host")
    init_path = hp_io_config_simulate_path if args.init_sim else args.cfg_path
    hp_io_cfg = None if init_path is None else content_of(existing(init_path), "hp_io_cfg")
    async with AioDaqDataClient(args.daq_config_path, args.net_config_path) as client:
        if args.ping:
            print(f"ping {args.host}: {'success' if await client.ping(args.host) else 'failed'}")
        if args.list_hosts:
            print("DAQ hosts (True = answers):")
            for address, answers in (await client.get_daq_host_status()).items():
                print(f"    {address}: {answers}")
        if args.reflect_services:
            print(await client.reflect_services(args.host), end="")
        if hp_io_cfg is not None and not await client.init_hp_io(args.host, hp_io_cfg, timeout=15.0):
            raise SourceError("not every server was initialized; the lines above say why")


def _plot(args: argparse.Namespace) -> None:
    """Show the selected plots, a window each, until the last one is closed."""
    from panoseti_daq.pff import Selection
    from panoseti_daq.viewers import phdist, view
    from panoseti_daq.viewers.host.show import show

    show(
        [(spec, {}) for spec, wanted in ((view.SPEC, args.plot_view), (phdist.SPEC, args.plot_phdist)) if wanted],
        lambda: AioDaqDataClient(args.daq_config_path, args.net_config_path),
        hosts=[] if args.host is None else [args.host],
        selection=Selection.of(module_ids=args.module_ids),
        refresh_period_s=args.refresh_period,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the selected actions; return the exit code."""
    args = _parser().parse_args(arguments)
    log_to_stderr(LogLevel(args.log_level))
    code = 0
    try:
        asyncio.run(_run(args))
        if args.plot_view or args.plot_phdist:
            _plot(args)
    except* (DaqError, OSError) as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        print(f"Error: {' '.join(str(error).split())}", file=sys.stderr)
        code = 1
    except* KeyboardInterrupt:
        pass  # how a plot is ended
    return code


if __name__ == "__main__":
    sys.exit(main())
