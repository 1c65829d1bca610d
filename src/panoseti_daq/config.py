"""Settings of the server, checked once at start."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from panoseti_daq.pff import DataProduct

DEFAULT_PORT: Final = 50051


class RunProbe(enum.StrEnum):
    """How the server finds out whether a run is active (SPEC 4.1)."""

    PROCESS = "process"
    """A process named hashpipe is there."""
    PID_FILE = "pid-file"
    """The process whose number stands in DATA_DIR/daq_hashpipe_pid is there."""
    GROWTH = "growth"
    """A PFF file grew within the last minute."""
    NONE = "none"
    """Always."""


_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ServerSettings(BaseModel):
    """What the server may and must do; keys that the predecessor has keep its names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_probe: RunProbe = RunProbe.PROCESS
    """How an active run is recognised."""
    max_concurrent_rpcs: Annotated[int, Field(ge=1)] = 100
    """Streams at the same time."""
    min_hp_io_update_interval_seconds: _Seconds = 0.001
    """Shortest interval that InitHpIo accepts."""
    stalled_client_timeout_seconds: _Seconds = 60.0
    """A client that takes nothing for so long is ended."""
    reader_timeout: _Seconds | None = None
    """A stream without a frame for so long is ended; None for never."""
    shutdown_grace_period: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    """Time that calls have to end at shutdown, s."""
    valid_data_products: tuple[DataProduct, ...] = tuple(DataProduct)
    """Data products to follow."""
    data_roots: tuple[Path, ...] = ()
    """InitHpIo may follow these directories and what is below them; empty for any."""
    polling_interval_seconds: _Seconds | None = None
    """Look at the files this often instead of using inotify; None to use inotify where it works."""
