"""More files than descriptors, and more than anybody wants to keep."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.counted import counted
from support.frames import append
from support.patience import PATIENCE_S
from support.rig import command
from support.run_files import FRAME, RUN, file_of, look

from panoseti_daq.client import DaqDataClient, ReceivedBlock
from panoseti_daq.pff import Begin, Selection
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.reader import FrameReader

N_MODULES = 40


@contextmanager
def serving_with_64_descriptors(data_dir: Path) -> Iterator[str]:
    serve = command("serve", "--port", 0, "--data-dir", data_dir, "--run-probe", "none")
    with subprocess.Popen(["prlimit", "--nofile=64", *serve], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if match := re.match(r"listening on (\S+)", line):
                    yield match[1]
                    break
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


# odd night 18
def test_80_files_leave_descriptors_for_clients(tmp_path: Path) -> None:
    for module_id in range(N_MODULES):
        for seqno in range(2):
            append(file_of(tmp_path, module_id, seqno=seqno), FRAME)
    with serving_with_64_descriptors(tmp_path) as address, DaqDataClient.connect(address) as client:
        found = set()
        for frame in client.stream_frames():
            found.add(frame.module_id)
            if len(found) == N_MODULES:
                break
        with DaqDataClient.connect(address) as another:
            blocks = set()
            for block in another.stream_blocks(since="run", module_ids=range(3)):
                assert isinstance(block, ReceivedBlock)
                blocks.add((block.module_id, block.file))
                if len(blocks) == 6:
                    break
            append(file_of(tmp_path, 0, seqno=1), FRAME)
            while next(client.stream_frames(module_ids=[0])).frame_number != 1:
                pass


def make_many(data_dir: Path, n: int, data: bytes) -> None:
    file_of(data_dir).parent.mkdir(parents=True)
    for seqno in range(n):
        file_of(data_dir, seqno=seqno).write_bytes(data)


# odd night 18
@pytest.mark.parametrize("data", [FRAME, b""])
def test_files_of_a_run_cost_little_each_and_few_are_followed(tmp_path: Path, data: bytes) -> None:
    calls = []
    for n in (500, 2000):
        data_dir = tmp_path / str(n)
        make_many(data_dir, n, data)
        with counted() as counts, closing(RunFiles(data_dir)) as files:
            look(files)
            with closing(FrameReader(data_dir, Selection(), Begin(), lambda: {1: RUN})) as reader:
                reader.read(None)
        assert counts["open"] < 20  # the last one, for every product
        assert len(files) <= 10
        calls.append(counts["calls"])
    assert calls[1] - calls[0] < 1500 * 300  # per file, however many there are


# odd night 18
def test_an_old_empty_file_of_many_is_followed_when_it_grows(tmp_path: Path) -> None:
    make_many(tmp_path, 30, b"")
    with closing(RunFiles(tmp_path)) as files:
        assert look(files) == []
        path = file_of(tmp_path, seqno=3)
        append(path, FRAME)
        assert [block.file for block in files.read(frozenset({str(path)}))] == [path.name]
