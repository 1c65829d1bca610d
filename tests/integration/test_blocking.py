"""DaqDataClient: the blocking client against real servers (SPEC 6)."""

from __future__ import annotations

import inspect
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np
import pytest
from support.frames import wait_until
from support.patience import PATIENCE_S
from support.rig import Recorder, image_of, recording, serving_in_thread, serving_process

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, DaqDataClient, RpcError
from panoseti_daq.client.retry import HostChange
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.errors import ClientStateError, ConfigError, HostError
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.server import Server

DEAD = "127.0.0.1:1"  # nobody listens there
UPLOADS = HpIoConfig(uploads_only=True)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with recording(tmp_path) as recorder:
        yield recorder


@pytest.fixture
def server(tmp_path: Path, recorder: Recorder) -> Iterator[Server]:
    """A server that follows `recorder`."""
    with serving_in_thread(tmp_path) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[DaqDataClient]:
    with DaqDataClient.connect(server.address) as client:
        yield client


def n_streams(client: DaqDataClient, host: str) -> int:
    return len(client.get_status(host).streams)


def loop_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "portal" in thread.name]


class TestMethods:
    def test_ping_tells_whether_a_server_answers(self, client: DaqDataClient, server: Server) -> None:
        assert client.ping(server.address)
        assert not client.ping("unheard-of")

    def test_the_status_of_every_node_comes_by_address(self, server: Server) -> None:
        with DaqDataClient.connect(server.address, DEAD) as client:
            assert client.get_daq_host_status() == {server.address: True, DEAD: False}
            assert client.hosts == [server.address, DEAD]
            assert client.get_valid_daq_hosts() == {server.address}
            assert client.is_daq_host_valid(server.address)
            assert not client.is_daq_host_valid(DEAD)

    def test_reflection_names_the_calls(self, client: DaqDataClient) -> None:
        assert "StreamImages" in client.reflect_services()

    def test_get_status_tells_what_is_followed(
        self, client: DaqDataClient, server: Server, tmp_path: Path
    ) -> None:
        assert str(tmp_path) in client.get_status(server.address).followed.description

    def test_init_sim_makes_the_simulation_stream(self, client: DaqDataClient) -> None:
        assert client.init_sim()
        assert next(client.stream_images())["module_id"] == 224

    def test_init_hp_io_follows_a_configuration_file(
        self, client: DaqDataClient, server: Server, tmp_path: Path
    ) -> None:
        config = tmp_path / "hp_io_config.json"
        config.write_text(json.dumps({"data_dir": str(tmp_path), "update_interval_seconds": 0.5, "force": True}))
        assert client.init_hp_io(server.address, config)
        assert client.get_status(server.address).followed.update_interval_seconds == 0.5

    def test_an_init_that_fails_raises_the_reason(self, client: DaqDataClient) -> None:  # odd night 49
        with pytest.raises(RpcError, match="'/not/there' does not exist"):
            client.init_hp_io(hp_io_cfg={"data_dir": "/not/there", "update_interval_seconds": 1})

    def test_connect_from_configuration_files_is_the_same(self, server: Server, tmp_path: Path) -> None:
        path = tmp_path / "daq_config.json"
        path.write_text(json.dumps({"daq_nodes": [{"ip_addr": server.address}]}))
        with DaqDataClient(str(path), None) as client:
            assert client.ping(server.address)


