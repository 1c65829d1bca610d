"""Servers of panoseti-grpc, played by a few lines, are recognized (real ones: tests/interop)."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc
import pytest
from support.frames import wait_until
from support.rig import run_command, serving_in_thread

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, RpcError
from panoseti_daq.viewers.host.feed import Feed, Wanted

BEFORE_0_4: Final = "a server of panoseti-grpc before 0.4, which has no Status"
OF_0_4: Final = "a server of panoseti-grpc 0.4, not initialized: hp_io is idle"
IDLE: Final = pb.StatusResponse(message="hp_io is idle")


class Foreign(grpc.GenericRpcHandler):
    """Answers Ping, and Status if there is one; counts what is asked."""

    def __init__(self, status: pb.StatusResponse | None) -> None:
        self.address = ""
        self.n_asked: Counter[str] = Counter()
        self._answers = {"Ping": b""} if status is None else {"Ping": b"", "Status": status.SerializeToString()}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        name = handler_call_details.method.rpartition("/")[2]
        self.n_asked[name] += 1
        if name not in self._answers:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answers[name])


@contextmanager
def foreign(status: pb.StatusResponse | None) -> Iterator[Foreign]:
    handler = Foreign(status)
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((handler,))
    handler.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield handler
    finally:
        server.stop(None).wait()


both = pytest.mark.parametrize(("status", "text"), [(None, BEFORE_0_4), (IDLE, OF_0_4)])


@both
def test_status_and_hosts_say_what_it_is(status: pb.StatusResponse | None, text: str) -> None:
    with foreign(status) as server:
        shown = run_command("status", "--host", server.address)
        assert (shown.returncode, shown.stdout) == (0, f"{server.address}: {text}\n")
        assert text in run_command("hosts", "--host", server.address).stdout


def test_status_of_0_4_says_whether_it_is_initialized() -> None:
    with foreign(pb.StatusResponse(hp_io_initialized=True, message="valid")) as server:
        shown = run_command("status", "--host", server.address).stdout
        assert shown == f"{server.address}: a server of panoseti-grpc 0.4, initialized: valid\n"
        (line,) = run_command("status", "--json", "--host", server.address).stdout.splitlines()
    assert json.loads(line)["status"]["hp_io_initialized"] is True


def test_status_of_several_hosts_shows_ours_beside_an_old_one() -> None:
    with foreign(None) as old, serving_in_thread() as ours:
        shown = run_command("status", "--host", old.address, "--host", ours.address)
    assert shown.returncode == 0, shown.stderr
    assert f"{old.address}: {BEFORE_0_4}" in shown.stdout
    assert f"{ours.address}: panoseti-daq " in shown.stdout


@both
def test_a_viewer_of_rates_says_once_what_it_is_and_takes_no_report_of_it(
    status: pb.StatusResponse | None, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with foreign(status) as server, caplog.at_level(logging.WARNING, "panoseti_daq.viewers"):
        with Feed(AioDaqDataClient.connect(server.address), Wanted(status_period_s=0.01)) as feed:
            wait_until(lambda: server.n_asked["Status"] >= 3)
            assert not feed.statuses
    assert [text in record.getMessage() for record in caplog.records].count(True) == 1


def test_our_status_is_one_that_clients_of_0_4_understand() -> None:
    with serving_in_thread() as server:
        (line,) = run_command("status", "--json", "--host", server.address).stdout.splitlines()
        status = json.loads(line)["status"]
        assert (status["hp_io_initialized"], status["message"]) == (False, "follows nothing yet")
        assert run_command("init", "--sim", "--host", server.address).returncode == 0
        (line,) = run_command("status", "--json", "--host", server.address).stdout.splitlines()
    status = json.loads(line)["status"]
    assert (status["hp_io_initialized"], status["message"]) == (True, status["followed"]["description"])


# odd night 55
@pytest.mark.anyio
async def test_what_a_server_of_the_predecessor_lacks_is_said() -> None:
    with foreign(None) as server:
        async with AioDaqDataClient.connect(server.address) as client:
            with pytest.raises(RpcError, match="servers of panoseti-grpc have no status and no lossless streams"):
                await client.get_status(server.address)
            async with client.stream_blocks() as blocks:
                with pytest.raises(RpcError, match="record, events and convert need"):
                    await anext(aiter(blocks))
