"""Checkpoints of a live search: where it is in the streams and what its triggers know, in one file.

A search that was killed begins at its last checkpoint with the same triggers in the same state, gets the same
frames once more and so finds the same candidates; those that stand in the JSON lines already are not written
again.
"""

from __future__ import annotations

import logging
import os
import pickle
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq import _version
from panoseti_daq.errors import ConfigError
from panoseti_daq.events.engine import Engine
from panoseti_daq.events.sinks.jsonl import write_atomically

_log = logging.getLogger(__name__)

_OPENED_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a search is.

    Attributes
    ----------
    token
        Where to resume the stream.
    engine
        The triggers, as they were then; None when they cannot be used.
    lines_bytes
        Length of the JSON lines then: what stands behind was found later.
    """

    token: str
    engine: Engine | None
    lines_bytes: int


def save(path: Path, checkpoint: Checkpoint, triggers: str) -> None:
    """Write a checkpoint.

    Parameters
    ----------
    path
        The file.
    checkpoint
        What to write.
    triggers
        Names and options of the triggers: with others their state is of no use.

    Raises
    ------
    SourceError
        The disk does not take it.
    """
    made_by = _version.__version__, triggers
    state = pickle.dumps(checkpoint.engine, pickle.HIGHEST_PROTOCOL)
    write_atomically(
        path, pickle.dumps((made_by, checkpoint.token, checkpoint.lines_bytes, state), pickle.HIGHEST_PROTOCOL)
    )


def load(path: Path, triggers: str) -> Checkpoint | None:
    """Read a checkpoint; None when there is none.

    Its engine is None, with a warning, when it was made by another version or with other triggers.

    Raises
    ------
    ConfigError
        The file is damaged, or others may write it, who could put code into it.
    """
    try:
        status = path.stat()
        # Reading a pickle runs what it says.
        if status.st_uid != os.getuid() or status.st_mode & _OPENED_BY_OTHERS:
            raise ConfigError(
                f"{path} may be written by others: remove it, or make it and its directory yours alone"
            )
        made_by, token, lines_bytes, state = pickle.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise ConfigError(f"{path} is damaged: remove it to begin with the frames to come ({error})") from error
    # The place in the streams holds for any version, the state of the triggers for its own only.
    if made_by != (_version.__version__, triggers):
        _log.warning(
            "triggers or their options have changed since %s was written: they begin without memory", path
        )
        return Checkpoint(token, None, 0)
    return Checkpoint(token, pickle.loads(state), lines_bytes)