class TestStreams:
    def test_images_are_the_documented_dict(self, client: DaqDataClient, recorder: Recorder) -> None:
        recorder.write(DataProduct.PH256)
        for image in client.stream_images():
            break
        expected = image_of(recorder.frames[DataProduct.PH256][0], DataProduct.PH256)
        np.testing.assert_array_equal(image["image_array"], expected)
        assert image["type"] == "PULSE_HEIGHT"

    def test_without_parsing_they_are_responses(self, client: DaqDataClient, recorder: Recorder) -> None:
        recorder.write(DataProduct.IMG16)
        for response in client.stream_images(parse_pano_images=False):
            break
        assert isinstance(response, pb.StreamImagesResponse)
        assert len(response.pano_image.image_array) == 1024

    def test_frames_have_types(self, client: DaqDataClient, server: Server, recorder: Recorder) -> None:
        recorder.write(DataProduct.IMG8)
        recorder.write(DataProduct.PH1024)
        frame = next(client.stream_frames(stream_movie_data=False))
        assert (frame.product, frame.host) == (DataProduct.PH1024, server.address)

    def test_break_ends_the_call_on_the_server(
        self, client: DaqDataClient, server: Server, recorder: Recorder
    ) -> None:
        recorder.write(DataProduct.IMG16)
        stream = client.stream_images()
        for _ in stream:
            assert n_streams(client, server.address) == 1
            break
        wait_until(lambda: n_streams(client, server.address) == 0)

    def test_an_exception_in_the_loop_ends_the_call_and_is_the_callers(
        self, client: DaqDataClient, server: Server, recorder: Recorder
    ) -> None:
        recorder.write(DataProduct.IMG16)
        with pytest.raises(KeyError, match="mine"):
            for _ in client.stream_images():
                raise KeyError("mine")
        wait_until(lambda: n_streams(client, server.address) == 0)

    def test_dropping_a_stream_that_was_read_with_next_ends_the_call(
        self, client: DaqDataClient, server: Server, recorder: Recorder
    ) -> None:
        recorder.write(DataProduct.IMG16)
        assert next(client.stream_frames()).frame_number == 0
        wait_until(lambda: n_streams(client, server.address) == 0)

    def test_dropping_a_stream_that_was_never_read_ends_the_call(
        self, client: DaqDataClient, server: Server
    ) -> None:
        stream = client.stream_frames()
        wait_until(lambda: n_streams(client, server.address) == 1)
        del stream
        wait_until(lambda: n_streams(client, server.address) == 0)

    def test_leaving_the_context_of_a_stream_ends_the_call(
        self, client: DaqDataClient, server: Server, recorder: Recorder
    ) -> None:
        recorder.write(DataProduct.IMG16)
        with client.stream_frames() as stream:
            loop = iter(stream)
            assert next(loop).frame_number == 0
            assert n_streams(client, server.address) == 1
        wait_until(lambda: n_streams(client, server.address) == 0)
        assert list(loop) == []

    def test_closing_a_stream_ends_the_call(self, client: DaqDataClient, server: Server) -> None:
        stream = client.stream_frames()
        wait_until(lambda: n_streams(client, server.address) == 1)
        stream.close()
        wait_until(lambda: n_streams(client, server.address) == 0)

    def test_leaving_the_client_ends_the_loop_of_another_thread(self, server: Server) -> None:
        client = DaqDataClient.connect(server.address)
        with ThreadPoolExecutor(1) as threads, client:
            ended = threads.submit(lambda: list(client.stream_frames()))
            wait_until(lambda: n_streams(client, server.address) == 1)
        assert ended.result(5) == []

    @pytest.mark.parametrize("name", ["stream_images", "stream_frames", "stream_blocks"])
    def test_leaving_the_client_while_another_thread_opens_a_stream_ends_its_loop(self, name: str) -> None:
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            client = DaqDataClient.connect(f"127.0.0.1:{mute.getsockname()[1]}")
            with ThreadPoolExecutor(1) as threads, client:
                ended = threads.submit(lambda: list(getattr(client, name)(client.hosts)))
                wait_until(lambda: bool(client._life._calls))
            assert ended.result(5) == []

    def test_a_loop_that_goes_on_after_the_client_was_left_just_ends(
        self, server: Server, recorder: Recorder
    ) -> None:
        recorder.write(DataProduct.IMG16)
        with DaqDataClient.connect(server.address) as client:
            iterator = iter(client.stream_frames())
            by_next = client.stream_frames()
            assert next(iterator).frame_number == next(by_next).frame_number == 0
        assert list(iterator) == []
        assert list(itertools.islice(iter(lambda: next(by_next, None), None), 1)) == []

    def test_a_quiet_host_does_not_slow_a_fast_one(self, server: Server, recorder: Recorder) -> None:
        with (
            serving_in_thread(UPLOADS, accept_uploads=True) as quiet,
            DaqDataClient.connect(quiet.address, server.address) as client,
        ):
            recorder.write(DataProduct.IMG16)
            for i, frame in enumerate(client.stream_frames()):
                assert (frame.host, frame.frame_number) == (server.address, i)
                if i == 20:
                    break
                recorder.write(DataProduct.IMG16)

    def test_a_server_that_refuses_is_an_rpc_error_of_the_first_image(self) -> None:
        with serving_in_thread() as idle, DaqDataClient.connect(idle.address) as client:
            stream = client.stream_images()
            with pytest.raises(RpcError) as refused:
                next(stream)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert isinstance(refused.value, grpc.RpcError)
        assert isinstance(refused.value, grpc.aio.AioRpcError)
        assert refused.value.host == idle.address
        assert "panoseti-daq init" in str(refused.value)

    def test_both_kinds_false_is_refused_by_the_server(self, client: DaqDataClient) -> None:
        with pytest.raises(grpc.RpcError) as refused:
            list(client.stream_images(stream_movie_data=False, stream_pulse_height_data=False))
        assert isinstance(refused.value, RpcError)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    def test_a_timeout_ends_the_stream_with_deadline_exceeded(self, client: DaqDataClient) -> None:
        with pytest.raises(RpcError) as ended:
            list(client.stream_images(timeout=0.1))
        assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    def test_an_error_of_on_host_change_reaches_the_caller(self, server: Server) -> None:
        def fail(change: HostChange) -> None:
            raise KeyError("mine")

        with pytest.raises(ExceptionGroup) as group, DaqDataClient.connect(server.address) as client:
            list(client.stream_frames(on_host_change=fail))
        assert group.group_contains(KeyError, match="mine")


