"""Frames that clients got, kept to be compared with the files."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.errors import PffError
from panoseti_daq.pff import Gap, open_file

TORN_AT_END: Final = "the file ends with"


class Copy:
    """Files as they came: each block at its place, so that one which comes again after a kill does no harm."""

    def __init__(self, out_dir: Path) -> None:
        self.out_dir = out_dir
        self.gaps: list[Gap] = []
        self.n_frames = 0

    def add(self, item: ReceivedBlock | Gap) -> None:
        if isinstance(item, Gap):
            self.gaps.append(item)
            with (self.out_dir / "gaps.txt").open("a") as file:
                file.write(f"{item.first.run}/{item.first.file}: {item.reason}\n")
            return
        path = self.out_dir / f"module_{item.module_id}" / item.run / item.file
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(fd, item.data, item.first_frame_number * item.layout.frame_size_bytes)
        finally:
            os.close(fd)
        self.n_frames += len(item)


def whole_bytes(path: Path) -> int:
    """What the whole frames of a file take."""
    try:
        block = open_file(path)
    except PffError:
        return 0
    return len(block) * block.layout.frame_size_bytes


def differences(data_dir: Path, copy_dir: Path) -> Iterator[str]:
    """Files of which a copy lacks something, or has something else."""
    for path in sorted(data_dir.rglob("*.pff")):
        n_bytes = whole_bytes(path)
        copy = copy_dir / path.relative_to(data_dir)
        got = copy.read_bytes() if copy.exists() else b""
        if got != path.read_bytes()[:n_bytes]:
            yield f"{path.name}: {len(got)} of {n_bytes} bytes"


def wrong_gaps(data_dir: Path, copy_dir: Path) -> list[str]:
    """Gaps that were told although nothing is missing: only a killed writer leaves a part of a frame."""
    told = copy_dir / "gaps.txt"
    lines = told.read_text().splitlines() if told.exists() else []
    torn = {p.name for p in data_dir.rglob("*.pff") if p.stat().st_size != whole_bytes(p)}
    return [line for line in lines if TORN_AT_END not in line or line.partition(": ")[0].split("/")[1] not in torn]


def line_of(frame: ReceivedFrame) -> str:
    """A frame as a line of text that `strangers` can check."""
    crc = zlib.crc32(frame.pixels)
    return f"{frame.module_id} {frame.file} {frame.frame_number} {crc} {frame.header.pkt_num[0]}\n"


def strangers(data_dir: Path, log: Path) -> list[str]:
    """Lines of frames that stand in no file; the last line may be cut by a kill."""
    files = {path.name: path for path in data_dir.rglob("*.pff")}
    blocks = {}
    wrong = []
    text = log.read_text() if log.exists() else ""
    for line in text[: text.rfind("\n") + 1].splitlines():
        fields = line.split()
        if len(fields) != 5:
            continue  # cut by a kill, and another process went on in this line
        module_id, name, number, crc, pkt_num = fields
        if name not in blocks and name in files:
            blocks[name] = open_file(files[name])
        if name not in blocks or int(number) >= len(blocks[name]):
            wrong.append(line)
            continue
        frame = blocks[name][int(number)]
        is_it = (str(frame.module_id), str(zlib.crc32(frame.pixels)), str(frame.header.pkt_num[0]))
        if is_it != (module_id, crc, pkt_num):
            wrong.append(line)
    return wrong
