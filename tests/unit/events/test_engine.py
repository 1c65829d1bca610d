from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel
from support.events import BEGIN_NS, NS, engine_of, ph256

from panoseti_daq.errors import TriggerError
from panoseti_daq.events import PULSE_HEIGHTS, Candidate, Engine, TriggerSpec, find_trigger, installed_triggers
from panoseti_daq.pff import DataProduct, FrameBlock

PH256 = DataProduct.PH256


class Options(BaseModel):
    fails_at: int = 1


class Failing:
    """Raises at the n-th block."""

    def __init__(self, options: Options) -> None:
        self.n_blocks, self._fails_at = 0, options.fails_at

    def feed(self, block: FrameBlock) -> Iterable[Candidate]:
        self.n_blocks += 1
        if self.n_blocks == self._fails_at:
            raise RuntimeError("too bright")
        return ()

    def flush(self, watermark_ns: int) -> Iterable[Candidate]:
        return ()

    def counters(self) -> Mapping[str, float]:
        return {"blocks": self.n_blocks}


FAILING = TriggerSpec("failing", "Raises.", Options, Failing, PULSE_HEIGHTS)


def test_a_trigger_that_raises_is_stopped_with_its_traceback_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    coincidence = find_trigger("coincidence")
    engine = Engine([(FAILING, FAILING.make_with({})), (coincidence, coincidence.make_with({}))])
    engine.expect([(1, PH256), (3, PH256)])
    found = [*engine.feed(ph256(1, [0])), *engine.feed(ph256(3, [0])), *engine.finish()]
    assert [candidate.trigger for candidate in found] == ["coincidence"]
    stopped, works = engine.reports()
    assert (stopped.error, stopped.n_frames, stopped.counters) == ("RuntimeError: too bright", 1, {})
    assert (works.error, works.n_frames, works.n_candidates) == ("", 2, 1)
    assert "Traceback" in caplog.text and "too bright" in caplog.text


def test_frames_that_no_trigger_wants_are_not_looked_at() -> None:
    engine = Engine([(FAILING, FAILING.make_with({}))])
    assert engine.is_wanted((1, PH256))
    assert not engine.is_wanted((1, DataProduct.IMG16))


def test_a_candidate_comes_when_all_expected_streams_have_passed_it() -> None:
    blocks = [ph256(1, [0, 5 * NS, 10 * NS]), ph256(3, [0]), ph256(3, [5 * NS, 10 * NS])]
    engine = engine_of(blocks)
    assert engine.feed(blocks[0]) == []
    assert engine.feed(blocks[1]) == []
    # Both have passed; the last frame of each has no neighbor that confirms its time.
    assert [candidate.unix_ns for candidate in engine.feed(blocks[2])] == [BEGIN_NS]
    assert [candidate.unix_ns - BEGIN_NS for candidate in engine.finish()] == [5 * NS, 10 * NS]


def test_a_stream_that_is_silent_can_be_left_out_until_it_speaks() -> None:
    times = [0, 5 * NS, 10 * NS]
    engine = engine_of([ph256(m, times) for m in (1, 3, 5)])
    for module_id in (1, 3):
        assert engine.feed(ph256(module_id, times)) == []
    assert [candidate.module_ids for candidate in engine.leave_out({(5, PH256)})] == [(1, 3)]
    assert engine.feed(ph256(5, [0, 20 * NS, 30 * NS])) == []
    assert engine.silent == frozenset()
    assert engine.reports()[0].counters["left_out_late"] == 1


def test_an_engine_goes_on_after_it_was_pickled() -> None:
    blocks = [ph256(1, [0, 10 * NS]), ph256(3, [700, 10 * NS])]
    engine = engine_of(blocks)
    engine.feed(blocks[0])
    again: Engine = pickle.loads(pickle.dumps(engine))
    found = [*again.feed(blocks[1]), *again.finish()]
    assert [candidate.duration_ns for candidate in found] == [700, 0]


def test_the_built_in_triggers_are_plugins() -> None:
    assert {trigger.name for trigger in installed_triggers() if trigger.spec} >= {"coincidence", "pulse"}
    with pytest.raises(TriggerError, match="trigger nova not found; there are: coincidence, pulse"):
        find_trigger("nova")


def test_a_trigger_that_exits_when_it_is_loaded_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # odd night 8
    (tmp_path / "leaving.py").write_text("import sys; sys.exit('no licence')")
    info = tmp_path / "leaving_trigger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaving-trigger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[panoseti_daq.triggers]\nleaving = leaving:SPEC\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    errors = {trigger.name: trigger.error for trigger in installed_triggers()}
    assert errors["leaving"] == "SystemExit: no licence"
    assert errors["coincidence"] == ""