class TestThreads:
    def test_several_threads_stream_and_ask_at_once(
        self, client: DaqDataClient, server: Server, recorder: Recorder
    ) -> None:
        recorder.write(DataProduct.IMG16)
        barrier = threading.Barrier(6)

        def stream() -> int:
            for frame in client.stream_frames():
                barrier.wait(PATIENCE_S)
                return frame.frame_number
            raise AssertionError("no frame")

        def ask() -> int:
            barrier.wait(PATIENCE_S)
            assert client.ping(server.address, 5)
            return 0

        with ThreadPoolExecutor(6) as threads:
            calls = [threads.submit(call) for call in (stream, stream, stream, ask, ask, ask)]
            assert [call.result() for call in calls] == [0] * 6
        wait_until(lambda: n_streams(client, server.address) == 0)

    def test_clients_share_one_thread_that_ends_after_the_last(self) -> None:
        before = len(loop_threads())
        with serving_process("--simulate") as (_, address):
            with DaqDataClient.connect(address) as one:
                assert len(loop_threads()) == before + 1
                with DaqDataClient.connect(address) as other:
                    assert len(loop_threads()) == before + 1
                    assert other.ping(address)
                assert one.ping(address)
            assert len(loop_threads()) == before

    def test_a_client_is_entered_once(self, server: Server) -> None:
        client = DaqDataClient.connect(server.address)
        with client:
            with pytest.raises(ClientStateError, match="DaqDataClient is open already"):
                client.__enter__()
            assert client.ping(server.address, 5)
        with pytest.raises(ClientStateError, match="DaqDataClient is closed"):
            client.__enter__()

    def test_a_call_that_waits_when_another_thread_leaves_the_client_ends_with_that(self) -> None:
        with socket.socket() as mute:  # accepts connections and says nothing
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            client = DaqDataClient.connect(f"127.0.0.1:{mute.getsockname()[1]}")
            with ThreadPoolExecutor(1) as threads, client:
                waiting = threads.submit(client.ping, client.hosts[0], 60)
                wait_until(lambda: bool(client._life._calls))
            with pytest.raises(ClientStateError, match="closed"):
                waiting.result(5)

    def test_an_exception_in_the_block_passes_through_unchanged(self, server: Server) -> None:
        mine = KeyError("mine")
        with pytest.raises(KeyError) as error, DaqDataClient.connect(server.address):
            raise mine
        assert error.value is mine
        assert error.value.__cause__ is None

    def test_the_servers_refusal_passes_through_the_block(self) -> None:
        with pytest.raises(RpcError), serving_in_thread() as idle, DaqDataClient.connect(idle.address) as client:
            list(client.stream_images())


