"""The versions of the peer, and where they are installed."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

VERSIONS: Final = ("0.1.1.1", "0.3.5", "0.4.21")
SCRIPTS: Final = Path(__file__).parent / "peer_scripts"

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


@contextmanager
def listening(peer: Peer, script: str, directory: Path, *arguments: object) -> Iterator[str]:
    """One of our scripts of the peer, run in a directory until the block is left; gives its address.

    What it writes goes to the directory, as does its output, but for the line with the address.
    """
    command = [peer.python, "-E", str(SCRIPTS / script), *map(str, arguments)]
    with (
        (directory / script).with_suffix(".log").open("w") as log,
        subprocess.Popen(command, cwd=directory, stdout=log, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        try:
            found = next(filter(None, (re.match(r"listening on (\S+)", line) for line in process.stderr)), None)
            assert found, f"the peer's {script} did not start"
            yield found[1]
        finally:
            process.kill()
            process.communicate()
