"""Reads that hang, as those of a dead file server: they harm nothing else, and the process ends."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from urllib.request import urlopen

import pytest
from support.hanging import hanging
from support.rig import recording, serving, serving_process, until

from panoseti_daq.client import AioDaqDataClient, Credentials, RpcError
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.access.tokens import Role, make_token

pytestmark = pytest.mark.anyio

IMG16 = DataProduct.IMG16
N_CLIENTS = 40  # more than threads read


async def leave(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def next_of(stream: object) -> object:
    return await anext(stream)  # type: ignore[call-overload]


# odd night 71
async def test_calls_metrics_and_revocation_go_on_while_files_hang(tmp_path: Path) -> None:
    data_dir, tokens = tmp_path / "data", tmp_path / "tokens"
    secret, line = make_token("observer", Role.READ)
    tokens.write_text(f"{line}\n")
    credentials = Credentials(token=secret)
    with recording(data_dir) as recorder:
        recorder.write(IMG16, 3)
        options = {"metrics_port": 0, "max_concurrent_rpcs": 2 * N_CLIENTS, "allowed_tokens_file": str(tokens)}
        async with (
            serving(data_dir, **options) as server,
            AioDaqDataClient.connect(server.address, credentials=credentials) as client,
        ):
            newest = client.stream_frames()
            await anext(newest)
            with hanging(data_dir / "module_1"):
                streams = [client.stream_blocks(since="run") for _ in range(N_CLIENTS)]
                waiting = [asyncio.create_task(next_of(stream)) for stream in streams]
                await until(lambda: len(server.acquisition.streams) == N_CLIENTS + 1)
                assert (await client.get_status(server.address)).followed.modules == [1]
                page = await asyncio.to_thread(lambda: urlopen(server.metrics_address, timeout=20).read())
                assert b"panoseti_daq_streams" in page
                tokens.write_text("")
                with pytest.raises(RpcError, match="token"):
                    await anext(newest)
                await until(lambda: not server.acquisition.streams)
                await leave(*waiting)


async def test_a_directory_that_hangs_is_refused_and_blocks_nobody(tmp_path: Path) -> None:
    data_dir, other = tmp_path / "data", tmp_path / "other"
    other.mkdir()
    with recording(data_dir) as recorder:
        recorder.write(IMG16, 3)
        async with serving(data_dir) as server, AioDaqDataClient.connect(server.address) as client:
            with hanging(other):
                with pytest.raises(RpcError, match="does not answer within 10 s"):
                    await client.init_hp_io(server.address, {"data_dir": str(other)}, timeout=30)
                await anext(client.stream_frames())


# odd night 71
def test_a_server_whose_disk_hangs_ends_after_its_grace_period(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with recording(data_dir) as recorder:
        recorder.write(IMG16, 3)
        options = "--data-dir", data_dir, "--run-probe", "none", "--shutdown-grace-period", 0.5
        with serving_process(*options) as (process, _):
            with hanging(data_dir / "module_1"):
                recorder.write(IMG16)  # the open file is read, and then nothing any more
                os.utime(data_dir)
                (data_dir / "module_2").mkdir()  # a look at everything, which hangs
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) in (0, 1)
