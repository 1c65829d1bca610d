"""Origin of this installation, how it gets an extra from there, and the error when it has not got it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import unquote, urlsplit

from panoseti_daq.errors import MissingExtraError

PACKAGE: Final = "panoseti-daq"


def how_to_get(extra: str) -> str:
    """Return the command that adds an extra to this installation, from where it came (PEP 610)."""
    pip = f"{shlex.quote(sys.executable)} -m pip install"
    origin = _origin()
    url = str(origin.get("url", ""))
    if url.startswith("file://"):
        path = unquote(urlsplit(url).path)
        is_editable = "dir_info" in origin and origin["dir_info"].get("editable")
        return f"{pip} {'-e ' if is_editable else ''}{shlex.quote(f'{path}[{extra}]')}"
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    source = f" @ {url}" if url else ""
    return f"{pip} {shlex.quote(f'{PACKAGE}[{extra}]{source}')}"


@contextmanager
def needing(package: str, extra: str) -> Iterator[None]:
    """Import a package of an extra within this block.

    Parameters
    ----------
    package
        Its name at the package index.
    extra
        The extra that brings it.

    Raises
    ------
    MissingExtraError
        It is not installed; the message says how to get it.
    """
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(f"{package} is not installed: {how_to_get(extra)}") from error


def _origin() -> dict[str, dict[str, str]]:
    """Return what the installer wrote of the origin; empty for a package index, or when there is none."""
    from importlib import metadata  # takes longer than all of this, and is rarely needed

    try:
        text = metadata.distribution(PACKAGE).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return {}
    origin: dict[str, dict[str, str]] = json.loads(text) if text else {}
    return origin