_ENDLESS = """
    import sys
    from panoseti_daq.client import DaqDataClient

    def forever():
        import threading
        print("waiting", flush=True)
        threading.Event().wait()
        yield

    with DaqDataClient.connect(sys.argv[1]) as client:
        {call}
"""


@pytest.mark.parametrize(
    "call",
    [
        "for _ in client.stream_images(on_host_change=lambda _: print('waiting', flush=True)): pass",
        "next(client.stream_images(on_host_change=lambda _: print('waiting', flush=True)))",
        "client.upload_images(None, forever())",
    ],
    ids=["for loop", "next", "upload"],
)
def test_ctrl_c_ends_a_call_that_waits_at_once(call: str) -> None:
    with serving_in_thread(UPLOADS, accept_uploads=True) as quiet:
        script = textwrap.dedent(_ENDLESS).format(call=call)
        process = subprocess.Popen(
            [sys.executable, "-c", script, quiet.address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")


_NEVER_LEFT = """
    import sys
    from panoseti_daq import DaqDataClient
    client = DaqDataClient.connect(sys.argv[1])
    client.__enter__()
    images = iter(client.stream_images())
    print(next(images)["module_id"])
"""
_FORKED = """
    import multiprocessing, sys
    from panoseti_daq import DaqDataClient
    from panoseti_daq.errors import ClientStateError
    def child():
        for use in (DaqDataClient.connect(sys.argv[1]).__enter__, client.latest, lambda: next(images)):
            try:
                use()
            except ClientStateError as error:
                print("spawn" in str(error), flush=True)  # gRPC may end the child hard
    with DaqDataClient.connect(sys.argv[1]) as client:
        images = iter(client.stream_images())
        next(images)
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
"""


# odd night 23 and 24
@pytest.mark.parametrize(
    ("script", "printed"), [(_NEVER_LEFT, ["224"]), (_FORKED, ["True"] * 3)], ids=["never left", "forked"]
)
def test_a_script_ends_however_it_leaves_its_client(script: str, printed: list[str]) -> None:
    with serving_in_thread(HpIoConfig(simulate=True)) as server:
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script), server.address],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            env=os.environ | {"GRPC_ENABLE_FORK_SUPPORT": "0"},  # else gRPC itself may end the child
        )
    assert (ended.returncode, ended.stdout.split(), "Traceback" in ended.stderr) == (0, printed, False), ended


# odd night 56
def test_ctrl_c_in_the_documented_script_is_no_traceback() -> None:
    page = (Path(__file__).parents[2] / "docs" / "scripts.md").read_text("utf-8")
    script = page.split("## Without asyncio")[1].split("```python\n")[1].split("```")[0]
    script = script.replace("break", "sys.stdout.flush()").replace('"localhost:50123"', "sys.argv[1]")
    with serving_in_thread(HpIoConfig(simulate=True)) as server:
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys\n" + script, server.address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("224 ")
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
            process.communicate()
    assert (process.returncode, errors) == (0, "")


_CALLS: dict[str, Callable[[DaqDataClient, Any], object]] = {
    "stream_images": lambda client, hosts: client.stream_images(hosts),
    "stream_frames": lambda client, hosts: client.stream_frames(hosts),
    "reflect_services": lambda client, hosts: client.reflect_services(hosts),
    "init_sim": lambda client, hosts: client.init_sim(hosts),
    "init_hp_io": lambda client, hosts: client.init_hp_io(hosts, {"update_interval_seconds": 1}),
    "upload_images": lambda client, hosts: client.upload_images(hosts, []),
    "validate_daq_hosts": lambda client, hosts: client.validate_daq_hosts(hosts),
    "get_status": lambda client, hosts: client.get_status(hosts),
}
_each_call = pytest.mark.parametrize("call", _CALLS.values(), ids=_CALLS)

_STATE_CALLS: dict[str, Callable[[DaqDataClient, Any], object]] = _CALLS | {
    "stream_blocks": lambda client, hosts: client.stream_blocks(hosts),
    "ping": lambda client, hosts: client.ping(hosts),
    "is_daq_host_valid": lambda client, hosts: client.is_daq_host_valid(hosts),
    "get_daq_host_status": lambda client, hosts: client.get_daq_host_status(),
    "get_valid_daq_hosts": lambda client, hosts: client.get_valid_daq_hosts(),
}
_each_state_call = pytest.mark.parametrize("call", _STATE_CALLS.values(), ids=_STATE_CALLS)


