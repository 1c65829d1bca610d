"""A recording with a store behind it, to be killed: ``python recording_behind.py SOURCE.pff OUT_DIR CHUNK``.

Appends frame after frame as `panoseti-daq record` does, from the end of what is there, and says when it has begun.
"""

from __future__ import annotations

import sys
from pathlib import Path

from panoseti_daq.export import ConvertBehind
from panoseti_daq.pff import open_file

BURST = 40  # frames


def main(source: Path, out_dir: Path, chunk: int) -> None:
    block = open_file(source)
    size = block.layout.frame_size_bytes
    path = out_dir / "module_1" / source.parent.name / source.name
    path.parent.mkdir(parents=True, exist_ok=True)
    behind = ConvertBehind(out_dir, chunk=chunk)
    with path.open("ab", buffering=0) as file:
        file.truncate(file.tell() // size * size)
        first = path.stat().st_size // size
        sys.stdout.write("begins\n")
        sys.stdout.flush()
        for begin in range(first, len(block), BURST):
            end = min(begin + BURST, len(block))
            file.write(block.data[begin * size : end * size])
            behind.note(path, block.product, end - begin)
    behind.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
