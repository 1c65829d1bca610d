"""Output of ``stream`` and ``demo``: a live table, or one JSON line per image."""

from __future__ import annotations

import json
import math
import time
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.live import Live
from rich.table import Table

from panoseti_daq.cli.tables import PlainConsole
from panoseti_daq.cli.times import iso_utc
from panoseti_daq.client import ReceivedFrame, image_dict
from panoseti_daq.pff import Key, TimeStatus

_REFRESH_HZ: Final = 5
_WIDE_COLUMNS: Final = 100
_RATE_OVER_S: Final = 3.0


def json_line(frame: ReceivedFrame) -> str:
    """Everything about a frame but its pixels, and their min, max and mean, as one line of JSON."""
    image: dict[str, Any] = dict(image_dict(frame, iso_utc))
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
        recent = [t for t in self.arrivals if time.monotonic() - t < _RATE_OVER_S]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 and recent[-1] > recent[0] else 0.0


class LiveTable:
    """A table with a row per host and key; on a terminal it is drawn in place, elsewhere printed at the end."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._wide = False
        self._rows: dict[tuple[str, Key], _Row] = {}

    async def show(self, frames: AsyncIterator[ReceivedFrame]) -> None:
        """Take in frames until they end."""
        console = PlainConsole()
        self._wide = console.width >= _WIDE_COLUMNS
        if not console.is_terminal:
            try:
                async for frame in frames:
                    self._add(frame)
            finally:
                console.print(self._table())
            return
        with Live(self._table(), console=console, refresh_per_second=_REFRESH_HZ, get_renderable=self._table):
            async for frame in frames:
                self._add(frame)

    def _add(self, frame: ReceivedFrame) -> None:
        row = self._rows.setdefault((frame.host, frame.key), _Row(frame))
        row.add(frame)

    def _table(self) -> Table:
        table = Table(title=self._title, box=None, pad_edge=False, header_style="bold")
        several_hosts = len({host for host, _ in self._rows}) > 1
        for name in ["host"] * several_hosts + ["module", "product"] + ["UTC"] * self._wide:
            table.add_column(name, no_wrap=True)
        for name in ("age s", "frames", "per s", "number", "min", "mean", "max", "drops"):
            table.add_column(name, justify="right", no_wrap=True)
        for (host, key), row in sorted(self._rows.items(), key=lambda item: (item[0][0], str(item[0][1]))):
            frame, image = row.frame, row.frame.image
            quabo = "" if key.quabo is None else f" Q{key.quabo}"
            time_known = frame.time.status is not TimeStatus.NO_TIME
            when = datetime.fromtimestamp(frame.time.unix_ns / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
            table.add_row(
                *[host] * several_hosts,
                str(key.module_id),
                f"{key.product.token}{quabo}",
                *[when if time_known else "no time"] * self._wide,
                f"{frame.age_s:.3f}" if time_known else "?",
                str(row.n_frames),
                f"{row.rate_hz:.1f}",
                str(frame.frame_number),
                str(image.min()),
                f"{image.mean():.1f}",
                str(image.max()),
                str(frame.n_dropped),
            )
        return table


async def take(frames: AsyncIterable[ReceivedFrame], count: int | None) -> AsyncIterator[ReceivedFrame]:
    """The first `count` frames; all when it is None."""
    n_left = math.inf if count is None else count
    async for frame in frames:
        yield frame
        n_left -= 1
        if n_left <= 0:
            break


async def print_json(frames: AsyncIterator[ReceivedFrame]) -> None:
    """Print a line per frame until they end."""
    async for frame in frames:
        typer.echo(json_line(frame))
