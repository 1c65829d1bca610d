"""Context of the images: frames per second of each key, and a line about each module, from Status."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.errors import DaqError
from panoseti_daq.pff import DataProduct, Key
from panoseti_daq.viewers.modules import Module, Source
from panoseti_daq.web.live import LiveWall, ModuleNote

EVERY_S: Final = 5.0
_PRODUCTS: Final = {product.token: product for product in DataProduct}


async def follow_beside(
    client: AioDaqDataClient, hosts: list[str], live: LiveWall, every_s: float = EVERY_S
) -> None:
    """Ask each host for its status, until cancelled; one that does not answer says nothing.

    Parameters
    ----------
    client, hosts
        Whom to ask.
    live
        Where the answers go.
    every_s
        From answer to question, s.
    """
    while True:
        rates: dict[Source, float] = {}
        notes: dict[Module, ModuleNote] = {}
        for host in hosts:
            with suppress(DaqError):  # lost, or of before Status: its images say so
                status = await client.get_status(host)
                for key in status.keys:
                    if key.product in _PRODUCTS:
                        quabo = key.quabo if key.HasField("quabo") else None
                        own = Key(key.module_id, _PRODUCTS[key.product], quabo)
                        rates[Source(host, own)] = key.frames_per_second
                # The server's own words, as it knows its clock and its limits.
                for line in status.context.modules:
                    notes[Module(host, line.module_id)] = ModuleNote(line.text, line.severity, line.old)
        live.set_beside(rates, notes)
        await asyncio.sleep(every_s)
