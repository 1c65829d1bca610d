"""The event loop of the commands."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace

import pytest

from panoseti_daq.cli.loops import run_async


async def name_of_loop() -> str:
    return type(asyncio.get_running_loop()).__name__


class FastLoop(asyncio.SelectorEventLoop):
    pass


def test_commands_run_in_uvloop_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", SimpleNamespace(new_event_loop=FastLoop))
    assert run_async(name_of_loop()) == "FastLoop"


def test_without_it_they_run_in_the_loop_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_async(name_of_loop()) == asyncio.run(name_of_loop())  # `nox -s fast` has another than Python's
