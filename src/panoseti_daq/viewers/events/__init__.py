"""``events``: candidates of a live search, with their images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from panoseti_daq.viewers.plugin import Viewer, ViewerContext, ViewerSpec


def make(
    context: ViewerContext,
    *,
    file: Annotated[Path, "The events.jsonl that `events live` writes."] = Path("events/events.jsonl"),
) -> Viewer:
    """Make the viewer."""
    from panoseti_daq.viewers.events.lines import EventLines
    from panoseti_daq.viewers.events.page import EventPage

    return EventPage(EventLines(file))


SPEC = ViewerSpec(
    "events",
    "Candidates of `events live`: the newest as a table, the images of one side by side, their number over time.",
    make,
    movie=False,
    update_interval_s=1.0,  # frames draw nothing, and the last minutes of the stream are not its past
)
