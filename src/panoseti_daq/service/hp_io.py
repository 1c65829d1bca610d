"""What may be followed: the fields of InitHpIo and their checks (SPEC 4)."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from grpc import StatusCode

from panoseti_daq.config.files import read_object
from panoseti_daq.config.load import check_values
from panoseti_daq.config.packaged import packaged_config
from panoseti_daq.config.settings import HpIoFile, ServerSettings
from panoseti_daq.errors import DaqError, DataDirError
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.sources.probe import why_inactive
from panoseti_daq.sources.runs import module_dirs

_log = logging.getLogger(__name__)


class Refused(DaqError):  # noqa: N818 - an answer, not a fault
    """A call that cannot be served; becomes the status of the call.

    Attributes
    ----------
    code
        gRPC status code.
    """

    def __init__(self, code: StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class HpIoConfig:
    """What to follow; the fields of InitHpIoRequest.

    Attributes
    ----------
    data_dir
        Holds the ``module_N`` directories; not used by a simulation.
    update_interval_s
        Shortest interval between two frames of one key that any stream gets.
    module_ids
        Modules to follow; empty for all.
    simulate
        Follow the server's own simulation.
    uploads_only
        Follow nothing but what clients push.
    replay, speed
        Follow a recorded run as if it came now, so much faster than it was taken; empty for none.
    """

    data_dir: str = ""
    update_interval_s: float = 0.001
    module_ids: tuple[int, ...] = ()
    simulate: bool = False
    uploads_only: bool = False
    replay: str = ""
    speed: float = 1.0

    def __str__(self) -> str:
        what = f"data_dir {self.data_dir!r}"
        if self.simulate or self.uploads_only:
            what = "the simulation" if self.simulate else "what clients upload"
        elif self.replay:
            what = f"the replay of {self.replay!r}"
        modules = f"modules {', '.join(map(str, self.module_ids))}" if self.module_ids else "all modules"
        return f"{what}, {modules}, at most one frame per key and {self.update_interval_s:g} s"


def read_hp_io_file(file: Path) -> HpIoConfig:
    """What an ``hp_io_config`` file says; a bare name is a file that comes with the package.

    Raises
    ------
    ConfigError
        It cannot be read or holds what is not allowed.
    """
    path = packaged_config(str(file)) if file.parent == Path() else file
    content = check_values(HpIoFile, read_object(path), str(path), strict=True)
    module_ids = tuple(sorted(set(content.module_ids)))
    return HpIoConfig(content.data_dir, content.update_interval_seconds, module_ids, content.simulate_daq)


async def check_config(config: HpIoConfig, settings: ServerSettings, *, need_active_run: bool) -> str:
    """Whether `config` may be followed.

    Returns
    -------
    str
        What the caller should know although it may; empty if nothing.

    Raises
    ------
    Refused
        It may not; says which field, which value and what is allowed.
    """
    minimum = settings.min_hp_io_update_interval_seconds
    if not (math.isfinite(config.update_interval_s) and config.update_interval_s >= minimum):
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"update_interval_seconds is {config.update_interval_s:g}; it must be at least {minimum:g} s",
        )
    check_module_ids(config.module_ids)
    if config.simulate or config.uploads_only or config.replay:
        return ""
    return await asyncio.to_thread(_check_data_dir, config, settings, need_active_run)


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
    try:
        if asked and not _is_allowed(data_dir, roots):
            _log.warning("data_dir %r is not below an allowed root (%s)", asked, ", ".join(map(str, roots)))
            text = f"data_dir {asked!r} is not below one of the data roots that this server allows"
            raise Refused(StatusCode.PERMISSION_DENIED, text)
        if not asked or not data_dir.exists():
            raise Refused(StatusCode.INVALID_ARGUMENT, f"data_dir {asked!r} does not exist")
    except OSError as error:
        text = f"data_dir {asked!r} cannot be read: {error.strerror}"
        raise Refused(StatusCode.INVALID_ARGUMENT, text) from error
    except ValueError as error:  # a NUL
        raise Refused(StatusCode.INVALID_ARGUMENT, f"data_dir {asked!r} is not a path") from error


def _is_allowed(data_dir: Path, roots: Collection[Path]) -> bool:
    real = os.path.realpath(data_dir)
    return not roots or any(Path(real).is_relative_to(os.path.realpath(root)) for root in roots)


def check_module_ids(module_ids: tuple[int, ...]) -> None:
    """Refuse module ids that cannot be.

    Raises
    ------
    Refused
        INVALID_ARGUMENT, naming the first.
    """
    for module_id in module_ids:
        if module_id > MAX_MODULE_ID:
            raise Refused(
                StatusCode.INVALID_ARGUMENT, f"module_ids has {module_id}; modules are 0-{MAX_MODULE_ID}"
            )
