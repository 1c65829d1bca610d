"""The versions of the peer, and where they are installed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

VERSIONS: Final = ("0.1.1.1", "0.3.5", "0.4.21")

CheckImage = Callable[[Mapping[str, Any], str, int], None]
CheckSimulated = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """One version of the peer.

    Attributes
    ----------
    version
        Of panoseti-grpc.
    python
        The interpreter that has it.
    package
        Directory of its package ``daq_data``.
    """

    version: str
    python: str
    package: Path

    @property
    def is_0_1(self) -> bool:
        return self.version.startswith("0.1.")

    @property
    def is_0_4(self) -> bool:
        return self.version.startswith("0.4.")


def installed(version: str) -> Peer:
    """The peer in this version; skips the test when there is none."""
    variable = f"PEER_{version.replace('.', '_')}_PYTHON"
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} is not set: run `nox -s interop`, which installs the peer")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    (package,) = (p for p in Path(found.stdout.strip()).glob("**/daq_data") if (p / "client.py").exists())
    return Peer(version, python, package)
