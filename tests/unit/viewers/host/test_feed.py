"""A feed against servers in this process."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from support.frames import wait_until
from support.rig import recording, serving_process

from panoseti_daq.client import AioDaqDataClient, ReceivedFrame
from panoseti_daq.client.portal import PORTALS
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.errors import ConfigError, HostError, PffError
from panoseti_daq.pff import DataProduct, Kind, Selection
from panoseti_daq.service.listening import ListenAt
from panoseti_daq.service.server import running_server
from panoseti_daq.viewers import ViewerContext, ViewerSpec
from panoseti_daq.viewers.host.feed import Feed, Wanted


def feed_of(*hosts: str, **wanted: object) -> Feed:
    return Feed(AioDaqDataClient.connect(*hosts), Wanted(hosts, Selection(), **wanted))  # type: ignore[arg-type]


def first_frame(feed: Feed) -> ReceivedFrame:
    frames: list[ReceivedFrame] = []

    def arrived() -> bool:
        frames.extend(feed.frames.take().values())
        return bool(frames)

    wait_until(arrived)
    return frames[0]


@contextmanager
def serving_at(address: str, follow: Path | None = None) -> Iterator[None]:
    settings = ServerSettings(run_probe=RunProbe.NONE)
    config = None if follow is None else HpIoConfig(str(follow))
    with (
        PORTALS as portal,
        portal.entered(running_server(settings, ListenAt((address,)), follow=config)),
    ):
        yield


def address_in(directory: Path) -> str:
    return f"unix://{directory / 'server.sock'}"


def test_frames_come_as_long_as_the_feed_is_entered(tmp_path: Path) -> None:
    arguments = ("--data-dir", tmp_path, "--run-probe", "none")
    with recording(tmp_path) as recorder, serving_process(*arguments) as (_, address):
        recorder.write(DataProduct.IMG16)
        before = set(threading.enumerate())
        with feed_of(address) as feed:
            assert first_frame(feed).module_id == 1
            [state] = feed.states.values()
            assert (state.connected, state.reason) == (True, "")
            assert any("portal" in thread.name for thread in set(threading.enumerate()) - before)
            assert feed.error is None
        assert not any("portal" in thread.name for thread in set(threading.enumerate()) - before)


def test_a_server_that_does_not_answer_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="does not answer"), feed_of(address_in(tmp_path)):
        pass


def test_a_host_that_is_not_configured_is_an_error_although_others_answer(tmp_path: Path) -> None:
    with serving_at(address_in(tmp_path), tmp_path):
        client = AioDaqDataClient.connect(address_in(tmp_path))
        with (
            pytest.raises(HostError, match="not configured"),
            Feed(client, Wanted((address_in(tmp_path), "dome"))),
        ):
            pass


def test_a_server_that_refuses_is_asked_until_it_has_been_configured(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with ExitStack() as stack:
        stack.enter_context(serving_at(address_in(tmp_path)))
        feed = stack.enter_context(feed_of(address_in(tmp_path)))
        wait_until(lambda: any(state.reason for state in feed.states.values()))
        [state] = feed.states.values()
        assert "FAILED_PRECONDITION" in state.reason
        assert not state.was_connected
        recorder = stack.enter_context(recording(tmp_path))
        recorder.write(DataProduct.IMG16)
        configure(address_in(tmp_path), tmp_path)
        assert first_frame(feed).module_id == 1
        [state] = feed.states.values()
        assert state.connected
    assert len([record for record in caplog.records if "asking again" in record.message]) == 1


def configure(address: str, data_dir: Path) -> None:
    async def run() -> None:
        async with AioDaqDataClient.connect(address) as client:
            assert await client.init_hp_io(
                hp_io_cfg={"data_dir": str(data_dir), "update_interval_seconds": 0.01, "module_ids": []}
            )

    asyncio.run(run())


def test_a_lost_server_shows_as_lost_and_comes_back(tmp_path: Path) -> None:
    address = address_in(tmp_path)
    with recording(tmp_path) as recorder, ExitStack() as stack:
        recorder.write(DataProduct.IMG16)
        with serving_at(address, tmp_path):
            feed = stack.enter_context(feed_of(address))
            first_frame(feed)
        wait_until(lambda: not feed.states[address].connected)
        lost = feed.states[address]
        assert lost.was_connected
        assert lost.reason
        with serving_at(address, tmp_path):
            wait_until(lambda: feed.states[address].connected)
            recorder.write(DataProduct.IMG16)
            assert first_frame(feed).module_id == 1


def test_one_host_of_two_is_enough_and_the_other_joins_when_it_comes(tmp_path: Path) -> None:
    there, late = f"unix://{tmp_path / 'a.sock'}", f"unix://{tmp_path / 'b.sock'}"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with ExitStack() as stack:
        a = stack.enter_context(recording(tmp_path / "a", 1))
        b = stack.enter_context(recording(tmp_path / "b", 2))
        a.write(DataProduct.IMG16)
        b.write(DataProduct.IMG16)
        stack.enter_context(serving_at(there, tmp_path / "a"))
        feed = stack.enter_context(feed_of(there, late))
        assert first_frame(feed).module_id == 1
        assert feed.states[late].reason == "nothing listens there"  # odd night 51
        stack.enter_context(serving_at(late, tmp_path / "b"))
        assert first_frame(feed).module_id == 2


def test_the_time_since_when_a_host_is_missing_is_that_of_the_first_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "panoseti_daq.client")
    with serving_at(address_in(tmp_path)), feed_of(address_in(tmp_path)) as feed:
        wait_until(lambda: any(state.reason for state in feed.states.values()))
        since = feed.states[address_in(tmp_path)].since
        wait_until(lambda: caplog.text.count("asking again") >= 3)
        assert feed.states[address_in(tmp_path)].since == since


class _Damaged:
    """A stream that begins with a message that is no frame."""

    def __init__(self, frame: ReceivedFrame) -> None:
        self._items: list[ReceivedFrame | PffError] = [PffError("not a frame"), frame]

    def __call__(self, *args: object, **options: object) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None: ...

    async def __anext__(self) -> ReceivedFrame:
        if not self._items:
            await asyncio.Event().wait()
        if isinstance(item := self._items.pop(0), PffError):
            raise item
        return item


def test_a_message_that_is_no_frame_is_skipped_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with recording(tmp_path) as recorder, serving_at(address_in(tmp_path), tmp_path):
        recorder.write(DataProduct.IMG16)
        with feed_of(address_in(tmp_path)) as feed:
            frame = first_frame(feed)
        client: Any = AioDaqDataClient.connect(address_in(tmp_path))
        client.stream_frames = _Damaged(frame)
        with Feed(client, Wanted()) as feed:
            assert first_frame(feed) is frame
    assert "message 1 without a frame, skipped: not a frame" in caplog.text


def test_the_statuses_of_the_servers_come_when_they_are_wanted(tmp_path: Path) -> None:
    address = address_in(tmp_path)
    with serving_at(address, tmp_path), feed_of(address, status_period_s=0.05) as feed:
        wait_until(lambda: address in feed.statuses)
        first = feed.statuses[address]
        wait_until(lambda: feed.statuses[address] is not first)


def test_a_viewer_gets_the_products_and_quabos_that_are_asked_for_of_the_kinds_that_it_shows() -> None:
    context = ViewerContext(1.0, Selection(products={DataProduct.PH256}, quabos={2}))
    wanted = Wanted.by([ViewerSpec("a", "", print, movie=False)], context).selection
    assert wanted == Selection({Kind.PULSE_HEIGHT}, (), {DataProduct.PH256}, {2}, 1.0)
    with pytest.raises(ConfigError, match="invalid products: ph256; allowed for these kinds: img8, img16"):
        Wanted.by([ViewerSpec("a", "", print, pulse_height=False)], context)


def test_a_viewer_without_an_interval_gets_frames_once_per_refresh_period() -> None:
    context = ViewerContext(2.0, Selection(module_ids=(7,)))
    assert Wanted.by([ViewerSpec("a", "", print)], context).selection.update_interval_s == 2.0
    every = Wanted.by(
        [ViewerSpec("a", "", print, update_interval_s=0.0, movie=False, status=True)], context, ("daq1",)
    )
    assert every == Wanted(("daq1",), Selection({Kind.PULSE_HEIGHT}, {7}), 2.0)
