"""The live search: a client of the servers that feeds every frame to the triggers, and survives a kill.

::

    server -> stream of all frames -> engine -> candidates -> events.jsonl (on disk) -> webhook, clips
                    |                   |
                    +--- token ---------+--- state ---> events.state, every 10 s

Nothing waits for a sink. What a trigger finds between two checkpoints is found again after a kill, under the same
id, and not written twice.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from panoseti_daq.client import AioDaqDataClient, ReceivedBlock
from panoseti_daq.errors import ConfigError
from panoseti_daq.events import checkpoint
from panoseti_daq.events.candidate import Candidate, Tense, as_line
from panoseti_daq.events.checkpoint import Checkpoint
from panoseti_daq.events.engine import Engine, TriggerReport
from panoseti_daq.events.sinks.jsonl import JsonLines
from panoseti_daq.events.trigger import TriggerSpec
from panoseti_daq.open_types import OpenMapping
from panoseti_daq.pff import Gap, ModuleProduct, Selection

_log = logging.getLogger(__name__)

LINES_FILE: Final = "events.jsonl"
STATE_FILE: Final = "events.state"
_LOOK_EVERY_S: Final = 1.0
_NEW_SILENT_S: Final = 20.0  # of a stream from which nothing ever came
_OTHER_SILENT_S: Final = 3.0  # the same, of a module that writes the other product of the kind
_NS: Final = 1_000_000_000

OnCandidate = Callable[[OpenMapping], object]


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """How to search.

    Attributes
    ----------
    out_dir
        Gets the JSON lines and the checkpoint.
    triggers
        Each trigger and its options.
    from_start
        Whether to begin with the run, and not with the frames to come, when there is no checkpoint.
    module_ids
        Modules; empty for all.
    silent_after_s
        A stream from which nothing came for so long is not waited for, s.
    checkpoint_every_s
        Time between two checkpoints, s.
    tense
        Of the candidates.
    """

    out_dir: Path
    triggers: tuple[tuple[TriggerSpec, OpenMapping], ...]
    from_start: bool = False
    module_ids: tuple[int, ...] = ()
    silent_after_s: float = 120.0
    checkpoint_every_s: float = 10.0
    tense: Tense = Tense.CURRENT

    def __post_init__(self) -> None:
        if not self.triggers:
            raise ConfigError("a search needs at least one trigger")
        for name in ("silent_after_s", "checkpoint_every_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"invalid {name}: {getattr(self, name):g}; allowed: above 0")

    @property
    def selection(self) -> Selection:
        """The frames that a trigger wants."""
        products = frozenset(product for spec, _ in self.triggers for product in spec.products)
        return Selection(module_ids=self.module_ids, products=products)

    @property
    def described(self) -> str:
        """Names and options of the triggers, as text."""
        return repr([(spec.name, sorted(options.items())) for spec, options in self.triggers])

    def make_engine(self) -> Engine:
        """Triggers without memory."""
        return Engine([(spec, spec.make_with(options)) for spec, options in self.triggers])


@dataclass(slots=True)
class LiveStatus:
    """How a live search is doing.

    Attributes
    ----------
    n_frames, n_gaps
        Frames taken, and gaps met, since the start of the process.
    behind_s
        Time from the last frame that came being taken to its being searched, s; None before the first.
    behind_server_s
        The same from its being found on the disk of the DAQ node, by the clocks of both machines.
    reports
        How each trigger fares, since the first start.
    """

    n_frames: int = 0
    n_gaps: int = 0
    behind_s: float | None = None
    behind_server_s: float | None = None
    reports: list[TriggerReport] = field(default_factory=list)


class LiveSearch:
    """Searches while `run` runs. Owns the JSON lines and locks them against a second search.

    Parameters
    ----------
    settings
        How to search.
    on_candidate
        Called with each new candidate as it stands in the JSON, when it is on the disk; must not block.
    monotonic_s, unix_ns
        Clocks, s and UTC ns since 1970.

    Attributes
    ----------
    status
        How it is doing; the reports are as of a second ago.

    Raises
    ------
    SourceError
        The output cannot be written, or another search writes it.
    ConfigError
        The checkpoint cannot be used.
    """

    def __init__(
        self,
        settings: LiveSettings,
        on_candidate: Iterable[OnCandidate] = (),
        monotonic_s: Callable[[], float] = time.monotonic,
        unix_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.status = LiveStatus()
        self._settings = settings
        self._on_candidate = tuple(on_candidate)
        self._monotonic_s, self._unix_ns = monotonic_s, unix_ns
        self._lines = JsonLines(settings.out_dir / LINES_FILE)
        with ExitStack() as stack:
            stack.callback(self._lines.close)
            self._lines.lock()
            found = checkpoint.load(settings.out_dir / STATE_FILE, settings.described)
            known = None if found is None else found.engine
            self._engine = settings.make_engine() if known is None else known
            stack.pop_all()  # it stays open
        self._token = None if found is None else found.token
        self._written = self._lines.ids(0 if found is None else found.lines_bytes)
        self._heard_s: dict[ModuleProduct, float] = {}
        self._spoke: set[ModuleProduct] = set()
        self._turn = asyncio.Lock()  # the engine works for one at a time

    @property
    def out_dir(self) -> Path:
        """Where the lines and the checkpoint are."""
        return self._settings.out_dir

    def add_sink(self, on_candidate: OnCandidate) -> None:
        """Call this, too, with each new candidate."""
        self._on_candidate += (on_candidate,)

    async def run(self, client: AioDaqDataClient, hosts: list[str]) -> None:
        """Search until cancelled, or until the servers are gone for good.

        Raises
        ------
        HostError, RpcError
            As the stream does.
        SourceError
            The output cannot be written.
        """
        settings = self._settings
        stream = client.stream_blocks(
            hosts,
            selection=settings.selection,
            since="run" if settings.from_start else None,
            resume=self._token,
            wait_for_ready=True,
        )
        watching = asyncio.create_task(self._watch(), name="silent streams")
        saved_s = -math.inf  # the first checkpoint comes with the first frames
        try:
            async for item in stream:
                async with self._turn:
                    self._hear(stream.streams)
                    await self._take(item)
                    self._token = stream.resume_token
                    if self._monotonic_s() - saved_s >= settings.checkpoint_every_s:
                        await asyncio.to_thread(self._save)
                        saved_s = self._monotonic_s()
                if watching.done():
                    break
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            self.status.reports = self._engine.reports()
            self._save()
        if not watching.cancelled() and (error := watching.exception()) is not None:
            raise error

    def close(self) -> None:
        """Close the JSON lines."""
        self._lines.close()

    def _hear(self, streams: Iterable[ModuleProduct]) -> None:
        """Take note of the streams that the servers have."""
        new = [key for key in streams if key not in self._heard_s and self._engine.is_wanted(key)]
        self._heard_s |= dict.fromkeys(new, self._monotonic_s())
        self._engine.expect(new)

    async def _take(self, item: ReceivedBlock | Gap) -> None:
        if isinstance(item, Gap):
            self.status.n_gaps += 1
            _log.warning(
                "frames of module %d %s are missing: %s",
                item.first.module_id,
                item.first.product.token,
                item.reason,
            )
            return
        key = item.module_id, item.product
        self._heard_s[key] = self._monotonic_s()
        self._spoke.add(key)
        await self._write(await asyncio.to_thread(self._engine.feed, item))
        now_ns = self._unix_ns()
        self.status.n_frames += len(item)
        self.status.behind_s = (now_ns - int(item.times[0][-1])) / _NS
        self.status.behind_server_s = (now_ns - item.detected_unix_ns) / _NS

    async def _write(self, candidates: list[Candidate]) -> None:
        new = [candidate for candidate in candidates if candidate.id not in self._written]
        if not new:
            return
        self._written.update(candidate.id for candidate in new)
        now = datetime.fromtimestamp(self._unix_ns() / _NS, UTC).isoformat(timespec="milliseconds")
        by_chance = {r.name: r.counters.get("accidentals") for r in self._engine.reports()}
        fields = [
            candidate.as_dict(
                self._settings.tense, {"alert_datetime": now, "accidentals": by_chance.get(candidate.trigger)}
            )
            for candidate in new
        ]
        await asyncio.to_thread(self._lines.append, [as_line(one) for one in fields])
        for one in fields:
            for on_candidate in self._on_candidate:
                on_candidate(one)

    async def _watch(self) -> None:
        """Leave out streams that are silent for too long, and ask the triggers how they fare."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            async with self._turn:
                now_s = self._monotonic_s()
                silent = {key for key, heard_s in self._heard_s.items() if now_s - heard_s > self._patience_s(key)}
                silent |= self._engine.silent - self._spoke  # it was silent before, also before a restart
                if silent != self._engine.silent:
                    await self._write(await asyncio.to_thread(self._engine.leave_out, silent))
                self.status.reports = self._engine.reports()

    def _patience_s(self, key: ModuleProduct) -> float:
        """Return the time to wait for a stream, s; of two products of a kind, a module writes only one."""
        longest_s = self._settings.silent_after_s
        if key in self._spoke:
            return longest_s
        has_other = any(m == key[0] and product.kind is key[1].kind for m, product in self._spoke)
        return min(longest_s, _OTHER_SILENT_S if has_other else _NEW_SILENT_S)

    def _save(self) -> None:
        if self._token is not None:
            state = Checkpoint(self._token, self._engine, self._lines.size_bytes)
            checkpoint.save(self._settings.out_dir / STATE_FILE, state, self._settings.described)
