"""Pages of commands on terminals of all sizes."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from support.received import received

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.cli.live import LiveTable, _Row
from panoseti_daq.cli.screen import Pager
from panoseti_daq.cli.status_page import DROP_FIRST, page
from panoseti_daq.cli.tables import fitted
from panoseti_daq.client import HostChange
from panoseti_daq.pff import DataProduct

HOSTS = ("daq1:50051", "daq2:50051")


def table_of(n_modules: int) -> LiveTable:
    table = LiveTable("all hosts", HOSTS)
    for host in HOSTS:
        table.note(HostChange(host, connected=True))
    for module_id in range(n_modules):
        frame = received(DataProduct.IMG16, module_id=module_id, host=HOSTS[module_id % 2])
        table._rows[frame.host, frame.key] = _Row(frame)
    return table


def seen(page: Pager, columns: int, rows: int) -> list[str]:
    console = Console(file=StringIO(), width=columns, height=rows, force_terminal=True)
    return ["".join(segment.text for segment in line) for line in page.lines(console, columns, rows)]


@pytest.mark.parametrize("columns", [80, 60, 40])
def test_a_table_fits_and_keeps_module_product_host_with_port_age_and_rate(columns: int) -> None:
    lines = seen(Pager(table_of(2)._content), columns, 24)
    assert max(map(len, lines)) <= columns
    assert lines[1].replace(",", "").split()[:3] == ["host", "module", "product"]
    assert "age s" in lines[1]
    assert "per s" in lines[1]
    for host in HOSTS:
        assert any(host in line for line in lines)


def test_long_names_of_hosts_stand_above_their_rows() -> None:
    names = ("panoseti-daq1.ucolick.org:50051", "panoseti-daq2.ucolick.org:50051")
    table = LiveTable("", names)
    for name in names:
        table.note(HostChange(name, connected=True))
        frame = received(DataProduct.IMG16, host=name)
        table._rows[frame.host, frame.key] = _Row(frame)
    lines = seen(Pager(table._content), 55, 24)
    first, second = (lines.index(next(line for line in lines if line.startswith(name))) for name in names)
    assert [lines[first + 1].split()[:2], lines[second + 1].split()[:2]] == [["7", "img16"]] * 2
    assert second == first + 2


def test_a_host_that_never_came_is_named() -> None:
    lines = seen(Pager(LiveTable("", HOSTS)._content), 40, 24)
    assert {f"{host} does not answer" for host in HOSTS} <= {line.strip() for line in lines}


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_last_line_always_says_how_to_end(columns: int) -> None:
    assert seen(Pager(table_of(64)._content), columns, 24)[-1].endswith("q quit")


def test_more_rows_than_lines_scroll_below_the_headings() -> None:
    page = Pager(table_of(64)._content)
    first = seen(page, 80, 24)
    assert len(first) == 24
    assert "lines 1-21 of 64" in first[-1]
    for _ in range(50):
        page.press("down")
    last = seen(page, 80, 24)
    assert last[:2] == first[:2]
    assert "lines 44-64 of 64" in last[-1]


def test_a_lost_host_keeps_its_rows_and_its_reason_stays_readable() -> None:
    table = table_of(64)
    table.note(HostChange("daq2:50051", connected=False, reason="Connection refused"))
    lines = seen(Pager(table._content), 80, 24)
    assert any("daq2:50051 does not stream: Connection refused" in line for line in lines)
    page = Pager(table._content)
    seen(page, 80, 24)
    for _ in range(60):
        page.press("down")
    assert any("lost" in line for line in seen(page, 80, 24))
    table.note(HostChange("daq2:50051", connected=True))
    assert not any("lost" in line or "Connection refused" in line for line in seen(page, 80, 24))


@pytest.mark.parametrize("columns", [80, 60, 40])
def test_the_keys_of_a_status_drop_the_file_first(columns: int) -> None:
    key = pb.KeyStatus(module_id=224, product="ph256", quabo=3, frames=10**6, frames_per_second=1.5, file="a" * 70)
    answer = pb.StatusResponse(version="1", followed=pb.Followed(description="x"), keys=[key])
    table = list(page("daq1", answer))[-1]
    assert not isinstance(table, str)
    small = fitted(table, columns, DROP_FIRST)
    headings = [column.header for column in small.columns]
    assert {"module", "product", "per s", "age s"} <= set(headings)
    assert "file" not in headings
    assert Console(width=1000).measure(small).maximum <= columns
