"""Command ``record``: every frame of running servers, to files."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from panoseti_daq.beside import Surroundings
from panoseti_daq.beside.housekeeping import FILE_NAME, HousekeepingWriter
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import (
    DurationOption,
    Former,
    LogLevelOption,
    WaitOption,
    with_options,
)
from panoseti_daq.cli.selected import FRAMES_AND_KINDS
from panoseti_daq.cli.servers import SERVERS, Missing, Servers
from panoseti_daq.client import AioDaqDataClient, BlockStream, ReceivedBlock
from panoseti_daq.client.record import Recorder
from panoseti_daq.errors import DaqError
from panoseti_daq.pff import Gap, Selection

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_PROGRESS_EVERY_S: Final = 1.0
_CONTEXT_EVERY_S: Final = 2.0
_NOTE_EVERY_S: Final = 1.0


class RecordFormat(enum.StrEnum):
    """What a recording is written as."""

    PFF = "pff"
    ZARR = "zarr"


@with_options(FRAMES_AND_KINDS, SERVERS)
def record(
    out_dir: Annotated[Path, typer.Argument(help="Where to write module_N/RUN/FILE; made when it is not there.")],
    selection: Selection,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with the first frame of the run.")
    ] = False,
    duration: DurationOption = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after at least N frames."), Former("--frames")
    ] = None,
    min_free_gb: Annotated[
        float, typer.Option(min=0, max=1e12, help="Stop before the free space of the disk falls below this.")
    ] = 1.0,
    output_format: Annotated[
        RecordFormat, typer.Option("--format", help="zarr: convert behind the recording, to OUT_DIR/RUN/L0.")
    ] = RecordFormat.PFF,
    wait: WaitOption = 5.0,
    *,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Write every frame that servers see to PFF files, byte for byte, until Ctrl-C.

    An OUT_DIR in which frames were recorded before is continued where that ended.
    """
    log_to_stderr(log_level)
    with _recording(out_dir, round(min_free_gb * 1e9), output_format) as recorder:
        asyncio.run(_record(servers, selection, recorder, wait, duration, count, from_start=from_start))


async def _record(
    servers: Servers,
    selection: Selection,
    recorder: Recorder,
    wait_s: float,
    duration_s: float | None,
    n_frames: int | None,
    *,
    from_start: bool,
) -> None:
    async with servers.client() as client:
        await servers.first_answer(client, wait_s)
        hosts = servers.names(client)
        missing = Missing(hosts)
        blocks = client.stream_blocks(
            servers.hosts,
            selection=selection,
            since="run" if from_start and recorder.resume_token is None else None,
            resume=recorder.resume_token,
            wait_for_ready=True,
            on_host_change=missing.note,
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_s) as end:
                _end_on_sigterm(end)
                await _write_all(blocks, recorder, n_frames, _Context(client, hosts, recorder.out_dir))
        missing.check()


@contextlib.contextmanager
def _recording(out_dir: Path, min_free_bytes: int, output_format: RecordFormat) -> Iterator[Recorder]:
    """Give a recorder that is closed behind the block, with what converts behind it, and then sum up."""
    with contextlib.ExitStack() as stack:
        on_written = None
        if output_format is RecordFormat.ZARR:
            from panoseti_daq.export import ConvertBehind  # its packages are an extra

            behind = stack.enter_context(contextlib.closing(ConvertBehind(out_dir)))
            on_written = behind.note
        recorder = Recorder(out_dir, min_free_bytes, on_written)
        stack.callback(lambda: typer.echo(f"{_summary(recorder)} in {out_dir}", err=True))
        stack.callback(recorder.close)
        yield recorder


class _Context:
    """Writes what stands beside the images to OUT_DIR/hk.pff; a server without it, or gone, concerns no frame."""

    def __init__(self, client: AioDaqDataClient, hosts: Sequence[str], out_dir: Path) -> None:
        self._client = client
        self._hosts = hosts
        self._writer = HousekeepingWriter(out_dir / FILE_NAME)

    async def run(self) -> None:
        while True:
            for host in self._hosts:
                try:
                    surroundings = await self._client.context(host)
                except DaqError as error:
                    _log.debug("no context from %s: %s", host, error)
                    continue
                if surroundings.instruments:
                    await asyncio.to_thread(self._write, surroundings)
                    break  # all read the same head node
            await asyncio.sleep(_CONTEXT_EVERY_S)

    def _write(self, surroundings: Surroundings) -> None:
        try:
            self._writer.write(surroundings)
        except OSError as error:
            _log.warning("cannot write %s: %s", self._writer.path, error.strerror)


def _end_on_sigterm(end: asyncio.Timeout) -> None:
    """Let SIGTERM, with which a machine or a service stops, end a recording as its duration does."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if not end.expired():
            end.reschedule(loop.time())

    loop.add_signal_handler(signal.SIGTERM, stop)


async def _write_all(
    blocks: BlockStream[ReceivedBlock | Gap], recorder: Recorder, n_frames: int | None, context: _Context
) -> None:
    """Write blocks until they end, or there are `n_frames`; note where to continue."""
    is_written, noted_at = False, 0.0

    def write(block: ReceivedBlock | Gap) -> None:
        nonlocal is_written
        is_written = False
        recorder.write(block)
        is_written = True

    try:
        async with asyncio.TaskGroup() as tasks:
            progress = tasks.create_task(_show_progress(recorder), name="progress")
            beside = tasks.create_task(context.run(), name="context")
            async for block in blocks:
                await _to_the_end(write, block)
                if (now := time.monotonic()) - noted_at > _NOTE_EVERY_S:
                    noted_at = now
                    await _to_the_end(recorder.note, blocks.resume_token)
                if n_frames is not None and recorder.n_frames >= n_frames:
                    break
            progress.cancel()
            beside.cancel()
    finally:
        if is_written:  # else the last note holds, and what is there since is left out next time
            recorder.note(blocks.resume_token)


async def _to_the_end(write: Callable[[_T], object], what: _T) -> None:
    """Write in a thread, and end no sooner than it does: what comes next closes the files."""
    writing = asyncio.get_running_loop().run_in_executor(None, write, what)
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        raise


async def _show_progress(recorder: Recorder) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_EVERY_S)
        if sys.stderr.isatty():
            typer.echo(f"\r{_summary(recorder)}, {recorder.free_bytes / 1e9:.1f} GB free ", nl=False, err=True)


def _summary(recorder: Recorder) -> str:
    gaps = f", {recorder.n_gaps} gaps" if recorder.n_gaps else ""
    return f"recorded {recorder.n_frames} frames, {recorder.n_bytes / 1e6:.1f} MB, {recorder.n_files} files{gaps}"
