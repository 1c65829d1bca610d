"""Checks of InitHpIo that need the disk of the server and its settings (SPEC 4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

from grpc import StatusCode

from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import ConfigError, DaqError, DataDirError
from panoseti_daq.service.threads import in_own_thread
from panoseti_daq.sources.probe import why_inactive
from panoseti_daq.sources.runs import is_below, module_dirs

_log = logging.getLogger(__name__)

PATIENCE_S: Final = 10.0  # for a disk; all other calls wait meanwhile


class Refused(DaqError):  # noqa: N818 - an answer, not a fault
    """Refusal of a call; becomes its status.

    Attributes
    ----------
    code
        gRPC status code.
    """

    def __init__(self, code: StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


async def check_config(config: HpIoConfig, settings: ServerSettings, *, need_active_run: bool) -> str:
    """Check whether `config` may be followed.

    Returns
    -------
    str
        A remark for the caller; empty if there is none.

    Raises
    ------
    Refused
        It may not; names field, value and what is allowed.
    """
    try:
        config.check(settings.limits.min_hp_io_update_interval_seconds)
    except ConfigError as error:
        raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
    if not config.is_data_dir:
        return ""
    looking = in_own_thread("check hp_io", _check_data_dir, config, settings, need_active_run)
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await looking
    except TimeoutError:
        text = f"data_dir {config.data_dir!r} does not answer within {PATIENCE_S:g} s"
        raise Refused(StatusCode.FAILED_PRECONDITION, text) from None


def _check_data_dir(config: HpIoConfig, settings: ServerSettings, need_active_run: bool) -> str:
    data_dir = Path(config.data_dir)
    _check_is_there(data_dir, config.data_dir, settings.data_roots)
    try:
        modules = module_dirs(data_dir)
    except DataDirError as error:
        raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
    inactive = why_inactive(settings.run_probe, data_dir)
    if inactive and need_active_run:
        raise Refused(StatusCode.FAILED_PRECONDITION, f"no run is active in {config.data_dir!r}: {inactive}")
    if inactive:
        _log.warning("no run is active in %s: %s", config.data_dir, inactive)
    if missing := [str(m) for m in config.module_ids if m not in modules]:
        return f"no directory yet for module {', '.join(missing)}; followed when it appears"
    return "" if modules else f"no module_N directory yet in {config.data_dir!r}; followed when one appears"


def _check_is_there(data_dir: Path, asked: str, roots: Collection[Path]) -> None:
    """Refuse a directory that is not allowed, whether it is there or not, then one that is not there."""
    if "\0" in asked:
        raise Refused(StatusCode.INVALID_ARGUMENT, f"data_dir {asked!r} is not a path")
    try:
        if asked and not is_below(data_dir, roots):
            _log.warning("data_dir %r is not below an allowed root (%s)", asked, ", ".join(map(str, roots)))
            text = f"data_dir {asked!r} is not below one of the data roots that this server allows"
            raise Refused(StatusCode.PERMISSION_DENIED, text)
        if not asked or not data_dir.exists():
            raise Refused(StatusCode.INVALID_ARGUMENT, f"data_dir {asked!r} does not exist")
    except OSError as error:
        text = f"data_dir {asked!r} cannot be read: {error.strerror}"
        raise Refused(StatusCode.INVALID_ARGUMENT, text) from error
