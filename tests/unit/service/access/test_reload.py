"""Files that are replaced while the server runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from panoseti_daq.errors import ConfigError
from panoseti_daq.service.access.reload import Reloaded, keep_up_to_date

pytestmark = pytest.mark.anyio


class Number:
    """A number in a file, and each that replaced it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.replacements: list[int] = []
        self.write("1")
        self.reloaded = Reloaded("numbers", [path], self.load, self.replacements.append)

    def load(self) -> int:
        try:
            return int(self.path.read_text())
        except ValueError as error:
            raise ConfigError(str(error)) from error

    def write(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.path)


@pytest.fixture
def number(tmp_path: Path) -> Number:
    return Number(tmp_path / "number")


async def test_new_content_is_in_force_and_told_once(number: Number) -> None:
    number.write("23")
    for _ in range(2):
        await number.reloaded.reload()
    assert number.reloaded.content == 23
    assert number.replacements == [23]


async def test_bad_content_is_logged_once_and_the_old_stays(
    number: Number, caplog: pytest.LogCaptureFixture
) -> None:
    number.write("x")
    for _ in range(2):
        await number.reloaded.reload()
    assert number.reloaded.content == 1
    assert number.replacements == []
    assert caplog.text.count("new numbers are invalid, the old ones stay in force") == 1


async def test_files_are_looked_at_until_the_task_is_cancelled(number: Number) -> None:
    looking = asyncio.create_task(keep_up_to_date([number.reloaded], interval_s=0.001))
    number.write("7")
    async with asyncio.timeout(8):
        while number.replacements != [7]:
            await asyncio.sleep(0.001)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking


async def test_without_files_there_is_nothing_to_look_at() -> None:
    await keep_up_to_date([])