ANSWER_S: Final = 1.5  # enough for a busy machine; each dead host costs as much


class TestHosts:
    @pytest.mark.parametrize(
        "as_argument", [str, lambda host: [host], lambda host: (host,), lambda host: {host}, lambda host: None,
                        lambda host: "", lambda host: [], lambda host: ()]
    )  # fmt: skip
    def test_every_form_of_the_argument_finds_the_host(
        self, client: DaqDataClient, server: Server, as_argument: Callable[[str], Any]
    ) -> None:
        assert client.validate_daq_hosts(as_argument(server.address)) == [server.address]

    def test_no_argument_is_every_host_that_answers(self, server: Server) -> None:
        with DaqDataClient.connect(DEAD, server.address, timeout=ANSWER_S) as client:
            assert client.validate_daq_hosts() == [server.address]

    def test_a_host_named_twice_is_one(self, client: DaqDataClient, server: Server) -> None:
        assert client.validate_daq_hosts([server.address, server.address]) == [server.address]

    @_each_call
    @pytest.mark.parametrize(("host", "why"), [("unheard-of", "not configured"), (DEAD, "does not answer")])
    def test_an_unknown_or_dead_host_is_named_at_once_with_those_that_are_valid(
        self, server: Server, call: Callable[[DaqDataClient, Any], object], host: str, why: str
    ) -> None:
        with DaqDataClient.connect(server.address, DEAD, timeout=ANSWER_S) as client:
            with pytest.raises(ValueError, match=why) as error:
                call(client, host)
        assert isinstance(error.value, ConnectionError)
        assert isinstance(error.value, HostError)
        assert repr(host) in str(error.value)
        assert f"Valid daq_hosts: {server.address};" in str(error.value)

    @_each_call
    @pytest.mark.parametrize("hosts", [7, [7], object()], ids=["int", "ints", "object"])
    def test_another_type_is_a_value_error(
        self, client: DaqDataClient, call: Callable[[DaqDataClient, Any], object], hosts: object
    ) -> None:
        with pytest.raises(ConfigError, match="must be a str, a list, tuple or set"):
            call(client, hosts)

    def test_nobody_that_answers_is_an_error_of_both_kinds(self) -> None:
        with DaqDataClient.connect(DEAD) as client, pytest.raises(ConnectionError, match="No valid daq hosts"):
            client.stream_images()

    @_each_state_call
    def test_a_client_that_was_not_entered_says_so(self, call: Callable[[DaqDataClient, Any], object]) -> None:
        with pytest.raises(ClientStateError, match=r"not open; use it as 'with"):
            call(DaqDataClient.connect(DEAD), DEAD)

    @_each_state_call
    def test_a_client_that_was_left_says_so(self, call: Callable[[DaqDataClient, Any], object]) -> None:
        with DaqDataClient.connect(DEAD) as client:
            pass
        with pytest.raises(ClientStateError, match="DaqDataClient is closed"):
            call(client, DEAD)


def test_every_method_has_the_signature_and_the_text_of_the_async_client() -> None:
    for name, theirs in inspect.getmembers(AioDaqDataClient, inspect.isfunction):
        if not name.startswith("_"):
            ours = getattr(DaqDataClient, name)
            assert inspect.signature(ours).parameters.keys() == inspect.signature(theirs).parameters.keys()
            assert (ours.__doc__ or "").split(";")[0].split("\n")[0].rstrip(".") in (theirs.__doc__ or "")


@pytest.mark.parametrize(
    ("daq_config", "says"),
    [
        (None, "cannot be None"),
        (7, "not a str, Path, or dict"),
        ({}, "daq_nodes is empty"),
        ({"daq_nodes": [{}]}, "does not have an 'ip_addr' key"),
    ],
)
def test_a_configuration_that_cannot_be_is_a_value_error(daq_config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DaqDataClient(daq_config)


def test_a_configuration_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"network_config.*no\.json"):
        DaqDataClient({"daq_nodes": [{"ip_addr": DEAD}]}, tmp_path / "no.json")
