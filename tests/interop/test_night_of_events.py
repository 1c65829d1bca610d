"""Coincidences of the recorded night: three events at +-1 us, none at +-300 ns, and the same however it is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.events import cut, found_in, shuffled

from panoseti_daq.events import Candidate, Engine, find_trigger
from panoseti_daq.events.scan import scan, stream_files
from panoseti_daq.pff import FrameBlock, Kind

Frames = dict[int, set[int]]

KNOWN: list[Frames] = [
    {1: {695, 696}, 3: {2725, 2726}},
    {1: {1084}, 3: {4004}},
    {1: {1196, 1197}, 3: {4322, 4323}},
]
MODULE_1_NS = [1721882693382893230, 1721883034767959659, 1721883113237934351]


def frames(candidate: Candidate) -> Frames:
    return {
        module_id: {m.frame_number for m in candidate.members if m.module_id == module_id}
        for module_id in candidate.module_ids
    }


def scanned(run: Path, **options: object) -> tuple[list[Candidate], float]:
    """Candidates, and those of the shifted background."""
    spec = find_trigger("coincidence")
    engine = Engine([(spec, spec.make_with(options))])
    return list(scan(engine, stream_files(run))), engine.reports()[0].counters["accidentals"]


def test_the_night_has_exactly_its_three_events(lick_run: Path) -> None:
    found, background = scanned(lick_run)
    assert [frames(candidate) for candidate in found] == KNOWN
    times = [min(m.unix_ns for m in candidate.members if m.module_id == 1) for candidate in found]
    assert times == MODULE_1_NS
    differences = [
        m3.unix_ns - m1.unix_ns
        for candidate in found
        for m1 in candidate.members
        if m1.module_id == 1
        for m3 in candidate.members
        if m3.module_id == 3
    ]
    assert len(differences) == 9 and -525 <= min(differences) and max(differences) <= -468
    assert background == 0


@pytest.mark.parametrize(("window_ns", "n_found"), [(300, 0), (500, 2), (1000, 3), (3000, 3)])
def test_what_a_window_finds(lick_run: Path, window_ns: int, n_found: int) -> None:
    found, background = scanned(lick_run, window_ns=window_ns)
    assert (len(found), background) == (n_found, 0)


def test_with_their_offset_the_events_are_within_60_ns(lick_run: Path) -> None:
    found, _ = scanned(lick_run, window_ns=30, offsets_ns={"1:3": -490})
    assert [frames(candidate) for candidate in found] == KNOWN


@pytest.mark.parametrize("options", [{"hot_fraction": 1}, {"dead_time_ns": 0}])
def test_it_is_not_the_vetoes_that_make_the_answer(lick_run: Path, options: dict[str, object]) -> None:
    found, background = scanned(lick_run, **options)
    assert [frames(candidate) for candidate in found] == KNOWN
    assert background == 0


@pytest.mark.parametrize("seed", range(3))
def test_cut_and_shuffled_the_night_has_the_same_events(lick_files: dict[str, FrameBlock], seed: int) -> None:
    files = [file for file in lick_files.values() if file.product.kind is Kind.PULSE_HEIGHT]
    pieces = shuffled([cut(file, range(seed + 1, len(file), 97 + 31 * seed)) for file in files], seed)
    assert [frames(candidate) for candidate in found_in(pieces)] == KNOWN
