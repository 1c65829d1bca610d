"""Odd entries of a data directory: each harms only itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from support.frames import append, frame_bytes
from support.rig import serving, serving_process
from support.run_files import FRAME, IMG16, PH256, file_of

from panoseti_daq.client import AioDaqDataClient, BlockStream, ReceivedBlock
from panoseti_daq.pff import Gap, Quality, TimeStatus, open_file
from panoseti_daq.sources.runs import RUN_NAME_FILE

pytestmark = pytest.mark.anyio


async def next_block(stream: BlockStream[ReceivedBlock | Gap]) -> ReceivedBlock:
    block = await anext(stream)
    assert isinstance(block, ReceivedBlock)
    return block


async def check_module_1(data_dir: Path) -> str:
    """Check that every stream and Status serve module 1 while it grows; what Status says."""
    async with serving(data_dir) as server, AioDaqDataClient.connect(server.address) as client:
        newest, everything = (
            client.stream_frames(module_ids=[1]),
            client.stream_blocks(since="run", module_ids=[1]),
        )
        assert (await anext(newest)).module_id == 1
        block = await next_block(everything)
        assert block.module_id == 1
        append(file_of(data_dir), FRAME)
        assert (await anext(newest)).frame_number == 1
        block = await next_block(everything)
        assert block.first_frame_number == 1
        return (await client.get_status(server.address)).message


def with_byte_e9(data_dir: Path) -> None:
    odd = file_of(data_dir, 2)
    append(odd.with_name(odd.name.replace(".seqno_0", ".obs_caf\udce9.seqno_0")), FRAME)


def in_run_with_byte_e9(data_dir: Path) -> None:
    append(file_of(data_dir, 2, run="caf\udce9"), FRAME)


def named_with_byte_e9(data_dir: Path) -> None:
    (data_dir / RUN_NAME_FILE).write_bytes(b"caf\xe9\n")


def unreadable(data_dir: Path) -> None:
    (data_dir / "module_2").symlink_to("module_2")  # root may read whatever the permission is


def with_unreadable_run(data_dir: Path) -> None:
    (data_dir / "module_1" / "lost+found").symlink_to("lost+found")


def with_unreadable_file(data_dir: Path) -> None:
    file_of(data_dir, product=PH256).symlink_to(file_of(data_dir, product=PH256))


def with_pipe(data_dir: Path) -> None:
    os.mkfifo(file_of(data_dir, product=PH256))


def with_directory(data_dir: Path) -> None:
    file_of(data_dir, product=PH256).mkdir()


# odd night 4, 5 and 6
@pytest.mark.parametrize(
    ("make_odd", "says"),
    [
        (with_byte_e9, ""),
        (in_run_with_byte_e9, ""),
        (named_with_byte_e9, ""),
        (unreadable, "module 2 cannot be read"),
        (with_unreadable_run, "lost+found cannot be read"),
        (with_unreadable_file, ""),
        (with_pipe, "is not a regular file"),
        (with_directory, "is not a regular file"),
    ],
)
async def test_an_odd_entry_harms_only_itself(tmp_path: Path, make_odd: Callable[[Path], None], says: str) -> None:
    append(file_of(tmp_path), FRAME)
    make_odd(tmp_path)
    assert says in await check_module_1(tmp_path)


# odd night 4
@pytest.mark.parametrize("make_odd", [with_byte_e9, in_run_with_byte_e9])
async def test_frames_in_a_file_of_any_name_are_delivered_and_continued(
    tmp_path: Path, make_odd: Callable[[Path], None]
) -> None:
    make_odd(tmp_path)
    (path,) = tmp_path.rglob("*.pff")
    async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
        assert (await anext(client.stream_frames())).module_id == 2
        stream = client.stream_blocks(since="run")
        assert len(await next_block(stream)) == 1
        await stream.aclose()
        append(path, FRAME)
        again = await next_block(client.stream_blocks(resume=stream.resume_token))
        assert (again.first_frame_number, len(again)) == (1, 1)


# odd night 7
async def test_a_time_that_is_none_ends_no_stream(tmp_path: Path) -> None:
    append(file_of(tmp_path), frame_bytes(IMG16, tv_sec=9_999_999_999))
    append(file_of(tmp_path, 2), FRAME)
    async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
        images = client.stream_images()
        found = {image["module_id"]: image for image in [await anext(images), await anext(images)]}
        assert found[1]["header"]["pandas_unix_timestamp"] is pd.NaT
        assert isinstance(found[2]["header"]["pandas_unix_timestamp"], pd.Timestamp)
        frame = await anext(client.stream_frames(module_ids=[1]))
        assert frame.time.status is TimeStatus.NO_TIME
        assert Quality.NO_TIME in frame.quality
        block = await next_block(client.stream_blocks(since="run", module_ids=[1]))
        assert block.times[1].tolist() == [TimeStatus.NO_TIME]


# odd night 6
def test_a_pipe_named_like_a_file_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    append(file_of(tmp_path), FRAME)
    os.mkfifo(file_of(tmp_path, product=PH256))
    with serving_process("--data-dir", tmp_path, "--run-probe", "none") as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


# odd night 6
def test_a_pipe_is_no_recorded_file(tmp_path: Path) -> None:
    pipe = file_of(tmp_path)
    pipe.parent.mkdir(parents=True)
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not a regular file"):
        open_file(pipe)


# odd night 15
def test_a_file_that_is_cut_while_it_is_open_ends_python_unless_it_was_copied(tmp_path: Path) -> None:
    assert "copy a file first" in " ".join(str(open_file.__doc__).split())
    path = file_of(tmp_path)
    append(path, FRAME * 100)
    code = (
        "import os, shutil, sys; from panoseti_daq.pff import Gap, Quality, TimeStatus, open_file;"
        "path, copied = sys.argv[1], os.path.join(os.path.dirname(os.path.dirname(sys.argv[1])), 'copy');"
        "os.mkdir(copied);"
        "first = open_file(shutil.copy(path, copied)); second = open_file(path);"
        "os.truncate(path, 0); print(len(first), first.images.sum(), flush=True); second.images.sum()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("100 ")
    assert done.returncode == -signal.SIGBUS
