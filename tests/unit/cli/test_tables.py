"""Tables of the commands."""

from __future__ import annotations

import pytest
from rich.table import Table

from panoseti_daq.cli.tables import print_table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[fd00::12]:50051", "[fd00::12]:50051"),
        ("[red]daq1[/red]", "[red]daq1[/red]"),
        ("daq1 :smile:", "daq1 :smile:"),
        ("daq1\x1b[2J", r"daq1\x1b[2J"),
    ],
)
def test_a_cell_shows_the_text_it_has(capsys: pytest.CaptureFixture[str], text: str, shown: str) -> None:
    # odd night 21
    table = Table("host", title=text, box=None, pad_edge=False)
    table.add_row(text)
    print_table(table)
    title, _, cell = capsys.readouterr().out.splitlines()
    assert (title.strip(), cell.strip()) == (shown, shown)
