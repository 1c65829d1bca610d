"""Candidates of a live search as it writes them: its JSON lines, read as they grow."""

from __future__ import annotations

import base64
import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAX_KEPT: Final = 500
_IMAGE_TYPES: Final = {"<i2", "<i4", "<u2", "|u1"}


@dataclass(frozen=True, slots=True)
class EventImage:
    """One image of a candidate."""

    title: str  # Module, quabo and the brightest pixel
    image: npt.NDArray[np.integer[Any]]  # Rows and columns, ADC counts


@dataclass(frozen=True, slots=True)
class Event:
    """What is shown of a candidate."""

    # As in the JSON
    id: str
    trigger: str
    shape: str
    unix_s: float  # When, Unix time, s
    time: str  # The same, UTC to the nanosecond
    duration_ns: int  # From the first to the last member, or length of the pulse
    snr: float | None  # Sigma; None when it is not a matter of noise
    modules: str  # Modules that take part, as text
    # How many candidates of this trigger chance had given until then; None when nobody said
    accidentals: float | None
    images: tuple[EventImage, ...]  # Images of the members that have one

    @classmethod
    def parse(cls, line: bytes) -> Event:
        """Candidate of a line.

        Raises ValueError, KeyError, TypeError: it is not one.
        """
        fields = json.loads(line)
        members = fields["members"]
        return cls(
            fields["id"],
            fields["trigger"],
            fields["shape"],
            fields["unix_ns"] / 1e9,
            fields["trigger_time"],
            fields["duration_ns"],
            fields.get("rate_snr"),
            ", ".join(map(str, dict.fromkeys(member["module"] for member in members))),
            fields.get("accidentals"),
            tuple(_image(member) for member in members if "image" in member),
        )


def _image(member: dict[str, Any]) -> EventImage:
    image = member["image"]
    if image["dtype"] not in _IMAGE_TYPES:
        raise ValueError(f"an image of type {image['dtype']}")
    pixels = np.frombuffer(base64.b64decode(image["base64"]), image["dtype"]).reshape(image["shape"])
    flags = f" [{', '.join(member['flags'])}]" if member["flags"] else ""
    row, column = member["pixel"]
    title = f"module {member['module']} Q{member['quabo']}: {member['value']} at ({row}, {column}){flags}"
    return EventImage(title, pixels)


class EventLines:
    """The newest candidates of a file that grows; what is no candidate is counted and skipped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events: deque[Event] = deque(maxlen=MAX_KEPT)  # At most `MAX_KEPT`, the newest last
        # Lines that were candidates, and others
        self.n_read = self.n_bad = 0
        self._at = 0

    def read(self) -> bool:
        """Read what is new; return whether there was something."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._at)
                whole, newline, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return False
        self._at += len(whole) + len(newline)
        for line in whole.splitlines():
            try:
                self.events.append(Event.parse(line))
            except (ValueError, KeyError, TypeError):
                self.n_bad += 1
            else:
                self.n_read += 1
        return bool(newline)
