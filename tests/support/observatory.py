"""An observatory's Redis: hashes as its daemons write them, and a real server of Redis."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.frames import wait_until
from support.patience import PATIENCE_S

NOW_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def quabo(unix_s: float, **changed: str) -> dict[str, str]:
    """Fields of a quabo that is well."""
    fields = {f"HVMON{i}": "-55.1" for i in range(4)} | {f"HVIMON{i}": "0.0002" for i in range(4)}
    fields |= {"TEMP1": "21.25", "TEMP2": "41.3", "SHUTTER_STATUS": "1", "AGG_STATUS_LEVEL": "0"}
    return fields | {"AGG_STATUS_MSG": "", "Computer_UTC": repr(unix_s)} | changed


def hashes(unix_s: float = NOW_S) -> dict[str, dict[str, str]]:
    """Module 250, of which quabo 1 is off and shut, and what is around it."""
    off = {f"HVMON{i}": "-0.1" for i in range(4)} | {"SHUTTER_STATUS": "0", "TEMP1": "22"}
    utc = {"Computer_UTC": repr(unix_s)}
    return {
        "QUABO_1000": quabo(unix_s),
        "QUABO_1001": quabo(unix_s, **off),
        "QUABO_1002": quabo(unix_s, TEMP1="24"),
        "QUABO_1003": quabo(unix_s),
        "WRSWITCH": {"SOFTPLL": "1", "Port 1_LINK": "1", "Port10_LINK": "1", **utc},
        "GPSSUPP": {"GPSDECODINGSTATUS": "Doing Fixes", "PPSNotGenerated": "0", **utc},
        "WEATHER": {"temperature_C": "7.5", "humidity": "40", "wind_speed_MPH": "6", **utc},
        "MOUNT_WINTER": {
            "alt_deg": "61.5",
            "az_deg": "120",
            "tracking": "1",
            "status": "OK",
            "computer_utc": repr(unix_s),
        },
    }


@contextmanager
def running_redis(directory: Path) -> Iterator[str]:
    """A real server of Redis at a socket in `directory`; gives its address."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    path = directory / "redis.sock"
    arguments = ("--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(directory))
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(path))
        yield f"unix://{path}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            return True
    except OSError:
        return False


def put(address: str, written: dict[str, dict[str, str]]) -> None:
    """Write hashes, as daemons do."""
    import redis

    with redis.Redis.from_url(address) as connection:
        for name, fields in written.items():
            connection.hset(name, mapping=fields)
