from __future__ import annotations

import json
from pathlib import Path

import pytest

from panoseti_daq.errors import SourceError
from panoseti_daq.events.sinks.jsonl import JsonLines, read_lines, write_atomically


def lines_in(path: Path) -> JsonLines:
    return JsonLines(path / "out" / "events.jsonl")


def test_what_was_appended_is_there_in_the_next_process(tmp_path: Path) -> None:
    lines = lines_in(tmp_path)
    lines.append([json.dumps({"id": name}) for name in "ab"])
    middle = lines.size_bytes
    lines.append([json.dumps({"id": "c"})])
    lines.close()
    again = lines_in(tmp_path)
    assert again.ids() == {"a", "b", "c"}
    assert again.ids(middle) == {"c"}
    again.close()


@pytest.mark.parametrize("torn", [b'{"id": "b', b"x" * 3_000_000])
def test_a_line_that_a_kill_cut_off_is_taken_away(tmp_path: Path, torn: bytes) -> None:
    lines = lines_in(tmp_path)
    lines.append(['{"id": "a"}'])
    lines.close()
    with lines.path.open("ab") as file:
        file.write(torn)
    assert [fields["id"] for fields, _ in read_lines(lines.path)] == ["a"]
    again = lines_in(tmp_path)
    again.append(['{"id": "b"}'])
    again.close()
    assert lines.path.read_text() == '{"id": "a"}\n{"id": "b"}\n'


def test_a_file_of_one_torn_line_is_empty_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"id"')
    lines = JsonLines(path)
    assert lines.size_bytes == 0
    lines.close()


def test_two_cannot_write_the_same_lines(tmp_path: Path) -> None:
    first, second = lines_in(tmp_path), lines_in(tmp_path)
    first.lock()
    with pytest.raises(SourceError, match="another search writes"):
        second.lock()
    first.close()
    second.lock()
    second.close()


def test_a_place_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(SourceError, match="cannot write candidates"):
        lines_in(tmp_path)
    with pytest.raises(SourceError, match="cannot write"):
        write_atomically(tmp_path / "out" / "state", b"")
