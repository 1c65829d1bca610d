"""Requests to a host for all frames: at first, and after it was lost."""

from __future__ import annotations

from typing import Any

import pytest

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.blocks import BlockFeed, Progress, begin_of
from panoseti_daq.pff import Selection
from panoseti_daq.wire.blocks import BlockMessage
from panoseti_daq.wire.frames import frames_request

RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"


class Calls:
    """Takes note of the requests."""

    def __init__(self) -> None:
        self.requests: list[pb.StreamFramesRequest] = []

    def __call__(self, request: pb.StreamFramesRequest, again: bool) -> Any:
        self.requests.append(request)


@pytest.mark.parametrize("since", [None, "run", 1_767_225_600.0])
def test_a_host_that_never_answered_is_asked_the_same_again(since: Any) -> None:
    calls = Calls()
    feed = BlockFeed(calls, frames_request(Selection(module_ids=(1,)), begin_of(since)), "host", Progress())
    feed.call(again=False)
    feed.lost()
    feed.call(again=True)
    assert calls.requests[0] == calls.requests[1]


def test_after_a_break_it_goes_on_where_the_host_was() -> None:
    calls, progress = Calls(), Progress()
    feed = BlockFeed(calls, frames_request(Selection(), begin_of(None)), "host", progress)
    feed.call(again=False)
    place = pb.Position(module_id=1, product="img16", run=RUN)
    assert not feed.new_in(BlockMessage(pb.StreamFramesResponse(first=place)))
    assert list(progress.positions("host")) == [place]
    place.file = "a.pff"
    assert feed.new_in(BlockMessage(pb.StreamFramesResponse(first=place, frames=5)))
    feed.lost()
    feed.call(again=True)
    place.frame_number = 5
    assert list(calls.requests[1].resume) == [place]
