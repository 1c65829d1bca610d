"""TLS and mutual TLS between a real server and real clients; certificates that are replaced."""

from __future__ import annotations

import logging
import os
import shutil
import stat
from pathlib import Path

import pytest
from support.certificates import Authority, Pair
from support.rig import serving, serving_in_thread, until

from panoseti_daq.client import AioDaqDataClient, Credentials, DaqDataClient
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.load import check_values
from panoseti_daq.errors import ConfigError, HostError
from panoseti_daq.service.listening import ListenAt
from panoseti_daq.service.server import running_server

pytestmark = pytest.mark.anyio

SIMULATION = HpIoConfig(simulate=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server_pair(authority: Authority) -> Pair:
    return authority.issue("server")


def tls(pair: Pair, **more: object) -> dict[str, object]:
    return {"tls_certificate": pair.certificate, "tls_key": pair.key, **more}


def replace(pair: Pair, by: Pair) -> None:
    for old, new in zip(pair, by, strict=True):
        shutil.copy(new, f"{old}.new")
        os.replace(f"{old}.new", old)


async def answers(address: str, credentials: Credentials) -> bool:
    async with AioDaqDataClient.connect(address, credentials=credentials) as client:
        return await client.is_daq_host_valid(address)


async def why_not(address: str, credentials: Credentials) -> str:
    async with AioDaqDataClient.connect(address, credentials=credentials) as client:
        with pytest.raises(HostError) as error:
            await client.validate_daq_hosts(address)
    return str(error.value)


async def test_images_stream_over_tls(authority: Authority, server_pair: Pair) -> None:
    async with serving(SIMULATION, **tls(server_pair)) as server:
        credentials = Credentials(tls_ca=authority.file)
        async with AioDaqDataClient.connect(server.address, credentials=credentials) as client:
            async for image in client.stream_images():
                assert image["module_id"] == 224
                break
            assert "StreamImages" in await client.reflect_services()


def test_the_blocking_client_streams_over_tls(authority: Authority, server_pair: Pair) -> None:
    with serving_in_thread(SIMULATION, **tls(server_pair)) as server:
        credentials = Credentials(tls_ca=authority.file)
        with DaqDataClient.connect(server.address, credentials=credentials) as client:
            assert next(iter(client.stream_images()))["module_id"] == 224


async def test_a_plain_client_is_told_that_the_server_may_want_tls(server_pair: Pair) -> None:
    async with serving(None, **tls(server_pair)) as server:
        assert "does it require TLS" in await why_not(server.address, Credentials())


async def test_a_tls_client_is_told_that_the_server_has_none(authority: Authority) -> None:
    async with serving() as server:
        assert "does not speak TLS" in await why_not(server.address, Credentials(tls_ca=authority.file))


async def test_a_server_with_a_certificate_of_somebody_else_is_not_trusted(
    server_pair: Pair, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    async with serving(None, **tls(server_pair)) as server:
        for credentials in (Credentials(tls_ca=other.file), Credentials(tls=True)):
            assert "is not trusted (tls_ca)" in await why_not(server.address, credentials)


async def test_a_certificate_for_another_name_is_accepted_by_that_name_only(authority: Authority) -> None:
    pair = authority.issue("daq1.example", "192.0.2.1")
    async with serving(None, **tls(pair)) as server:
        assert "for another name (tls_server_name)" in await why_not(
            server.address, Credentials(tls_ca=authority.file)
        )
        assert await answers(server.address, Credentials(tls_ca=authority.file, tls_server_name="daq1.example"))


async def test_mutual_tls_lets_in_clients_with_a_certificate_of_the_authority(
    authority: Authority, server_pair: Pair
) -> None:
    mine = authority.issue("client")
    async with serving(SIMULATION, **tls(server_pair, tls_client_ca=authority.file)) as server:
        credentials = Credentials(tls_ca=authority.file, tls_certificate=mine.certificate, tls_key=mine.key)
        assert await answers(server.address, credentials)


async def test_mutual_tls_keeps_out_clients_without_a_certificate_or_with_another_ones(
    authority: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    theirs = Authority(tmp_path, "other").issue("client")
    async with serving(SIMULATION, **tls(server_pair, tls_client_ca=authority.file)) as server:
        for credentials in (
            Credentials(tls_ca=authority.file),
            Credentials(tls_ca=authority.file, tls_certificate=theirs.certificate, tls_key=theirs.key),
        ):
            assert "a certificate of ours?" in await why_not(server.address, credentials)


async def test_replaced_certificates_are_used_for_new_connections_and_streams_go_on(
    authority: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    async with (
        serving(SIMULATION, **tls(server_pair)) as server,
        AioDaqDataClient.connect(server.address, credentials=Credentials(tls_ca=authority.file)) as client,
    ):
        frames = aiter(client.stream_frames())
        await anext(frames)
        streams = server.acquisition.streams
        replace(server_pair, other.issue("new"))
        while not await answers(server.address, Credentials(tls_ca=other.file)):
            await anext(frames)
        assert server.acquisition.streams == streams  # it did not break off and come back
        for _ in range(3):
            await anext(frames)
        assert not await answers(server.address, Credentials(tls_ca=authority.file))


async def test_new_certificates_that_are_bad_are_logged_and_the_old_ones_stay_in_force(
    authority: Authority, server_pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(None, **tls(server_pair)) as server:
        server_pair.certificate.write_text("nonsense")
        await until(lambda: "the old ones stay in force" in caplog.text)
        assert f"{server_pair.certificate} holds no certificate" in caplog.text
        assert await answers(server.address, Credentials(tls_ca=authority.file))


async def test_a_key_that_is_replaced_before_its_certificate_is_used_when_both_are_there(
    server_pair: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Authority(tmp_path, "other")
    new = other.issue("new")
    async with serving(None, **tls(server_pair)) as server:
        shutil.copy(new.key, server_pair.key)
        await until(lambda: "is not the key of the certificate" in caplog.text)
        shutil.copy(new.certificate, server_pair.certificate)
        async with AioDaqDataClient.connect(server.address, credentials=Credentials(tls_ca=other.file)) as client:
            assert await client.ping(server.address, 8)


async def _start_error(settings: dict[str, object]) -> str:
    with pytest.raises(ConfigError) as error:
        async with running_server(check_values(settings)):
            pass
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("key", ["tls_certificate", "tls_key", "tls_client_ca"])
async def test_a_missing_or_bad_file_is_an_error_at_start(
    key: str, authority: Authority, server_pair: Pair, tmp_path: Path
) -> None:
    settings = tls(server_pair, tls_client_ca=authority.file)
    nowhere, bad = tmp_path / "nowhere.pem", tmp_path / "bad.pem"
    bad.write_text("-----BEGIN NONSENSE-----")
    assert f"{key}: {nowhere} cannot be read: No such file" in await _start_error({**settings, key: nowhere})
    assert f"{key}: {bad} holds no" in await _start_error({**settings, key: bad})
    assert f"{key}: {tmp_path} cannot be read: Is a directory" in await _start_error({**settings, key: tmp_path})


async def test_the_key_of_another_certificate_is_an_error_at_start(
    authority: Authority, server_pair: Pair
) -> None:
    other = authority.issue("other")
    error = await _start_error(tls(Pair(server_pair.certificate, other.key)))
    assert f"tls_key: {other.key} is not the key of the certificate in {server_pair.certificate}" in error


async def test_a_key_with_a_passphrase_is_an_error_at_start_and_no_question(authority: Authority) -> None:
    pair = authority.issue("server", passphrase=b"secret")
    assert "without a passphrase" in await _start_error(tls(pair))


async def test_a_key_without_a_certificate_and_the_reverse_are_errors_at_start(server_pair: Pair) -> None:
    assert "tls_certificate is set and tls_key is not" in await _start_error(
        {"tls_certificate": server_pair.certificate}
    )
    assert "tls_key is set and tls_certificate is not" in await _start_error({"tls_key": server_pair.key})
    assert "tls_client_ca is set and tls_certificate is not" in await _start_error(
        {"tls_client_ca": server_pair.certificate}
    )


async def test_a_unix_socket_is_for_its_user_only_and_plain(server_pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "daq.sock"
    umask = os.umask(0o022)
    try:
        settings = check_values(tls(server_pair))
        async with running_server(settings, ListenAt((f"unix://{path}",))) as server:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert await answers(server.address, Credentials())
            assert await answers(server.address, Credentials(tls=True))
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(umask)


@pytest.mark.parametrize(
    ("has_tls", "has_client_ca", "has_tokens", "danger"),
    [
        (False, False, False, "without TLS or authentication: everyone who reaches it may stream and init"),
        (False, False, True, "without TLS: tokens can be read on the network"),
        (True, False, False, "with TLS but without authentication"),
        (True, True, False, ""),
        (True, False, True, ""),
    ],
)
async def test_a_server_that_others_can_reach_warns_at_start_of_what_it_does_not_ask_for(
    has_tls: bool,
    has_client_ca: bool,
    has_tokens: bool,
    danger: str,
    authority: Authority,
    server_pair: Pair,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"me read sha256:{'0' * 64}\n")
    settings = check_values(
        (tls(server_pair) if has_tls else {})
        | ({"tls_client_ca": authority.file} if has_client_ca else {})
        | ({"allowed_tokens_file": tokens} if has_tokens else {})
    )
    with caplog.at_level(logging.WARNING):
        async with running_server(settings, ListenAt(("0.0.0.0",))):
            pass
    ours = [record for record in caplog.records if record.name.startswith("panoseti_daq")]
    messages = [record.getMessage() for record in ours]
    assert len(messages) == bool(danger)
    assert danger in "".join(messages)
