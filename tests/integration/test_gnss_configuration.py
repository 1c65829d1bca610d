"""Receivers that are configured: at a pseudo-terminal and a TCP port, through a gateway, and what goes wrong."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from grpc import StatusCode
from support.gateways import client_of, gateway_of
from support.patience import PATIENCE_S
from support.receiver import UNIQUE_ID, FakeF9t, asked, at_port, connected, plugged
from support.rig import serving

from panoseti_daq.client import AioDaqDataClient, DaqDataClient
from panoseti_daq.client.errors import RpcError
from panoseti_daq.gnss.f9t import F9tSetting

pytestmark = pytest.mark.anyio

SETTINGS = [
    {"key": "CFG_MSGOUT_UBX_TIM_TP_USB", "value": 1},
    {"key": "CFG_TP_DUTY_TP1", "value": 0.01},
    {"key": "CFG_SIGNAL_GPS_ENA", "value": 1},
]
POSITION = {"format": "LLH", "lat_deg": 37.4219999, "lon_deg": -122.0840575, "height_m": 12.345, "acc_m": 0.02}
CONFIG = {"f9t_uid": UNIQUE_ID, "cfg_key_settings": SETTINGS, "position": POSITION, "baud": 115200}


@asynccontextmanager
async def allowed(source: str) -> AsyncIterator[tuple[str, AioDaqDataClient]]:
    """A server that may configure its receiver, which is connected, and a client."""
    async with asked(source, allow_configuration=True) as (address, client):
        await connected(client, address)
        yield address, client


async def refused(client: AioDaqDataClient, address: str, **more: Any) -> tuple[StatusCode, str]:
    with pytest.raises(RpcError) as error:
        await client.init_f9t(address, CONFIG | more)
    return error.value.code(), str(error.value.details())


async def test_a_receiver_at_a_device_takes_a_configuration(tmp_path: Path) -> None:
    device = tmp_path / "ttyACM0"
    fake = FakeF9t()
    with plugged(device, fake):
        async with allowed(str(device)) as (address, client):
            said = await client.init_f9t(address, CONFIG | {"device": str(device)})
    assert said == "roof holds all 12 settings"
    [(signals, _), (others, _)] = fake.sets
    assert (len(signals), len(others)) == (1, 11)
    for one in SETTINGS:
        setting = F9tSetting.of(str(one["key"]), one["value"])
        assert fake.held[setting.key_id] == setting.encoded


async def test_a_receiver_at_a_port_is_configured_and_asked_by_the_blocking_client() -> None:
    fake = FakeF9t()

    def configure(address: str) -> tuple[str, dict[str, Any]]:
        with DaqDataClient.connect(address) as client:
            return client.init_f9t(address, CONFIG), client.poll_gnss(address, ["MON-VER", "SEC-UNIQID"])

    async with at_port(fake) as source, allowed(source) as (address, _):
        said, polled = await asyncio.to_thread(configure, address)
    assert said == "roof holds all 12 settings"
    assert polled["MON-VER"]["swVersion"] == "EXT CORE 1.00 (3fda8e)"
    assert polled["MON-VER"]["extension_01"] == "MOD=ZED-F9T"
    assert polled["SEC-UNIQID"]["uniqueId"] == UNIQUE_ID


async def test_the_code_of_the_page_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gnss.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    async with at_port(FakeF9t()) as source, allowed(source) as (address, _):
        command = [sys.executable, "-c", "\n".join(blocks).replace("daq1", address)]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
    assert done.returncode == 0, done.stderr
    assert "\nroof -122 ps\nroof holds all 10 settings\n" in done.stdout


async def test_keys_that_a_receiver_does_not_know_or_does_not_take_are_named() -> None:
    async with (
        at_port(FakeF9t(unknown=frozenset({"CFG_TP_DUTY_TP1"}))) as source,
        allowed(source) as (address, client),
    ):
        code, text = await refused(client, address)
    assert code is StatusCode.INTERNAL
    assert text.startswith(
        "roof refused its configuration; 9 keys differ: CFG_TP_DUTY_TP1: wanted 0.01, has nothing"
    )
    async with (
        at_port(FakeF9t(stuck=frozenset({"CFG_MSGOUT_UBX_TIM_TP_USB"}))) as source,
        allowed(source) as (address, client),
    ):
        code, text = await refused(client, address)
    assert code is StatusCode.INTERNAL
    assert text == (
        "roof holds other values than were written; 1 key differs: CFG_MSGOUT_UBX_TIM_TP_USB: wanted 1, has 0"
    )


async def test_another_receiver_is_left_alone() -> None:
    fake = FakeF9t()
    async with at_port(fake) as source, allowed(source) as (address, client):
        assert await refused(client, address, f9t_uid="0000000001") == (
            StatusCode.INVALID_ARGUMENT,
            f"f9t_uid 0000000001 not found; roof is {UNIQUE_ID}",
        )
        code, text = await refused(client, address, device="/dev/ttyACM7")
        assert (code, text) == (
            StatusCode.INVALID_ARGUMENT,
            f"device /dev/ttyACM7 not found; there are: roof={source}",
        )
        assert (await refused(client, address, f9t_uid=""))[1].startswith("invalid f9t_uid: missing")
    async with at_port(FakeF9t("ZED-F9P")) as source, allowed(source) as (address, client):
        assert await refused(client, address) == (
            StatusCode.INVALID_ARGUMENT,
            "invalid model of roof: ZED-F9P; allowed: ZED-F9T",
        )
    assert fake.sets == []


async def test_it_is_not_configured_unless_that_is_allowed_and_forced_while_somebody_captures() -> None:
    fake = FakeF9t()
    async with at_port(fake) as source:
        async with asked(source) as (address, client):
            code, text = await refused(client, address)
            assert code is StatusCode.PERMISSION_DENIED
            assert "--gnss-allow-configuration" in text
        async with allowed(source) as (address, client):
            messages = client.capture_gnss(address)
            assert (await anext(messages))["receiver"] == "roof"
            code, text = await refused(client, address)
            assert code is StatusCode.FAILED_PRECONDITION
            assert "force" in text
            assert fake.sets == []
            assert await client.init_f9t(address, CONFIG, force=True)
            while (await anext(messages))["name"] != "CFG-VALGET":  # the stream goes on
                pass
            await messages.aclose()


async def test_a_device_that_is_unplugged_in_the_middle_is_an_error_at_once_and_works_again(
    tmp_path: Path,
) -> None:
    device = tmp_path / "ttyACM0"
    fake = FakeF9t()
    with plugged(device, fake, n_left=5):  # after who it is, in the answer to what was set
        async with allowed(str(device)) as (address, client):
            code, text = await refused(client, address)
            assert code is StatusCode.UNAVAILABLE
            assert text.startswith("roof: ")
            with plugged(device, fake):
                async with asyncio.timeout(PATIENCE_S):
                    while not await _is_configured(client, address):
                        await asyncio.sleep(0.05)


async def _is_configured(client: AioDaqDataClient, address: str) -> bool:
    try:
        return bool(await client.init_f9t(address, CONFIG))
    except RpcError as error:
        assert error.code() in (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED)
        return False


async def test_a_gateway_hands_on_messages_questions_and_configurations() -> None:
    fake = FakeF9t()
    async with (
        at_port(fake) as source,
        allowed(source) as (address, _),
        serving() as other,
        gateway_of(f"daq1={other.address}", f"daq2={address}") as gateway,
        client_of(gateway) as client,
    ):
        async with asyncio.timeout(PATIENCE_S):
            while not (status := await client.get_status(gateway.address)).receivers:
                await asyncio.sleep(0.05)
        assert [(one.name, one.connected) for one in status.receivers] == [("daq2/roof", True)]
        messages = client.capture_gnss(gateway.address, ["TIM-TP"])
        message = await anext(messages)
        await messages.aclose()
        assert (message["receiver"], message["name"], message["fields"]["qErr"]) == ("daq2/roof", "TIM-TP", -122)
        assert (await client.poll_gnss(gateway.address, ["SEC-UNIQID"]))["SEC-UNIQID"]["uniqueId"] == UNIQUE_ID
        async with asyncio.timeout(PATIENCE_S):
            while not await _is_free(client, gateway.address):
                await asyncio.sleep(0.05)
        assert len(fake.sets) == 2
        with pytest.raises(RpcError, match="daq2: invalid f9t_uid"):
            await client.init_f9t(gateway.address, {})


async def _is_free(client: AioDaqDataClient, address: str) -> bool:
    """Configure it; the stream that was closed may still end at the node."""
    try:
        return bool(await client.init_f9t(address, CONFIG))
    except RpcError as error:
        assert error.code() is StatusCode.FAILED_PRECONDITION
        return False


async def test_a_gateway_without_receivers_says_so() -> None:
    async with serving() as node, gateway_of(f"daq1={node.address}") as gateway, client_of(gateway) as client:
        with pytest.raises(RpcError, match="no node of this gateway reads a receiver"):
            await anext(client.capture_gnss(gateway.address))
        with pytest.raises(RpcError, match="no node of this gateway reads a receiver"):
            await client.poll_gnss(gateway.address)
