"""Quality of many short blocks at once, whatever their files, and the last frame of a block without the others.

numpy takes a tenth of a millisecond for the headers of one frame or of two hundred: a dozen frames of each of many
files are read together in the time of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, groupby

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff.block import FEW_FRAMES, Flags, FrameBlock
from panoseti_daq.pff.columns import parse_rows
from panoseti_daq.pff.flags import quality_of
from panoseti_daq.pff.flaws import Previous, compare_runs, flaws_of_rows
from panoseti_daq.pff.frame import Frame
from panoseti_daq.pff.timing import resolve_columns


def tip_of(block: FrameBlock, earlier: FrameBlock | None) -> Frame | None:
    """Return the last frame of a short block, judged by itself and the one before it.

    Returns None where that does not do: a long block, one of several keys, or one of a single frame that does not
    follow `earlier`; or a header that does not parse.
    """
    n_frames, layout = len(block), block.layout
    if n_frames > FEW_FRAMES or layout.product.one_quabo or not layout.is_standard:
        return None
    if n_frames > 1:
        text = block._header_text(n_frames - 2)
    elif earlier is not None and _follows(block, earlier):
        text = earlier._header_text(len(earlier) - 1)
    else:
        return None
    try:
        before = layout.parse(text)
        header = layout.parse(block._header_text(n_frames - 1))
    except HeaderError:
        return None
    previous = Previous()
    previous.compare(before, before.time.unix_ns)
    return block._frame(n_frames - 1, header, quality_of(block._judge_one(n_frames - 1, header, previous)))


def _follows(block: FrameBlock, earlier: FrameBlock) -> bool:
    """Return whether a block begins in its file where another one ends, and has the layout of that."""
    return (
        block.first_frame_number == earlier.first_frame_number + len(earlier)
        and block.layout is earlier.layout
        and block.file == earlier.file
        and block._generation == earlier._generation
    )


def judge_together(judged: Sequence[tuple[FrameBlock, Previous]]) -> list[tuple[Flags, int]]:
    """`FrameBlock.judge` of blocks of products without single quabos.

    Parameters
    ----------
    judged
        Blocks, each with the frames before its first. Blocks with the same frames before them follow each other.

    Returns
    -------
    judgments
        Of each block the flags of its frames, as a list or an array of their number, and the number of its frames
        whose header does not parse.
    """
    found: dict[int, tuple[Flags, int]] = {}
    # Of one layout in the order in which they came.
    order = sorted(range(len(judged)), key=lambda i: id(judged[i][0].layout))
    for _, group in groupby(order, key=lambda i: id(judged[i][0].layout)):
        places = sorted(group, key=lambda i: (id(judged[i][1]), i))
        found.update(zip(places, _of_one_layout([judged[i] for i in places]), strict=True))
    return [found[i] for i in range(len(judged))]


def judge_alone(block: FrameBlock, previous: Previous) -> tuple[Flags, int]:
    """Return the same of one block."""
    return block.judge(previous), block.n_bad


def _of_one_layout(judged: Sequence[tuple[FrameBlock, Previous]]) -> Sequence[tuple[Flags, int]]:
    layout = judged[0][0].layout
    ends = list(accumulate(len(block) for block, _ in judged))
    size = layout.frame_size_bytes
    data = b"".join(memoryview(block.data)[: len(block) * size] for block, _ in judged)
    rows: npt.NDArray[np.uint8] = np.frombuffer(data, np.uint8).reshape(ends[-1], size)
    valid, columns = parse_rows(layout, rows)
    if not valid.all():
        return [judge_alone(*one) for one in judged]
    tv_sec = columns["tv_sec"]
    if not tv_sec[:, 0].all():  # the time is not that of the first quabo everywhere
        return [judge_alone(*one) for one in judged]
    tai, nsec, usec = (columns[name][:, 0] for name in ("pkt_tai", "pkt_nsec", "tv_usec"))
    unix_ns, statuses = resolve_columns(tai, nsec, tv_sec[:, 0], usec)
    joined = FrameBlock(data, layout, 0, "")
    flags = flaws_of_rows(layout.product, columns, statuses, joined.images)
    firsts = [0, *ends[:-1]]
    # Blocks of one file follow each other, and are one run.
    files = groupby(zip(firsts, judged, strict=True), key=lambda item: item[1][1])
    runs = [(previous, next(blocks)[0]) for previous, blocks in files]
    flags |= compare_runs(runs, 0, columns["pkt_num"], tv_sec, unix_ns)
    found = flags.tolist()
    return [(found[first:end], 0) for first, end in zip(firsts, ends, strict=True)]
