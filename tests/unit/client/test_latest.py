"""Frames that wait for a consumer, and those that a slow one gets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from hypothesis import given
from hypothesis import strategies as st
from support.rig import until

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import HostChange, RpcError
from panoseti_daq.client.catch_up import CatchUp
from panoseti_daq.client.latest import Arrival, LosslessInbox, NewestInbox
from panoseti_daq.client.loop_watch import LoopWatch
from panoseti_daq.client.merge import MergedStream
from panoseti_daq.client.retry import Asking
from panoseti_daq.client.stream import Iteration
from panoseti_daq.errors import PffError

pytestmark = pytest.mark.anyio


def response(number: int, module_id: int = 1, dropped: int = 0, *, ours: bool = True) -> pb.StreamImagesResponse:
    image = pb.PanoImage(module_id=module_id, product=pb.IMG16, frame_number=number)
    delivery = pb.Delivery(sequence=number, dropped=dropped) if ours else None
    return pb.StreamImagesResponse(pano_image=image, delivery=delivery)


def taken(inbox: NewestInbox) -> list[tuple[int, int, int]]:
    """Module, number and drops of everything that waits."""
    found = []
    while (item := inbox.take()) is not None:
        image = item[1].pano_image
        found.append((image.module_id, image.frame_number, item[1].delivery.dropped))
    return found


def test_the_newest_of_each_key_waits_and_every_key_comes_round() -> None:
    inbox = NewestInbox()
    for number in range(3):
        inbox.put("daq1", response(number, 1))
        inbox.put("daq1", response(number, 2))
    inbox.put("daq1", response(3, 1))
    assert [place[:2] for place in taken(inbox)] == [(1, 3), (2, 2)]
    assert inbox.take() is None


def test_what_was_replaced_counts_as_dropped_beside_what_the_server_dropped_for_each_host() -> None:
    inbox = NewestInbox()
    inbox.put("daq1", response(0))
    inbox.put("daq1", response(1, dropped=5))
    inbox.put("daq2", response(0))
    assert taken(inbox) == [(1, 1, 6), (1, 0, 0)]
    inbox.put("daq1", response(2, dropped=7))
    assert taken(inbox) == [(1, 2, 8)]


def test_a_message_of_the_predecessor_stays_as_it_is() -> None:
    inbox = NewestInbox()
    inbox.put("daq1", response(0, ours=False))
    inbox.put("daq1", response(1, ours=False))
    item = inbox.take()
    assert item is not None
    assert not item[1].HasField("delivery")


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 2), st.integers(0, 2)))))
def test_nothing_is_lost_uncounted_nothing_comes_twice_and_each_key_stays_in_order(
    moves: list[tuple[int, int] | None],
) -> None:
    inbox, n_put, got = NewestInbox(), 0, list[Arrival[pb.StreamImagesResponse]]()
    for move in moves:
        if move is None:
            got += [item] if (item := inbox.take()) else []
        else:
            inbox.put(f"daq{move[0]}", response(n_put, move[1]))
            n_put += 1
    while (item := inbox.take()) is not None:
        got.append(item)
    assert sum(inbox._n_dropped.values()) == n_put - len(got)
    images = [(item.host, item.response.pano_image) for item in got]
    for place in {(host, image.module_id) for host, image in images}:
        numbers = [image.frame_number for host, image in images if (host, image.module_id) == place]
        assert numbers == sorted(set(numbers))


async def test_a_full_lossless_inbox_makes_readers_wait_until_another_thread_took_from_it() -> None:
    inbox = LosslessInbox[int](2)
    inbox.put("daq1", 0)
    await inbox.room()
    inbox.put("daq1", 1)
    waiting = asyncio.create_task(inbox.room())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    assert (await asyncio.to_thread(inbox.take) or ())[:2] == ("daq1", 0)
    await waiting
    assert (inbox.take() or ())[:2] == ("daq1", 1)
    assert inbox.take() is None


async def test_a_loop_that_stood_still_is_noticed_once() -> None:
    watch = LoopWatch()
    await asyncio.sleep(0)
    assert not watch.stood_still()
    time.sleep(0.03)  # noqa: ASYNC251
    assert watch.stood_still()
    assert not watch.stood_still()
    time.sleep(0.03)  # noqa: ASYNC251
    await asyncio.sleep(0.01)
    assert watch.stood_still()
    watch.close()


class FakeCall:
    """Gives its messages, then waits for ever or fails."""

    def __init__(self, messages: Iterable[Any], error: AioRpcError | None = None, end: bool = False) -> None:
        self._messages = list(messages)
        self._error = error
        self._end = end
        self.n_read = 0

    async def wait_for_connection(self) -> None:
        if self._error is not None and not self._messages:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[Any]:
        for message in self._messages:
            await asyncio.sleep(0)
            self.n_read += 1
            yield message
        if self._error is not None:
            raise self._error
        if not self._end:
            await asyncio.Event().wait()

    def cancel(self) -> None:
        pass


class FakeFeed:
    """One call after the other."""

    def __init__(self, *calls: FakeCall) -> None:
        self._calls = list(calls)
        self.n_calls = 0

    def call(self, *, again: bool) -> Any:
        self.n_calls += 1
        return self._calls.pop(0) if len(self._calls) > 1 else self._calls[0]

    def new_in(self, message: Any) -> Iterable[Any]:
        return (message,)

    def lost(self) -> None:
        pass


_ASKING = Asking()


def found_unix_ns(response: pb.StreamImagesResponse) -> int:
    return response.delivery.detected_unix_ns


@asynccontextmanager
async def merged(*feeds: FakeFeed, asking: Asking = _ASKING) -> AsyncIterator[MergedStream[Any]]:
    async with asyncio.TaskGroup() as tasks:
        stream: MergedStream[Any] = MergedStream(
            tasks, {f"daq{i}": feed for i, feed in enumerate(feeds)}, NewestInbox(), asking, CatchUp(found_unix_ns)
        )
        yield stream
        stream.close()


async def test_a_consumer_that_awaits_something_else_gets_the_newest_and_the_count_of_the_others() -> None:
    call = FakeCall(response(number) for number in range(50))
    async with merged(FakeFeed(call)) as stream:
        await until(lambda: call.n_read == 50)
        host, newest, _ = await stream.receive()
    assert (host, newest.pano_image.frame_number, newest.delivery.dropped) == ("daq0", 49, 49)


class _Gated(FakeCall):
    """Gives its second message, and the others, when the gate was opened."""

    def __init__(self, messages: Iterable[Any]) -> None:
        super().__init__(messages)
        self.gate = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for message in super().__aiter__():
            yield message
            await self.gate.wait()


async def test_a_consumer_that_blocked_the_event_loop_gets_the_newest_of_what_came_meanwhile() -> None:
    call = _Gated(response(number) for number in range(50))
    async with merged(FakeFeed(call)) as stream:
        await stream.receive()
        call.gate.set()
        time.sleep(0.05)  # noqa: ASYNC251
        _, newest, _ = await stream.receive()
    assert newest.pano_image.frame_number == 49


class _Backlog(FakeCall):
    """A new frame, then old ones that come slowly, then a new one."""

    def __init__(self, n_old: int) -> None:
        super().__init__([])
        self.n_old = n_old
        self.gate = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[Any]:
        yield self.aged(0, 0.0)
        await self.gate.wait()
        for number in range(1, self.n_old + 1):
            yield self.aged(number, 1.0)
            await asyncio.sleep(0.008)  # a busy machine
        yield self.aged(self.n_old + 1, 0.0)
        await asyncio.Event().wait()

    def aged(self, number: int, age_s: float) -> pb.StreamImagesResponse:
        a_day_behind_ns = 86_400 * 10**9  # the clock of the server
        aged = response(number)
        aged.delivery.detected_unix_ns = time.time_ns() - round(age_s * 1e9) - a_day_behind_ns
        return aged


async def test_old_frames_that_come_slowly_after_a_blocked_loop_are_not_handed_out() -> None:
    call = _Backlog(5)
    async with merged(FakeFeed(call)) as stream:
        await stream.receive()
        call.gate.set()
        time.sleep(0.05)  # noqa: ASYNC251
        _, newest, _ = await stream.receive()
    assert newest.pano_image.frame_number == 6


def failed(code: StatusCode) -> AioRpcError:
    return AioRpcError(code, Metadata(), Metadata(), details=f"it said {code.name}")


async def test_a_persistent_stream_outlives_every_end_and_each_new_reason_is_told_once() -> None:
    changes: list[HostChange] = []
    refused, gone = failed(StatusCode.FAILED_PRECONDITION), failed(StatusCode.PERMISSION_DENIED)
    feed = FakeFeed(
        FakeCall([], refused), FakeCall([], refused), FakeCall([], gone), FakeCall([response(1)], end=True),
        FakeCall([response(2, module_id=2)]),
    )  # fmt: skip
    async with merged(feed, asking=Asking(persistent=True, on_host_change=changes.append)) as stream:
        numbers = [(await stream.receive())[1].pano_image.frame_number for _ in range(2)]
    assert numbers == [1, 2]
    assert [(change.connected, change.reason) for change in changes] == [
        (False, "daq0: it said FAILED_PRECONDITION (FAILED_PRECONDITION)"),
        (False, "daq0: it said PERMISSION_DENIED (PERMISSION_DENIED)"),
        (True, ""),
        (False, "the server ended the stream"),
        (True, ""),
    ]


@pytest.mark.parametrize(
    ("code", "n_calls"),
    [
        (StatusCode.UNAVAILABLE, 2),
        (StatusCode.CANCELLED, 2),
        (StatusCode.FAILED_PRECONDITION, 2),
        (StatusCode.UNAUTHENTICATED, 1),
    ],
)
async def test_other_streams_ask_a_host_again_only_when_it_may_come_back(  # odd night 48
    code: StatusCode, n_calls: int
) -> None:
    last = StatusCode.UNIMPLEMENTED
    feed = FakeFeed(FakeCall([response(1)], failed(code)), FakeCall([], failed(last)))
    async with merged(feed) as stream:
        await stream.receive()
        with pytest.raises(RpcError) as error:
            await stream.receive()
    assert feed.n_calls == n_calls
    assert error.value.code() is (last if n_calls == 2 else code)


@pytest.mark.parametrize(
    "end", [FakeCall([response(1)], failed(StatusCode.CANCELLED)), FakeCall([response(1)], end=True)]
)
async def test_a_stream_may_end_with_its_server_without_an_error(end: FakeCall) -> None:  # odd night 48
    async with merged(FakeFeed(end), asking=Asking(ends_with_server=True)) as stream:
        await stream.receive()
        with pytest.raises(StopAsyncIteration):
            await stream.receive()


def _frame_number(arrival: Arrival[pb.StreamImagesResponse]) -> int:
    if arrival.host == "daq1":
        raise PffError("no such product")
    return arrival.response.pano_image.frame_number


async def test_a_host_that_sends_what_is_no_frame_is_lost_alone(caplog: pytest.LogCaptureFixture) -> None:
    # odd night 74
    changes: list[HostChange] = []
    good, bad = _Gated(response(number) for number in range(3)), FakeCall([response(7)])
    async with merged(FakeFeed(good), FakeFeed(bad), asking=Asking(on_host_change=changes.append)) as stream:

        async def begin() -> MergedStream[Any]:
            return stream

        images = Iteration(begin, _frame_number)
        assert await anext(images) == 0
        await until(lambda: bad.n_read == 1)
        good.gate.set()
        assert await anext(images) in (1, 2)
    assert changes[-1] == HostChange("daq1", connected=False, reason="no such product")
    assert "stream from daq1 ended: no such product" in caplog.text


async def test_the_last_host_that_sends_what_is_no_frame_is_an_error_with_its_name() -> None:
    async with merged(FakeFeed(FakeCall([response(7)]))) as stream:

        async def begin() -> MergedStream[Any]:
            return stream

        def refuse(arrival: Arrival[Any]) -> int:
            raise PffError("no such product")

        with pytest.raises(PffError, match="daq0: no such product"):
            await anext(Iteration(begin, refuse))
