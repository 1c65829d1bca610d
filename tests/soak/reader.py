"""A client as a process that may be killed: ``python -m soak.reader all|newest ADDRESS OUT``.

``all`` copies every frame and keeps its token beside, so that the next process goes on where this one was.
``newest`` writes a line for each frame.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from soak.collected import Copy, line_of

from panoseti_daq.client import AioDaqDataClient


async def read_all(address: str, out_dir: Path) -> None:
    token_file = out_dir / "token"
    token = token_file.read_text() if token_file.exists() else None
    copy = Copy(out_dir)
    async with AioDaqDataClient.connect(address) as client:
        stream = client.stream_blocks(since="run", resume=token, wait_for_ready=True)
        async for item in stream:
            copy.add(item)
            (out_dir / "token.new").write_text(stream.resume_token)
            os.replace(out_dir / "token.new", token_file)


async def read_newest(address: str, log: Path) -> None:
    with log.open("a", buffering=1) as file:
        async with AioDaqDataClient.connect(address) as client:
            async for frame in client.stream_frames(wait_for_ready=True):
                file.write(line_of(frame))


def main() -> None:
    mode, address, out = sys.argv[1:]
    asyncio.run((read_all if mode == "all" else read_newest)(address, Path(out)))


if __name__ == "__main__":
    main()
