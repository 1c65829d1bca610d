"""The night's files: frames at a moment, the frame before and after, runs; through the servers that hold them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Final, NamedTuple

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.errors import DaqError, PffError
from panoseti_daq.pff import Begin, DataProduct, Frame, Gap, ModuleProduct, Position, Selection, TimeStatus
from panoseti_daq.pff.names import format_start, start_of
from panoseti_daq.viewers.modules import Module, Source
from panoseti_daq.web.live import LiveWall
from panoseti_daq.wire.blocks import ReceivedBlock

N_QUABO_FRAMES: Final = 64
"""Frames of ph256 before a moment among which each quabo is looked for: they come in any order."""
FIRST_S: Final = 5.0
QUIET_S: Final = 0.5
"""A server sends what it has at once: after so long without a message, there is no more."""
RESUMED_S: Final = 0.6
MAX_RUNS: Final = 64
_KEEP_S: Final = 20.0
_Wanted = tuple[str, ModuleProduct]  # host, and what it has


class PastRun(NamedTuple):
    """A run: base name of its directory, and when its first frame was taken, UTC us since 1970."""

    run: str
    begin_us: int


class Night:
    """Looks into the files of servers, one look at a time; for one event loop.

    What it can find are the modules and products that `live` has got.

    Parameters
    ----------
    client
        Of the servers.
    live
        Knows what comes from which server.
    """

    def __init__(self, client: AioDaqDataClient, live: LiveWall) -> None:
        self._client, self._live = client, live
        # One at a time, whoever asks: recording comes before looking back.
        self._lock = asyncio.Lock()
        self._runs: list[PastRun] = []
        self._runs_of = (0.0, float("-inf"))

    async def at(self, unix_us: int, selection: Selection) -> dict[Source, Frame]:
        """Return of each source the newest frame not after a moment, UTC us since 1970; else the first after it.

        Raises
        ------
        DaqError
            No server can look.
        """
        wanted = self._wanted(selection)
        since_ns = (unix_us + 1) * 1000
        # A frame of all quabos is alone; of ph256, some frames before the moment hold one of each quabo.
        groups = (
            ([one for one in wanted if not one[1][1].one_quabo], 1),
            ([one for one in wanted if one[1][1].one_quabo], N_QUABO_FRAMES),
        )
        found: dict[Source, Frame] = {}
        async with self._lock:
            for some, n in groups:
                begin = Begin(since_ns, of_any_run=True, n_before=n, n_most=n)
                for source, frame in await self._frames(some, begin):
                    if frame.time.unix_ns // 1000 <= unix_us:
                        found[source] = frame
                    else:
                        found.setdefault(source, frame)
        return {source: frame for source, frame in found.items() if source.key in selection}

    async def neighbor(self, unix_us: int, module: Module, product: DataProduct, by: int) -> int | None:
        """Return when the frame after a moment (`by` 1) or before it (-1) was taken, UTC us; None for none.

        A module without a host is that of the first host that has it.

        Raises
        ------
        DaqError
            No server can look.
        """
        begin = Begin((unix_us + 1) * 1000, of_any_run=True, n_most=1)
        if by < 0:
            begin = Begin(unix_us * 1000, of_any_run=True, n_before=1, n_most=1)
        wanted = [
            (host, one)
            for host, one in self._wanted(Selection())
            if one == (module.module_id, product) and module.host in ("", host)
        ][:1]
        async with self._lock:
            frames = await self._frames(wanted, begin)
        times = [frame.time.unix_ns // 1000 for _, frame in frames]
        return next((at for at in times if (at - unix_us) * by > 0), None)

    async def runs(self, hours: float) -> list[PastRun]:
        """Return the runs of the last hours, oldest first; the first may have begun before.

        Raises
        ------
        DaqError
            No server can look.
        """
        async with self._lock:
            asked_hours, at = self._runs_of
            if asked_hours != hours or time.monotonic() - at > _KEEP_S:
                since_ns = time.time_ns() - round(hours * 3.6e12)
                self._runs = [run async for run in self._find_runs(since_ns)]
                self._runs_of = hours, time.monotonic()
            return self._runs

    async def _find_runs(self, since_ns: int) -> AsyncIterator[PastRun]:
        # One module and product stands for all: the modules of an observatory record together.
        wanted = self._wanted(Selection())[:1]
        begin = Begin(since_ns, of_any_run=True, n_most=1)
        for _ in range(MAX_RUNS if wanted else 0):
            blocks = await self._blocks(wanted, begin)
            if not blocks or not len(blocks[0]):
                return
            run, (unix_ns, _) = blocks[0].run, blocks[0][0].time
            yield PastRun(run, unix_ns // 1000)
            if (start := start_of(run)) is None:
                return
            # Nobody lists runs, but reading begins with the first one that is not before a name.
            later = f"obs_x.start_{format_start(start + timedelta(seconds=1))}.runtype_x.pffd"
            begin = Begin(resume=(Position(*wanted[0][1], later, ""),), n_most=1)

    def _wanted(self, selection: Selection) -> list[_Wanted]:
        return sorted(
            {(host, (key.module_id, key.product)) for host, key in self._live.frames if key in selection},
            key=lambda one: (one[0], one[1][0], one[1][1].token),
        )

    async def _frames(self, wanted: list[_Wanted], begin: Begin) -> list[tuple[Source, Frame]]:
        """Return the frames with a time, those of each product in order."""
        frames = []
        for block in await self._blocks(wanted, begin):
            for i in range(len(block)):
                with suppress(PffError):  # a damaged header
                    frame = block[i]
                    if frame.time.status is not TimeStatus.NO_TIME and frame.key:
                        frames.append((Source(block.host, frame.key), frame))
        return frames

    async def _blocks(self, wanted: list[_Wanted], begin: Begin) -> list[ReceivedBlock]:
        """Ask each server for what comes from it; one that fails leaves the others theirs."""
        by_host: dict[str, list[ModuleProduct]] = {}
        for host, one in wanted:
            by_host.setdefault(host, []).append(one)
        asked = (self._blocks_of(host, some, begin) for host, some in by_host.items())
        answers = await asyncio.gather(*asked, return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        for error in errors:
            if not isinstance(error, DaqError) or len(errors) == len(answers):
                raise error
        return [block for answer in answers if not isinstance(answer, BaseException) for block in answer]

    async def _blocks_of(self, host: str, wanted: Iterable[ModuleProduct], begin: Begin) -> list[ReceivedBlock]:
        n_left = dict.fromkeys(wanted, begin.n_most)
        selection = Selection(
            module_ids={module_id for module_id, _ in n_left},
            kinds={product.kind for _, product in n_left},
            products={product for _, product in n_left},
        )
        blocks: list[ReceivedBlock] = []
        # Where a resumed reading begins is not said: nothing there looks like a server that is slow.
        give_up_at = time.monotonic() + (RESUMED_S if begin.resume else FIRST_S)
        async with self._client.stream_blocks(host, since=begin, selection=selection) as stream:
            with suppress(StopAsyncIteration):
                while any(n > 0 for n in n_left.values()):
                    try:
                        async with asyncio.timeout(QUIET_S):
                            item = await anext(stream)
                    except TimeoutError:
                        # The server has said where it begins, and nothing stands there.
                        if stream.streams or time.monotonic() > give_up_at:
                            break
                        continue
                    if isinstance(item, Gap):
                        continue
                    # A server of before these limits sends a megabyte of each, and more of what is done.
                    if (n := n_left.get((item.module_id, item.product), 0)) > 0:
                        blocks.append(item[:n])
                        n_left[item.module_id, item.product] = n - len(item)
        return blocks
