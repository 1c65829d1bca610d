"""Frames by time: of a run, and of the last minutes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from support.received import DETECTED_NS, by_source, received

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Header, PffName, encode_frame
from panoseti_daq.pff.timing import TAI_MINUS_UTC_S
from panoseti_daq.viewers.host.intake import LargestPulses
from panoseti_daq.viewers.host.timeline import LIVE_SPAN_S, Lately, Recorded

SECOND = 1_000_000_000
BEGIN_S = 1_767_225_600


def write(directory: Path, product: DataProduct, module_id: int, times_s: list[float], seqno: int = 0) -> None:
    """A file with a frame at each time, whose pixels are its number; ph256 of one quabo after the other."""
    directory.mkdir(exist_ok=True)
    n = 1 if product.one_quabo else 4
    name = PffName(product, module_id, seqno).format()
    with (directory / name).open("wb") as file:
        for i, time_s in enumerate(times_s):
            second, nsec = BEGIN_S + int(time_s), round(time_s % 1 * 1e9)
            clocks = (((second + TAI_MINUS_UTC_S) % 1024,) * n, (nsec,) * n, (second,) * n, (nsec // 1000,) * n)
            header = Header((i,) * n, *clocks, quabo_num=i % 4 if product.one_quabo else None)
            import numpy as np

            file.write(encode_frame(header, np.full(product.shape, i), product))


@pytest.fixture
def run(tmp_path: Path) -> Recorded:
    directory = tmp_path / "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
    write(directory, DataProduct.IMG16, 1, [0, 0.5, 1, 1.5, 2])
    write(directory, DataProduct.IMG16, 1, [12, 12.5], seqno=1)
    write(directory, DataProduct.PH256, 2, [0.2, 0.4, 0.6, 0.8, 1.2])
    return Recorded(directory)


def at(run: Recorded, seconds: float) -> dict[str, int]:
    found = run.at(BEGIN_S * SECOND + round(seconds * SECOND))
    return {f"{key.module_id} {key.quabo}": int(frame.image[0, 0]) for (_, key), frame in found.items()}


def test_all_keys_are_shown_as_they_were_at_one_time(run: Recorded) -> None:
    assert at(run, 0.1) == {"1 None": 0}
    assert at(run, 0.65) == {"1 None": 1, "2 0": 0, "2 1": 1, "2 2": 2}
    assert at(run, 1.3) == {"1 None": 2, "2 0": 4, "2 1": 1, "2 2": 2, "2 3": 3}
    assert at(run, 12.2)["1 None"] == 0  # the first of the next file
    assert at(run, 99)["1 None"] == 1


def test_the_span_is_that_of_all_and_a_gap_is_marked(run: Recorded) -> None:
    begin, end = run.span_ns
    assert ((begin - BEGIN_S * SECOND) / 1e9, (end - BEGIN_S * SECOND) / 1e9) == (0, 12.5)
    assert [(mark - BEGIN_S * SECOND) / 1e9 for mark in run.marks_ns] == [12]


def test_steps_go_from_frame_to_frame_of_any_key_and_stay_inside(run: Recorded) -> None:
    time, seen = run.span_ns[0], []
    for _ in range(12):
        time = run.step(time, 1)
        seen.append((time - BEGIN_S * SECOND) / 1e9)
    assert seen == pytest.approx([0.2, 0.4, 0.5, 0.6, 0.8, 1, 1.2, 1.5, 2, 12, 12.5, 12.5])
    for expected in (12, 2, 1.5):
        time = run.step(time, -1)
        assert (time - BEGIN_S * SECOND) / 1e9 == pytest.approx(expected)
    assert run.step(run.span_ns[0], -1) == run.span_ns[0]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises((PffError, OSError)):
        Recorded(tmp_path / "nothing")


def test_the_last_minutes_are_kept_a_frame_a_second_and_no_longer() -> None:
    lately = Lately()
    for i in range(4 * 400):
        lately.add(
            by_source(received(DataProduct.IMG16, i % 1000, number=i, unix_ns=DETECTED_NS + i * SECOND // 4))
        )
    begin, end = lately.span_ns
    assert end - begin == pytest.approx(LIVE_SPAN_S * 1e9, abs=2e9)
    assert len(lately._frames[next(iter(lately._frames))]) <= LIVE_SPAN_S + 2
    [frame] = lately.at(begin + 10 * SECOND).values()
    assert 0 <= begin + 10 * SECOND - frame.time.unix_ns < SECOND
    assert lately.at(begin - 1) == {}
    assert lately.step(begin, 1) == begin + SECOND


def test_the_largest_pulse_is_held_for_its_time() -> None:
    held = LargestPulses(5)
    shown = []
    for second, value in ((0, 10), (1, 90), (2, 20), (6, 30), (7, 40)):
        frame = received(DataProduct.PH1024, value, unix_ns=DETECTED_NS + second * SECOND)
        [seen] = held.apply(by_source(frame)).values()
        shown.append(int(seen.image.max()))
    assert shown == [10, 90, 90, 90, 40]


def test_an_older_large_pulse_gives_way_to_the_next_largest_not_to_the_newest() -> None:
    held = LargestPulses(5)
    shown = []
    for second, value in ((0, 90), (1, 10), (3, 40), (6, 20)):
        [seen] = held.apply(
            by_source(received(DataProduct.PH1024, value, unix_ns=DETECTED_NS + second * SECOND))
        ).values()
        shown.append(int(seen.image.max()))
    assert shown == [90, 90, 90, 40]


def test_the_largest_of_many_pulses_of_a_block_is_held_per_quabo(run: Recorded) -> None:
    blocks = run.pulses(0, run.span_ns[1])
    assert [len(block) for block in blocks] == [5]
    shown = LargestPulses(5).of_blocks(blocks)
    assert {key.quabo: int(frame.image.max()) for (_, key), frame in shown.items()} == {0: 4, 1: 1, 2: 2, 3: 3}


def test_pulses_of_a_replay_come_once_each(run: Recorded) -> None:
    times = [BEGIN_S * SECOND + round(s * SECOND) for s in (0, 0.3, 0.4, 0.7, 9)]
    parts = [run.pulses(begin, end) for begin, end in pairwise(times)]
    assert [sum(map(len, blocks)) for blocks in parts] == [1, 1, 1, 2]


def test_where_one_run_ends_and_the_next_begins_there_is_a_mark(tmp_path: Path) -> None:
    directories = []
    for i in range(2):
        directories.append(tmp_path / f"obs_Test.start_2026-01-01T00:0{i}:00Z.runtype_sci-data.pffd")
        write(directories[i], DataProduct.IMG16, 1, [60 * i, 60 * i + 1])
    run = Recorded(*directories)
    assert [(mark - BEGIN_S * SECOND) / 1e9 for mark in run.marks_ns] == [60]
    assert (run.span_ns[1] - run.span_ns[0]) / 1e9 == 61
    assert at(run, 30) == {"1 None": 1}
    assert at(run, 60.5) == {"1 None": 0}


def test_of_two_hosts_with_one_key_the_last_minutes_and_the_largest_pulse_are_kept_of_each() -> None:
    lately, held = Lately(), LargestPulses(5)
    pulses = [received(DataProduct.PH1024, value, host=host) for host, value in (("daq1", 10), ("daq2", 90))]
    lately.add(by_source(*pulses))
    frames = lately.at(DETECTED_NS)
    assert [frame.host for frame in frames.values()] == ["daq1", "daq2"]
    assert [int(frame.image.max()) for frame in held.apply(frames).values()] == [10, 90]


@pytest.mark.parametrize("by_module", [False, True])
def test_runs_of_one_time_with_one_module_are_of_two_hosts(tmp_path: Path, by_module: bool) -> None:
    directories = []
    for i in (0, 1):
        for module_id in (1, 2 + i):
            name = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
            node = tmp_path / f"node{i}"
            directory = node / f"module_{module_id}" / name if by_module else node / name
            directory.mkdir(parents=True, exist_ok=True)
            write(directory, DataProduct.IMG16, module_id, [0, 1, 2])
            directories += [directory] if directory not in directories else []
    found = Recorded(*directories).at((BEGIN_S + 2) * SECOND)
    assert sorted((Path(source.host).name, source.module_id) for source in found) == [
        ("node0", 1),
        ("node0", 2),
        ("node1", 1),
        ("node1", 3),
    ]


def test_runs_of_one_module_after_each_other_are_of_one_host_wherever_they_stand(tmp_path: Path) -> None:
    directories = []
    for i in (0, 1):
        directories.append(tmp_path / f"night{i}" / f"obs_Test.start_2026-01-01T00:0{i}:00Z.runtype_sci-data.pffd")
        directories[i].parent.mkdir()
        write(directories[i], DataProduct.IMG16, 1, [60 * i, 60 * i + 1])
    assert len(Recorded(*directories).at((BEGIN_S + 61) * SECOND)) == 1
