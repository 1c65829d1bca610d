"""Tokens and roles: a real server that asks for them, and clients that have them or do not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc
from support.frames import block_of
from support.rig import run_command, serving, serving_in_thread, serving_process, until

from panoseti_daq.client import AioDaqDataClient, Credentials, DaqDataClient, RpcError
from panoseti_daq.client.node import SERVICE
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import Frame
from panoseti_daq.service.access.tokens import Role, make_token
from panoseti_daq.service.server import running_server

pytestmark = pytest.mark.anyio

SIMULATION = HpIoConfig(simulate=True)


class Tokens(NamedTuple):
    """A file with two tokens, and the tokens."""

    file: Path
    read: str
    control: str

    def write(self, *lines: object) -> None:
        new = self.file.with_suffix(".new")
        new.write_text("".join(f"{line}\n" for line in lines))
        new.replace(self.file)


def make_tokens(directory: Path) -> Tokens:
    read, read_line = make_token("observer", Role.READ)
    control, control_line = make_token("operator", Role.CONTROL)
    made = Tokens(directory / "tokens", read, control)
    made.write("# who may come in", read_line, "", f"{control_line}  # on the head node")
    return made


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return make_tokens(tmp_path)


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield channel


def client_with(address: str, token: str) -> AioDaqDataClient:
    return AioDaqDataClient.connect(address, credentials=Credentials(token=token))


async def _frames() -> AsyncIterator[Frame]:
    yield block_of()[0]


async def _first(stream: Any) -> None:
    async for _ in stream:
        break


CALLS: dict[str, Callable[[AioDaqDataClient, str], Any]] = {
    "StreamImages": lambda client, host: _first(client.stream_images(host)),
    "StreamFrames": lambda client, host: _first(client.stream_blocks(host, since="run")),
    "Status": lambda client, host: client.get_status(host),
    "reflection": lambda client, host: client.reflect_services(host),
    "UploadImages": lambda client, host: client.upload_images(host, _frames()),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_every_call_without_a_token_or_with_a_wrong_one_is_unauthenticated(
    call: Callable[[AioDaqDataClient, str], Any], tokens: Tokens
) -> None:
    said = set()
    async with serving(SIMULATION, allowed_tokens_file=tokens.file, accept_uploads=True) as server:
        for token in ("", "wrong", tokens.read[:-1], tokens.read + "x", "observer"):
            async with client_with(server.address, token) as client:
                with pytest.raises(RpcError) as error:
                    await call(client, server.address)
                assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
                said.add(error.value.details())
    assert len(said) == 1


@pytest.mark.parametrize("name", ["StreamImages", "StreamFrames", "Status", "reflection"])
async def test_a_read_token_may_look(name: str, tokens: Tokens) -> None:
    async with (
        serving(SIMULATION, allowed_tokens_file=tokens.file) as server,
        client_with(server.address, tokens.read) as client,
    ):
        await CALLS[name](client, server.address)


async def test_a_read_token_may_not_configure_or_upload(tokens: Tokens, caplog: pytest.LogCaptureFixture) -> None:
    async with (
        serving(SIMULATION, allowed_tokens_file=tokens.file, accept_uploads=True) as server,
        client_with(server.address, tokens.read) as client,
    ):
        with pytest.raises(RpcError) as refused:  # odd night 49
            await client.init_sim()
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert "InitHpIo needs a token with the role control; this one has read (PERMISSION_DENIED)" in caplog.text
        with pytest.raises(RpcError) as error:
            await client.upload_images(server.address, _frames())
        assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert server.acquisition.following is not None
        assert server.acquisition.following.set_by == "the server's start"


async def test_a_control_token_may_do_everything_and_status_says_whose_it_was(tokens: Tokens) -> None:
    async with (
        serving(SIMULATION, allowed_tokens_file=tokens.file, accept_uploads=True) as server,
        client_with(server.address, tokens.control) as client,
    ):
        for call in CALLS.values():
            await call(client, server.address)
        assert await client.init_sim()
        status = await client.get_status(server.address)
        assert status.followed.set_by.endswith(" (operator)")


async def test_health_asks_for_a_token_too(tokens: Tokens) -> None:
    async with (
        serving(allowed_tokens_file=tokens.file) as server,
        connected(server.address) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await health.Check(health_pb2.HealthCheckRequest())
        assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        answer = await health.Check(
            health_pb2.HealthCheckRequest(), metadata=(("authorization", f"Bearer {tokens.read}"),)
        )
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_unknown_call_is_not_told_from_a_known_one_without_a_token(tokens: Tokens) -> None:
    async with (
        serving(allowed_tokens_file=tokens.file) as server,
        connected(server.address) as channel,
    ):
        for token, code in (
            ("", grpc.StatusCode.UNAUTHENTICATED),
            (tokens.read, grpc.StatusCode.PERMISSION_DENIED),
            (tokens.control, grpc.StatusCode.UNIMPLEMENTED),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await channel.unary_unary("/no.Such/Call")(b"", metadata=(("authorization", f"Bearer {token}"),))
            assert error.value.code() is code


@pytest.mark.parametrize(
    "values",
    [("Basic {}",), ("{}",), ("Bearer",), ("Bearer {}", "Bearer {}"), ("Bearer {} {}",)],
)
async def test_only_one_header_with_one_bearer_token_counts(values: tuple[str, ...], tokens: Tokens) -> None:
    metadata = [("authorization", value.replace("{}", tokens.read)) for value in values]
    async with (
        serving(allowed_tokens_file=tokens.file) as server,
        connected(server.address) as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await channel.unary_unary(f"{SERVICE}/Ping")(b"", metadata=metadata)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_who_is_refused_need_not_send_anything_to_learn_it(tokens: Tokens) -> None:
    async with (
        serving(allowed_tokens_file=tokens.file) as server,
        connected(server.address) as channel,
    ):
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo()
        assert await call.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_server_that_refuses_our_token_answers_a_ping(tokens: Tokens) -> None:
    async with (
        serving(allowed_tokens_file=tokens.file) as server,
        client_with(server.address, "wrong") as client,
    ):
        assert await client.ping(server.address)


def test_the_blocking_client_shows_its_token(tokens: Tokens) -> None:
    with (
        serving_in_thread(SIMULATION, allowed_tokens_file=tokens.file) as server,
        DaqDataClient.connect(server.address, credentials=Credentials(token=tokens.read)) as client,
    ):
        assert next(iter(client.stream_images()))["module_id"] == 224


async def test_a_token_that_is_added_is_let_in_without_a_restart(tokens: Tokens) -> None:
    secret, line = make_token("new", Role.READ)
    async with (
        serving(SIMULATION, allowed_tokens_file=tokens.file) as server,
        client_with(server.address, secret) as client,
    ):
        tokens.write(line)
        while True:
            try:
                await client.get_status(server.address)
                break
            except RpcError as error:
                assert error.code() is grpc.StatusCode.UNAUTHENTICATED
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("method", ["stream_frames", "stream_blocks"])
async def test_streams_of_a_token_that_is_removed_end_and_the_others_go_on(method: str, tokens: Tokens) -> None:
    _, *others = tokens.file.read_text().splitlines()[1:]
    async with (
        serving(SIMULATION, allowed_tokens_file=tokens.file) as server,
        client_with(server.address, tokens.read) as removed,
        client_with(server.address, tokens.control) as kept,
    ):
        frames = aiter(kept.stream_frames())
        await anext(frames)
        with pytest.raises(RpcError) as error:
            async for _ in getattr(removed, method)():
                tokens.write(*others)
        assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "no longer accepted" in str(error.value)
        await until(lambda: len(server.acquisition.streams) == 1)
        await anext(frames)


async def test_an_upload_ends_when_its_token_is_left_with_reading(tokens: Tokens) -> None:
    async def frames() -> AsyncIterator[Frame]:
        yield block_of()[0]
        tokens.write(tokens.file.read_text().replace("control", "read"))
        await asyncio.Event().wait()

    async with (
        serving(allowed_tokens_file=tokens.file, accept_uploads=True) as server,
        client_with(server.address, tokens.control) as client,
    ):
        with pytest.raises(RpcError) as error:
            await client.upload_images(server.address, frames())
        assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
        await client.get_status(server.address)


async def test_a_new_file_that_is_bad_is_logged_and_the_old_tokens_stay(
    tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving(allowed_tokens_file=tokens.file) as server,
        client_with(server.address, tokens.read) as client,
    ):
        tokens.write("observer read", tokens.read)
        await until(lambda: "the old ones stay in force" in caplog.text)
        assert f"{tokens.file}, line 1 has 2 words" in caplog.text
        await client.get_status(server.address)
        tokens.file.unlink()
        await until(lambda: "No such file" in caplog.text)
        await client.get_status(server.address)


async def test_a_missing_or_bad_file_is_an_error_at_start(tokens: Tokens, tmp_path: Path) -> None:
    for file, text in ((tmp_path / "none", "cannot be read: No such file"), (tokens.file, "line 1 has 1 words")):
        tokens.write(tokens.read)
        with pytest.raises(ConfigError, match=text) as error:
            async with running_server(ServerSettings(allowed_tokens_file=file)):
                pass
        assert tokens.read not in str(error.value)


async def test_refusals_are_logged_ever_less_often_and_tokens_never(
    tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        serving(SIMULATION, allowed_tokens_file=tokens.file) as server,
        client_with(server.address, "not-a-token") as stranger,
        client_with(server.address, tokens.read) as client,
    ):
        caplog.clear()
        for _ in range(20):
            await stranger.ping(server.address)
        with pytest.raises(RpcError):
            await client.init_sim()
        await _first(client.stream_images())
    refusals = [text for record in caplog.records if "refused so far" in (text := record.getMessage())]
    assert 4 <= len(refusals) <= 6  # the 2nd, 4th, 8th, 16th of the stranger, the next perhaps
    assert all("127.0.0.1" in text for text in refusals)
    assert "not-a-token" not in caplog.text
    assert tokens.read not in caplog.text


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


class Guarded(NamedTuple):
    """A server process that asks for tokens, and files and tokens that it accepts."""

    address: str
    read_file: Path
    control: str


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("guarded")
    tokens = make_tokens(directory)
    read_file = _write(directory / "observer.token", f"{tokens.read}\n")
    with serving_process("--simulate", "--allowed-tokens", tokens.file) as (_, address):
        yield Guarded(address, read_file, tokens.control)


def test_commands_take_the_token_from_a_file(guarded: Guarded) -> None:
    stream = ("stream", "--host", guarded.address, "--json", "--count", 1, "--update-interval", 0)
    result = run_command(*stream, "--token-file", guarded.read_file)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["module_id"] == 224
    result = run_command(*stream)
    assert result.returncode == 1
    assert "this server requires a token" in result.stderr
    assert "UNAUTHENTICATED" in result.stderr


@pytest.mark.parametrize("arguments", [("hosts",), ("ping",), ("reflect",), ("status", "--json")])
def test_every_command_that_asks_servers_takes_the_token(arguments: tuple[str, ...], guarded: Guarded) -> None:
    result = run_command(*arguments, "--host", guarded.address, "--token-file", guarded.read_file)
    assert result.returncode == 0, result.stderr
    assert "UNAUTHENTICATED" not in result.stdout + result.stderr


def test_record_takes_the_token(guarded: Guarded, tmp_path: Path) -> None:
    result = run_command(
        "record", tmp_path / "out", "--host", guarded.address, "--count", 1, "--token-file", guarded.read_file
    )
    assert result.returncode == 0, result.stderr


def test_init_with_a_read_token_fails_and_says_why(guarded: Guarded) -> None:
    result = run_command("init", "--sim", "--host", guarded.address, "--token-file", guarded.read_file)
    assert result.returncode == 1
    assert "needs a token with the role control" in result.stderr


def test_commands_and_clients_take_the_token_from_the_environment(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_TOKEN", guarded.control)
    assert run_command("init", "--sim", "--host", guarded.address).returncode == 0
    with DaqDataClient.connect(guarded.address) as client:
        assert client.get_status(guarded.address).version


def test_token_prints_a_token_and_the_line_of_it(tmp_path: Path) -> None:
    result = run_command("token", "night.shift", "--role", "control")
    assert result.returncode == 0, result.stderr
    secret, line = result.stdout.splitlines()
    assert line.startswith("night.shift control sha256:")
    assert secret not in line
    file = _write(tmp_path / "allowed", line)  # without an end of line
    result = run_command("token", "other", "--append-to", file)
    first, second = file.read_text().splitlines()
    assert first == line
    assert second.startswith("other read sha256:")
    assert len(result.stdout.splitlines()) == 1
    with serving_in_thread(allowed_tokens_file=file) as server:
        for one in (secret, result.stdout.strip()):
            with DaqDataClient.connect(server.address, credentials=Credentials(token=one)) as client:
                client.get_status(server.address)


def test_token_refuses_what_is_not_a_name() -> None:
    result = run_command("token", "night shift")
    assert result.returncode == 1
    assert "invalid name: 'night shift'" in result.stderr


def test_a_server_may_have_the_variables_of_clients_and_shows_no_token_of_a_mistyped_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_TOKEN_FILE", "/nowhere")
    monkeypatch.setenv("PANOSETI_DAQ_TLS_CA", "/nowhere")
    with serving_process() as (process, _):
        assert process.poll() is None
    monkeypatch.setenv("PANOSETI_DAQ_TOKENS", "pdaq_secret")
    result = run_command("serve")
    assert result.returncode == 1
    assert "PANOSETI_DAQ_TOKENS" in result.stderr
    assert "pdaq_secret" not in result.stderr
