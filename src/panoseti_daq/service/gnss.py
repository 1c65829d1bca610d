"""GNSS receivers of a server: what serves them is imported only where there may be any."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from panoseti_daq.config.settings import GnssSettings
from panoseti_daq.service.elsewhere import Elsewhere

if TYPE_CHECKING:
    from panoseti_daq.service.ublox import UbloxServicer


async def receivers_served(
    stack: AsyncExitStack, settings: GnssSettings, elsewhere: Elsewhere | None
) -> UbloxServicer | None:
    """Read the receivers until `stack` is left; return the service of them and of those of nodes, None for none.

    Raises
    ------
    ConfigError
        A receiver is not ``NAME=SOURCE``.
    """
    if not settings.receivers and elsewhere is None:
        return None
    from panoseti_daq.gnss.receiver import reading
    from panoseti_daq.service.ublox import UbloxServicer

    receivers = await stack.enter_async_context(reading(settings.receivers, settings.baud))
    servicer = UbloxServicer(receivers, settings, elsewhere)
    stack.callback(servicer.shut_down)
    return servicer
