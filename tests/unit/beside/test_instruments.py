"""Context of the images: ages, missing sensors, offline mounts, dead daemons, and housekeeping files."""

from __future__ import annotations

import json
import math
from pathlib import Path

from support.observatory import NOW_S, hashes, quabo

from panoseti_daq.beside import HousekeepingFile, Instrument, Severity, Surroundings, housekeeping
from panoseti_daq.beside.housekeeping import HousekeepingWriter
from panoseti_daq.beside.redis import without_password
from panoseti_daq.wire.context import read_context, write_context


def around(**changed: dict[str, str]) -> Surroundings:
    return Surroundings.at({**hashes(), **changed}, NOW_S, "test")


def test_a_module_has_one_line() -> None:
    [line] = around().modules.values()
    assert line.text == "Q0, Q2, Q3: HV -55 V, 21-24 C, shutter open; Q1: HV off, 22 C, shutter closed"
    assert line.severity is Severity.INFO
    assert not line.is_old


def test_values_of_a_dead_daemon_age() -> None:
    dead = {f"QUABO_{1000 + q}": quabo(NOW_S - 600) for q in range(4)}
    [line] = around(**dead).modules.values()
    assert line.is_old
    assert line.text.startswith("nothing for 10 min; then Q0-Q3: HV")


def test_one_dead_quabo_of_four_is_named() -> None:
    [line] = around(QUABO_1003=quabo(NOW_S - 600)).modules.values()
    assert line.text.endswith("; Q3: nothing for 10 min")
    assert line.severity is Severity.WARNING


def test_a_missing_sensor_is_no_temperature() -> None:
    one = Instrument.at("QUABO_1000", quabo(NOW_S, TEMP1="511.75"), NOW_S)
    assert "TEMP1" not in one.numbers
    assert one.text == "HV -55 V, no sensor, shutter open"
    assert one.severity is Severity.OK


def test_limits_and_the_level_of_the_observatory_make_the_severity() -> None:
    def severity(**fields: str) -> Severity:
        return Instrument.at("QUABO_1000", quabo(NOW_S, **fields), NOW_S).severity

    assert severity() is Severity.OK
    assert severity(TEMP1="57") is Severity.WARNING
    assert severity(TEMP2="86") is Severity.CRITICAL
    assert severity(AGG_STATUS_LEVEL="16") is Severity.WARNING


def test_coordinates_of_an_offline_mount_are_none() -> None:
    mount = hashes()["MOUNT_WINTER"] | {"status": "OFFLINE", "timestamp": "2026-01-01T00:00:10"}
    one = Instrument.at("MOUNT_WINTER", mount, NOW_S + 10)
    assert one.text == "OFFLINE, its coordinates are old"
    assert "alt_deg" not in one.numbers
    assert one.age_s == 0
    assert Instrument.at("MOUNT_WINTER", hashes()["MOUNT_WINTER"], NOW_S).numbers["alt_deg"] == 61.5


def test_an_instrument_without_a_time_counts_as_old() -> None:
    one = Instrument.at("WRSWITCH", {"SOFTPLL": "1", "Port 1_LINK": "1", "Port10_LINK": "0"}, NOW_S)
    assert math.isnan(one.age_s)
    assert one.is_old
    assert one.text == "locked, 1 of 2 links up"


def test_the_wire_carries_all() -> None:
    before = around()
    after = read_context(write_context(before))
    assert (after.source, after.trouble) == (before.source, before.trouble)
    assert {name: (one.values, one.age_s) for name, one in after.instruments.items()} == {
        name: (one.values, one.age_s) for name, one in before.instruments.items()
    }


def test_housekeeping_says_what_was_at_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "hk.pff"
    documents = [{"QUABO_1000": quabo(NOW_S + t, TEMP1=str(20 + t))} for t in (0, 3, 6)]
    text = "\n\n".join(map(json.dumps, documents))
    path.write_text(text.replace(": ", ":\n ") + '\n\nnot json\n\n{"QUABO_1000"')
    file = HousekeepingFile(path)
    found = [file.at(NOW_S + t).quabo(250, 0) for t in (-1, 1, 100, 4)]
    file.close()
    assert found[0] is None
    assert [one.numbers["TEMP1"] for one in found if one] == [20, 26, 23]
    assert [one.age_s for one in found if one] == [1, 94, 1]


def test_what_is_recorded_becomes_columns(tmp_path: Path) -> None:
    writer = HousekeepingWriter(tmp_path / "hk.pff")
    assert writer.write(around()) == len(hashes())
    assert writer.write(around()) == 0
    assert writer.write(around(QUABO_1001=quabo(NOW_S + 3, TEMP1="30"))) == 1
    table = housekeeping(tmp_path)
    rows = table.xs("QUABO_1001", level="name")
    assert list(rows["TEMP1"]) == [22.0, 30.0]
    assert set(rows["quabo"]) == {1}
    assert len(table) == len(hashes()) + 1


def test_a_password_is_not_shown() -> None:
    assert without_password("redis://me:secret@head:6379/0?a=secret") == "redis://head:6379/0"
