"""Recorded runs for the tests: frames of a simulated sky, in files that rotate, with clocks that disagree."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from panoseti_daq.pff import DataProduct, Header, PffName, encode_frame
from panoseti_daq.pff.header import QUABO_FIELDS

RUN_NAME = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
START = datetime(2026, 1, 1, tzinfo=UTC)
START_S = int(START.timestamp())
PERIOD_NS = 1_000_000


def frames_of(product: DataProduct, n_frames: int, *, n_flawed: int = 0) -> list[bytes]:
    """Frames that differ in every number, a millisecond apart; some with flaws of their clocks or quabos."""
    chance = random.Random(n_frames)
    flawed = set(chance.sample(range(n_frames), n_flawed))
    pixels = np.random.default_rng(1).poisson(100, (64, *product.shape))
    return [
        encode_frame(header_of(product, i, chance if i in flawed else None), pixels[i % 64] + i % 7 - 3, product)
        for i in range(n_frames)
    ]


def header_of(product: DataProduct, i: int, chance: random.Random | None = None) -> Header:
    """Header of frame `i`; with flaws that `chance` chooses, when it is given."""
    seconds, nsec = divmod(i * PERIOD_NS, 1_000_000_000)
    n_quabos = 1 if product.one_quabo else 4
    tv_sec, tai = START_S + seconds, (START_S + seconds + 37) % 1024
    rows = [[(i + q) % 65536, tai, nsec + q, tv_sec, nsec // 1000 + 5] for q in range(n_quabos)]
    if chance is not None:
        quabo = chance.randrange(n_quabos)
        flaws = (
            [0] * 5,
            [i % 65536, (tai + 300) % 1024, nsec, tv_sec, 7],
            [0, 0, nsec, tv_sec, 999_999 - nsec // 1000],
        )
        rows[quabo] = list(chance.choice(flaws))
        rows[-1][1] = chance.choice([rows[-1][1], (tai + 1) % 1024, (tai - 1) % 1024])
    columns = {name: tuple(row[i] for row in rows) for i, name in enumerate(QUABO_FIELDS)}
    return Header(**columns, quabo_num=i * 7 % 4 if product.one_quabo else None, other=None)


def write_run(
    run_dir: Path,
    product: DataProduct,
    frames: list[bytes],
    *,
    module_id: int = 1,
    n_files: int = 1,
    torn: int = 0,
) -> list[Path]:
    """Write frames to files of a run, of which the last ends with `torn` bytes of a frame that is not whole."""
    run_dir.mkdir(parents=True, exist_ok=True)
    per_file = -(-len(frames) // n_files)
    paths = []
    for i in range(n_files):
        # Products share the counter, so numbers are left out; and 10 is before 8 as text.
        name = PffName(product, module_id, 8 + 2 * i, START + timedelta(minutes=i)).format()
        path = run_dir / name
        path.write_bytes(b"".join(frames[i * per_file : (i + 1) * per_file]))
        paths.append(path)
    if torn:
        with paths[-1].open("ab") as file:
            file.write(frames[0][:torn])
    return paths
