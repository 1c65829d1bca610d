"""The clock of the machine is stepped by hours, in either direction."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from support.rig import RUN, recording, serving

from panoseti_daq.client import AioDaqDataClient, ReceivedBlock
from panoseti_daq.pff import DataProduct

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

IMG16 = DataProduct.IMG16
HOUR_NS = 3_600_000_000_000
LATER = RUN.replace("2026-01-01", "2026-01-02")
_real_time_ns = time.time_ns


class Clock:
    """The wall clock of our code; the kernel's, by which files get their times, goes on as it was."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stepped_ns = 0
        monkeypatch.setattr(time, "time_ns", lambda: _real_time_ns() + self.stepped_ns)


@pytest.mark.parametrize("hours", [-5, 5])
async def test_streams_go_on_when_the_clock_is_stepped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    clock = Clock(monkeypatch)
    with recording(tmp_path) as recorder:
        recorder.write(IMG16, 3)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            images = aiter(client.stream_frames())
            blocks = aiter(client.stream_blocks(since="run"))
            assert (await anext(images)).frame_number == 2
            assert len(await anext(blocks)) == 3  # type: ignore[arg-type]
            clock.stepped_ns = hours * HOUR_NS
            for i in range(3, 6):
                recorder.write(IMG16)
                image, block = await anext(images), await anext(blocks)
                assert isinstance(block, ReceivedBlock)
                assert (image.frame_number, block.first_frame_number) == (i, i)
                assert abs(image.detected_unix_ns - time.time_ns()) < 60e9
                assert 0 <= image.queued_ns < 60e9  # the step is not in it
            with recording(tmp_path, 1, LATER) as later:
                later.write(IMG16, 2)
                while recorder.frames[IMG16][-1] == later.frames[IMG16][-1] or not later.frames[IMG16][
                    -1
                ].endswith((await anext(images)).pixels):
                    pass
                block = await anext(blocks)
                assert isinstance(block, ReceivedBlock)
                assert (block.run, block.first_frame_number) == (LATER, 0)
            status = await client.get_status(server.address)
            assert 0 <= status.uptime_seconds < 60
            assert 0 <= status.followed.since_seconds < 60
            assert all(0 <= stream.idle_seconds <= stream.since_seconds < 60 for stream in status.streams)
            assert all(0 <= key.frames_per_second < 1e6 for key in status.keys)  # zero: too few bursts


@pytest.mark.parametrize("hours", [-5, 5])
async def test_a_frame_that_waits_while_the_clock_is_stepped_has_a_sane_age(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """What was read before the step and is sent after it: the age jumps with the clock, and is a number."""
    clock = Clock(monkeypatch)
    with recording(tmp_path) as recorder:
        recorder.write(IMG16)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            while server.acquisition.hub is None or not server.acquisition.hub.keys:
                await asyncio.sleep(0.005)
            clock.stepped_ns = hours * HOUR_NS
            frame = await anext(aiter(client.stream_frames()))
    assert frame.queued_ns >= 0
    assert frame.queued_ns < 60e9 if hours < 0 else frame.queued_ns < (hours * HOUR_NS + 60e9)
    assert abs(frame.age_s) < 1e9
