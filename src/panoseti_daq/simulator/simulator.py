"""Simulator of Hashpipe: writes a run of simulated or recorded frames to disk, in time (SPEC 7).

One implementation for the ``simulate`` command, the server's own simulation and the tests.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from panoseti_daq.errors import ConfigError, SourceError
from panoseti_daq.pff import DataProduct, ModuleProduct, PffName, RunName, open_file
from panoseti_daq.pff.archive import run_files
from panoseti_daq.pff.quabos import N_QUABOS
from panoseti_daq.simulator.faults import NO_FAULTS, Faults, add_stray_files, end_run, write_snapshot
from panoseti_daq.simulator.schedule import Due, Output, Simulation, recorded, synthetic
from panoseti_daq.simulator.sockets import NO_SOCKET_FAULTS, SocketFaults, SocketWriter
from panoseti_daq.simulator.writer import RunWriter
from panoseti_daq.sources.runs import RUN_NAME_FILE, active_run_name
from panoseti_daq.sources.sockets import path_of

_NS: Final = 1_000_000_000
_OBSERVATORIES: Final = ("simulate", "replay")  # of our runs


class Simulator:
    """Writer of one run of all modules below a data directory; for one thread, but `stop` may be called from any.

    Parameters
    ----------
    data_dir
        Data directory; made when it is not there.
    simulation
        What to write. With `replay` only its `buffering`, `max_file_frames` and `keep_files` count.
    replay
        Directory of a recorded run to write instead, under its own file names.
    speed
        How much faster than it was taken; infinite for as fast as possible.
    faults, socket_faults
        What to do wrong, in files and at sockets.

    Raises
    ------
    PffError, OSError
        `replay` holds no frames, or is missing.
    SourceError
        The data directory cannot be made or written, or is that of an observatory.
    """

    def __init__(
        self,
        data_dir: Path,
        simulation: Simulation | None = None,
        *,
        replay: Path | None = None,
        speed: float = 1.0,
        faults: Faults = NO_FAULTS,
        socket_faults: SocketFaults = NO_SOCKET_FAULTS,
    ) -> None:
        if not speed > 0:
            raise ConfigError(f"speed {speed:g} is not above 0")
        self.data_dir = data_dir
        self.simulation = simulation or Simulation()
        self.n_frames = 0
        self._speed = speed
        self._stopping = threading.Event()
        self._made: list[Path] = []
        self._files = [open_file(path) for path in run_files(replay)] if replay else []
        self._faults = faults
        self._obs, self._start = _OBSERVATORIES[replay is not None], datetime.now(UTC)
        self.run_name = RunName(self._obs, self._start, "sci-data").format()
        self._senders = self._make_senders(socket_faults)
        self._writers: dict[int, RunWriter] = {}
        self._held: list[tuple[int, DataProduct, bytes]] = []
        self._n_packets = 0
        self._n_due: Counter[ModuleProduct] = Counter()
        self._next_snapshot_ns: Counter[int] = Counter()
        if not self.writes_files:
            return
        named = active_run_name(data_dir)
        if named and not named.startswith(tuple(f"obs_{name}." for name in _OBSERVATORIES)):
            raise SourceError(
                f"invalid data directory: {data_dir}: its {RUN_NAME_FILE} names {named}, which is not simulated;"
                " allowed: a directory of simulated runs, or a new one"
            )

    @property
    def module_ids(self) -> tuple[int, ...]:
        """Modules that are written."""
        if self._files:
            return tuple(sorted({block.module_id for block in self._files}))
        return self.simulation.module_ids

    @property
    def products(self) -> tuple[DataProduct, ...]:
        """Data products that are written."""
        if self._files:
            return tuple(dict.fromkeys(block.product for block in self._files))
        return self.simulation.products

    @property
    def writes_files(self) -> bool:
        """Whether frames go to files."""
        return self.simulation.output is not Output.SOCKETS

    @property
    def n_snapshots(self) -> int:
        """Frames sent to sockets."""
        return sum(sender.n_sent for sender in self._senders)

    def _make_senders(self, faults: SocketFaults) -> list[SocketWriter]:
        if not (template := self.simulation.socket_template):
            return []
        return [SocketWriter(partial(path_of, template), faults) for _ in range(faults.n_writers)]

    def _writer(self, module_id: int) -> RunWriter:
        first: dict[DataProduct, tuple[int, str]] = {}
        for block in self._files:
            if block.module_id == module_id:
                seqno = PffName.parse(block.file).seqno
                first[block.product] = min(first.get(block.product, (seqno, block.file)), (seqno, block.file))
        run_dir = self.data_dir / f"module_{module_id}" / self.run_name
        self._made.append(run_dir)
        writer = RunWriter(
            run_dir,
            module_id,
            buffering=self.simulation.buffering,
            max_file_frames=self.simulation.max_file_frames,
            keep_files=self.simulation.keep_files,
            seqno_step=self._faults.seqno_step,
            names={product: name for product, (_, name) in first.items()},
        )
        if self._faults.stray_files:
            add_stray_files(run_dir)
        return writer

    def run(self, duration_s: float | None = None) -> None:
        """Write until `duration_s` is over, the recording ends or `stop` is called.

        Frames are written when they are due by the monotonic clock; after a delay the backlog follows at once.

        Raises
        ------
        SourceError
            The data directory cannot be written; the message says why.
        """
        try:
            try:
                self._begin_run()
                self._play(duration_s)
            finally:
                self._end_run()
                for sender in self._senders:
                    sender.close()
        except OSError as error:
            raise SourceError(f"cannot write to {self.data_dir}: {error.strerror or error}") from error

    def _play(self, duration_s: float | None) -> None:
        begin = time.monotonic()
        next_run_ns = change_ns = self._faults.run_change_s * _NS
        frames = recorded(self._files, self._speed) if self._files else synthetic(self.simulation, time.time_ns())
        module_ids, products = self.module_ids, self.products
        for due in frames:
            if duration_s is not None and due.at_ns > duration_s * _NS:
                break
            if not self._faults.is_due(due, module_ids, products):
                continue
            wait_s = begin + due.at_ns / _NS - time.monotonic()
            if (wait_s > 0 and self._stopping.wait(wait_s)) or self._stopping.is_set():
                break
            if change_ns and due.at_ns >= next_run_ns:
                next_run_ns += change_ns
                self._change_run()
            self._write(due)

    def _hand_on(self, module_id: int, product: DataProduct, data: bytes) -> None:
        """Write a frame, or hold it until a block of packets is full."""
        self._held.append((module_id, product, data))
        self._n_packets += 1 if product.one_quabo else N_QUABOS
        if self._n_packets >= self.simulation.n_block_packets:
            self._write_held()

    def _write_held(self) -> None:
        held, self._held, self._n_packets = self._held, [], 0
        for module_id, product, data in held:
            self._writers[module_id].write(product, data)

    def _begin_run(self) -> None:
        if not self.writes_files:
            return
        for module_id in self.module_ids[:1] if self._faults.late_module_s else self.module_ids:
            self._writers[module_id] = self._writer(module_id)
        if not self._faults.unnamed_run:
            (self.data_dir / RUN_NAME_FILE).write_text(self.run_name + "\n")

    def _write(self, due: Due) -> None:
        for sender in self._senders:  # before any buffer: from the thread that gets the packets
            sender.offer(time.monotonic(), due.module_id, due.product, due.frame)
        if not self.writes_files:
            return
        if due.module_id not in self._writers:
            self._writers[due.module_id] = self._writer(due.module_id)
        key = due.module_id, due.product
        self._n_due[key] += 1
        data = (
            due.frame
            if self._faults == NO_FAULTS
            else self._faults.written(due.frame, due.product, self._n_due[key])
        )
        if data:
            self._hand_on(due.module_id, due.product, data)
            self.n_frames += 1
        interval_ns = round(self._faults.snapshot_interval_s * _NS)
        if interval_ns and due.product is DataProduct.IMG16 and due.at_ns >= self._next_snapshot_ns[due.module_id]:
            self._next_snapshot_ns[due.module_id] = due.at_ns + interval_ns
            path = write_snapshot(self.data_dir / f"module_{due.module_id}", due.module_id, due.frame)
            self._made += [path.parent] if path.parent not in self._made else []

    def _change_run(self) -> None:
        """End the run and begin the next, whose name has a later second."""
        self._end_run()
        self._start = max(datetime.now(UTC), self._start + timedelta(seconds=1))
        self.run_name = RunName(self._obs, self._start, "sci-data").format()
        self._begin_run()

    def _end_run(self) -> None:
        self._write_held()
        writers, self._writers = self._writers, {}
        with ExitStack() as stack:
            for writer in writers.values():
                stack.callback(writer.close)
        for writer in writers.values():
            end_run(writer, self._faults)

    def stop(self) -> None:
        """Make `run` close its files and return."""
        self._stopping.set()

    def clean(self) -> None:
        """Delete what was written, and directories that are empty then."""
        for run_dir in self._made:
            shutil.rmtree(run_dir, ignore_errors=True)
            _remove_if_empty(run_dir.parent)
        if active_run_name(self.data_dir) == self.run_name:
            (self.data_dir / RUN_NAME_FILE).unlink(missing_ok=True)
        _remove_if_empty(self.data_dir)


def _remove_if_empty(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        pass
