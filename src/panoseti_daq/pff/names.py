"""Names of files, runs and module directories (SPEC 1.4).

    DATA_DIR/module_N/obs_<obs>.start_<ISO>Z.runtype_<type>.pffd/
        start_<ISO>Z.dp_<product>.bpp_<n>.module_<N>.seqno_<k>.pff

The ``key_value`` tokens come in any order and unknown ones are ignored, as the published tools do.
ISO times are written with ``:`` on DAQ nodes and with ``_`` or ``-`` in copies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from panoseti_daq.errors import PffError
from panoseti_daq.pff.product import MAX_MODULE_ID, DataProduct

FILE_SUFFIX: Final = ".pff"
RUN_SUFFIX: Final = ".pffd"
SNAPSHOT_DIR: Final = "obs_snapshot"  # in a module's directory, beside its runs, and none of them

_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)[:_-](\d\d)[:_-](\d\d)Z?")
_WRITERS_TOKEN: Final = re.compile(r"[A-Za-z0-9]+_\S+|" + "|".join(product.token for product in DataProduct))
_MODULE_DIR: Final = re.compile(r"module_(\d{1,3})")


def _tokens(name: str, suffix: str) -> dict[str, str]:
    stem = name.removesuffix(suffix)
    return {key: value for key, _, value in (token.partition("_") for token in stem.split("."))}


def parse_start(text: str) -> datetime | None:
    """Start time of a run or file as an aware UTC datetime; None when `text` is not one."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    date, hours, minutes, seconds = match.groups()
    try:
        return datetime.fromisoformat(f"{date}T{hours}:{minutes}:{seconds}").replace(tzinfo=UTC)
    except ValueError:
        return None


def format_start(start: datetime) -> str:
    """Start time as the writer puts it into names: ``2024-07-25T04:34:46Z``."""
    return start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def start_of(name: str) -> datetime | None:
    """Start time in the base name of a run or file as an aware UTC datetime; None when it has none."""
    return parse_start(_tokens(name, RUN_SUFFIX if name.endswith(RUN_SUFFIX) else FILE_SUFFIX).get("start", ""))


def check_run_name(name: str) -> None:
    """Check that `name` may be the base name of a run.

    Raises
    ------
    PffError
        It is hidden, or that of the snapshots.
    """
    if not name or name.startswith(".") or name == SNAPSHOT_DIR:
        raise PffError(f"{name!r} is not the name of a run")


def is_of_writer(file: str) -> bool:
    """Return whether a base name has the writer's form; those of hidden, temporary and copied files do not."""
    if not file.endswith(FILE_SUFFIX):
        return False
    return all(_WRITERS_TOKEN.fullmatch(token) for token in file.removesuffix(FILE_SUFFIX).split("."))


@dataclass(frozen=True, slots=True)
class PffName:
    """Content of the name of a PFF file.

    Attributes
    ----------
    product
        Data product.
    module_id
        Telescope module, 0-255.
    seqno
        Place of the file in its run; may jump by more than 1, because products share the counter.
    start
        UTC time at which the file was opened; None when the name has none.
    """

    product: DataProduct
    module_id: int
    seqno: int = 0
    start: datetime | None = None

    @classmethod
    def parse(cls, name: str) -> PffName:
        """Read a base name.

        Raises
        ------
        PffError
            The name lacks a required token or has an invalid value; the message names it.
        """
        if not name.endswith(FILE_SUFFIX):
            raise PffError(f"{name!r} is not a PFF file name: it does not end in {FILE_SUFFIX}")
        tokens = _tokens(name, FILE_SUFFIX)
        try:
            product = DataProduct.from_token(tokens["dp"])
            module_id, seqno = int(tokens["module"]), int(tokens.get("seqno", "0"))
            bytes_per_pixel = int(tokens.get("bpp", product.bytes_per_pixel))
        except KeyError as error:
            raise PffError(f"{name!r} has no {error.args[0]}_... token") from None
        except ValueError as error:
            raise PffError(f"{name!r}: {error}") from None
        if not 0 <= module_id <= MAX_MODULE_ID:
            raise PffError(f"{name!r}: module_{module_id} is not within 0-{MAX_MODULE_ID}")
        # Its frames would have another length: every pixel after the first frame would be wrong.
        if bytes_per_pixel != product.bytes_per_pixel:
            raise PffError(
                f"{name!r}: bpp_{bytes_per_pixel}, but a {product.token} pixel has {product.bytes_per_pixel} bytes"
            )
        return cls(product, module_id, seqno, parse_start(tokens.get("start", "")))

    def format(self) -> str:
        """Base name as Hashpipe writes it."""
        start = f"start_{format_start(self.start)}." if self.start else ""
        return (
            f"{start}dp_{self.product.token}.bpp_{self.product.bytes_per_pixel}"
            f".module_{self.module_id}.seqno_{self.seqno}{FILE_SUFFIX}"
        )


@dataclass(frozen=True, slots=True)
class RunName:
    """Content of the name of a run directory."""

    obs: str
    start: datetime | None = None
    runtype: str = ""

    @classmethod
    def parse(cls, name: str) -> RunName:
        """Read the base name of a run directory.

        Raises
        ------
        PffError
            The name has no ``obs_`` token or is that of the snapshots, so it is not a run.
        """
        if name == SNAPSHOT_DIR:
            raise PffError(f"{name!r} is not a run directory: it holds snapshots")
        tokens = _tokens(name, RUN_SUFFIX)
        if not tokens.get("obs"):
            raise PffError(f"{name!r} is not a run directory: it has no obs_... token")
        return cls(tokens["obs"], parse_start(tokens.get("start", "")), tokens.get("runtype", ""))

    def format(self) -> str:
        """Base name as the control software makes it."""
        start = f".start_{format_start(self.start)}" if self.start else ""
        return f"obs_{self.obs}{start}.runtype_{self.runtype}{RUN_SUFFIX}"


def module_dir_id(name: str) -> int | None:
    """Module of a ``module_N`` directory name; None when it is not one."""
    match = _MODULE_DIR.fullmatch(name)
    # The module is one byte on the wire of the quabos.
    if match is None or int(match[1]) > MAX_MODULE_ID:
        return None
    return int(match[1])
