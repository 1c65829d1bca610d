"""``demo``: simulator, server and live images in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from panoseti_daq.cli.options import LogLevel, LogLevelOption, log_to_stderr


def demo(
    duration: Annotated[float | None, typer.Option(min=0, help="End after so many seconds.")] = None,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Show simulated images live, without hardware or network, until Ctrl-C."""
    import asyncio

    from panoseti_daq.cli.live import LiveTable
    from panoseti_daq.client import AioDaqDataClient
    from panoseti_daq.config import ServerSettings
    from panoseti_daq.service.hp_io import HpIoConfig
    from panoseti_daq.service.server import running_server

    async def run() -> None:
        follow = HpIoConfig(simulate=True)
        async with (
            running_server(ServerSettings(), follow=follow) as server,
            AioDaqDataClient.connect(server.address) as client,
        ):
            try:
                async with asyncio.timeout(duration):
                    await LiveTable("simulated images").show(aiter(client.stream_frames(interval_s=0.05)))
            except TimeoutError:
                pass

    log_to_stderr(log_level)
    asyncio.run(run())
