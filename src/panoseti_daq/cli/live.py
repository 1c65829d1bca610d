"""Output of ``stream`` and ``demo``: a live table, or one JSON line per image."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

import typer
from rich.table import Table

from panoseti_daq.cli.screen import LOST, Content, Pager, on_screen
from panoseti_daq.cli.tables import PlainConsole, fitted, print_table
from panoseti_daq.cli.times import iso_utc
from panoseti_daq.client import HostChange, ReceivedFrame, image_dict
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Key, TimeStatus
from panoseti_daq.viewers.clock import Clock, age_text, clock_text

_log = logging.getLogger(__name__)
_Item = TypeVar("_Item")

_DROP_FIRST: Final = ("UTC", "min", "number", "drops", "frames", "mean", "max")
_RATE_OVER_S: Final = 3.0
_LONG_S: Final = 1000.0  # ages from which milliseconds matter to nobody


def json_line(frame: ReceivedFrame) -> str:
    """Everything about a frame but its pixels, and their min, max and mean, as one line of JSON."""
    image: OpenDict = dict(image_dict(frame, iso_utc))
    pixels = image.pop("image_array")
    header = image["header"]
    for name in ("wr_unix_timestamp", "pkt_unix_timestamp"):
        header[name] = str(header[name])  # exact; a JSON number is not
    image |= {
        "product": frame.product.token,
        "host": frame.host,
        "sequence": frame.sequence,
        "dropped": frame.n_dropped,
        "age_s": round(frame.age_s, 6) if frame.time.status is not TimeStatus.NO_TIME else None,
        "min": int(pixels.min()),
        "max": int(pixels.max()),
        "mean": round(float(pixels.mean()), 3),
    }
    return json.dumps(image)


@dataclass(slots=True)
class _Row:
    frame: ReceivedFrame
    n_frames: int = 0
    arrivals: list[float] = field(default_factory=list)

    def add(self, frame: ReceivedFrame) -> None:
        now = time.monotonic()
        self.frame = frame
        self.n_frames += 1
        self.arrivals = [t for t in self.arrivals if now - t < _RATE_OVER_S] + [now]

    @property
    def rate_hz(self) -> float:
        """Frames per second until now: it falls when no more come."""
        now = time.monotonic()
        recent = [t for t in self.arrivals if now - t < _RATE_OVER_S]
        return (len(recent) - 1) / (now - recent[0]) if len(recent) > 1 and now > recent[0] else 0.0


class LiveTable:
    """A table with a row per host and key; on a terminal it is drawn in place, elsewhere printed at the end.

    A host that is lost keeps its rows, marked, and its reason stands below them, as do those that never came.

    Parameters
    ----------
    title
        Above the table.
    hosts
        Where frames may come from.
    """

    def __init__(self, title: str, hosts: Sequence[str] = ()) -> None:
        self._title = title
        self._has_hosts = len(hosts) > 1
        self._rows: dict[tuple[str, Key], _Row] = {}
        self._lost = {host: f"{host} does not answer" for host in hosts}
        self._clock_texts: list[str] = []
        self._clock = Clock()

    def note(self, change: HostChange) -> None:
        """Take note of a host that came, or is lost."""
        self._lost.pop(change.host, None)
        if not change.connected:
            self._lost[change.host] = f"{change.host} does not stream: {change.reason}"

    async def show(self, frames: AsyncIterator[ReceivedFrame]) -> None:
        """Take in frames until they end."""
        console = PlainConsole()
        try:
            if not console.is_terminal:
                await self._take(frames)
                return
            async with on_screen(Pager(self._content), console):
                await self._take(frames)
        finally:
            print_table(self._table(), _DROP_FIRST)

    async def _take(self, frames: AsyncIterator[ReceivedFrame]) -> None:
        async for frame in frames:
            self._rows.setdefault((frame.host, frame.key), _Row(frame)).add(frame)
            for host, ahead_s in self._clock.differences([frame]).items():
                self._clock_texts.append(clock_text(host, ahead_s))
                _log.warning("%s; ages are by the server's clock", self._clock_texts[-1])

    def _content(self, columns: int) -> Content:
        warnings = (*self._lost.values(), *self._clock_texts)
        return Content(fitted(self._table(), columns, _DROP_FIRST), 2, warnings)

    def _table(self) -> Table:
        table = Table(title=self._title, box=None, pad_edge=False, header_style="bold")
        for name in [*["host"] * self._has_hosts, "module", "product", "UTC"]:
            table.add_column(name, no_wrap=True)
        for name in ("age s", "frames", "per s", "number", "min", "mean", "max", "drops"):
            table.add_column(name, justify="right", no_wrap=True)
        for (host, key), row in sorted(self._rows.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            frame, image = row.frame, row.frame.image
            quabo = "" if key.quabo is None else f" Q{key.quabo}"
            time_known = frame.time.status is not TimeStatus.NO_TIME
            when = datetime.fromtimestamp(frame.time.unix_ns / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
            table.add_row(
                *[host] * self._has_hosts,
                str(key.module_id),
                f"{key.product.token}{quabo}",
                when if time_known else "no time",
                _age(frame) if time_known else "?",
                str(row.n_frames),
                "lost" if host in self._lost else f"{row.rate_hz:.1f}",
                str(frame.frame_number),
                str(image.min()),
                f"{image.mean():.1f}",
                str(image.max()),
                str(frame.n_dropped),
                style=LOST if host in self._lost else None,
            )
        return table


def _age(frame: ReceivedFrame) -> str:
    age_s = frame.age_s
    return f"{age_s:.3f}" if abs(age_s) < _LONG_S else age_text(age_s)


async def take(items: AsyncIterable[_Item], count: int | None) -> AsyncIterator[_Item]:
    """Return the first `count` frames or messages; all when it is None."""
    n_left = math.inf if count is None else count
    async for item in items:
        yield item
        n_left -= 1
        if n_left <= 0:
            break


async def print_json(frames: AsyncIterator[ReceivedFrame]) -> None:
    """Print a line per frame until they end."""
    async for frame in frames:
        typer.echo(json_line(frame))
