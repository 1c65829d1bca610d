"""Candidate events: what a trigger found, with the frames that show it, and its JSON.

Names follow the core schema of GCN notices (github.com/nasa-gcn/gcn-schema, ``gcn/notices/core``) where a field of
it fits: ``id``, ``alert_tense``, ``alert_type``, ``trigger_time``, ``trigger_time_error`` (s), ``far`` (Hz),
``rate_snr``, ``rate_duration`` (s), ``mission``, ``messenger``. Whole nanoseconds stand beside the times as text.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.open_types import OpenDict, OpenMapping
from panoseti_daq.pff import DataProduct, TimeStatus

MISSION: Final = "PANOSETI"
_NS: Final = 1_000_000_000
_SECONDS_PER_HOUR: Final = 3600.0
_ID_DIGITS: Final = 24  # of the hash: 96 bits


class Tense(enum.StrEnum):
    """Which data a candidate comes from; the words are GCN's."""

    CURRENT = "current"
    """Frames that a telescope takes now."""
    INJECTION = "injection"
    """Frames with events that were put in."""
    ARCHIVAL = "archival"
    """A recorded run."""


class Shape(enum.StrEnum):
    """What a candidate looks like in the image."""

    POINT = "point"
    """At most four pixels: what a distant source or a laser gives."""
    EXTENDED = "extended"
    """More pixels: what an air shower gives."""
    QUABO_STEP = "quabo_step"
    """Most pixels of one quabo and few of the others: electronics."""
    HOT_PIXEL = "hot_pixel"
    """A pixel that has pulses again and again: electronics."""
    SLOW = "slow"
    """Longer than a few of the widest sums: a star that drifts, a light that is switched on."""
    SATELLITE = "satellite"
    """Pixels light up one after the other along a line."""
    CLOUD = "cloud"
    """Most of the image, for long."""
    FLASH = "flash"
    """Most of the image, for a short time."""
    MANY_PIXELS = "many_pixels"
    """Too many pixels, of no shape that has a name."""


@dataclass(frozen=True, slots=True)
class Member:
    """One frame that takes part in a candidate, or one pixel of it.

    Attributes
    ----------
    module_id, product, quabo
        Whose frame; `quabo` 0-3, also in products that hold all four, where the pixel determines it.
    file, frame_number
        Base name of the file, and the place in it, 0-based.
    unix_ns
        Time of the frame, UTC ns since 1970.
    time_status
        The method by which the time was found.
    pixel
        Row and column of the brightest pixel in the image of the frame.
    value
        Its value, ADC counts; of a movie, the excess over the baseline, summed over the pulse.
    snr
        The same in standard deviations of the noise.
    flags
        What is wrong with the frame, by the names of `Quality`; such a frame came with a good one.
    host
        DAQ node that the frame came from; empty for recorded runs.
    image
        Read-only array of rows and columns, ADC counts; None when it is not kept.
    """

    module_id: int
    product: DataProduct
    quabo: int
    file: str
    frame_number: int
    unix_ns: int
    time_status: TimeStatus
    pixel: tuple[int, int]
    value: int
    snr: float
    flags: tuple[str, ...] = ()
    host: str = ""
    image: npt.NDArray[np.integer[Any]] | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> OpenDict:
        """As it stands in the JSON."""
        fields: OpenDict = {
            "host": self.host,
            "module": self.module_id,
            "product": self.product.token,
            "quabo": self.quabo,
            "file": self.file,
            "frame_number": self.frame_number,
            "unix_ns": self.unix_ns,
            "time_method": self.time_status.name.lower(),
            "pixel": list(self.pixel),
            "value": self.value,
            "snr": round(self.snr, 2),
            "flags": list(self.flags),
        }
        if self.image is not None:
            # Readers of the JSON may be on a machine with another byte order.
            little = np.ascontiguousarray(self.image).astype(self.image.dtype.newbyteorder("<"))
            fields["image"] = {
                "shape": list(little.shape),
                "dtype": little.dtype.str,
                "base64": base64.b64encode(little.tobytes()).decode(),
            }
        return fields


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a trigger found.

    Attributes
    ----------
    trigger
        Name of the trigger.
    unix_ns, uncertainty_ns
        Time, UTC ns since 1970, and its uncertainty, ns.
    duration_ns
        From the first to the last member, or length of the pulse, ns.
    shape
        What it looks like.
    members
        The frames that show it, in order of time; the first is what the candidate is known by.
    snr
        Significance in standard deviations of the noise; None when it is not a matter of noise.
    false_per_hour
        How many candidates like this one, or stronger, chance alone gives in an hour.
    """

    trigger: str
    unix_ns: int
    uncertainty_ns: int
    duration_ns: int
    shape: Shape
    members: tuple[Member, ...]
    snr: float | None
    false_per_hour: float

    @property
    def id(self) -> str:
        """Identifier; equal whenever the same trigger finds it in the same frames, so that duplicates show."""
        # Frame and pixel, and not the time: a corrected clock gives the same candidate.
        first = self.members[0]
        where = (self.trigger, first.module_id, first.product.token, first.file, first.frame_number, *first.pixel)
        return hashlib.sha256("|".join(map(str, where)).encode()).hexdigest()[:_ID_DIGITS]

    @property
    def module_ids(self) -> tuple[int, ...]:
        """Modules that take part, in rising order."""
        return tuple(sorted({member.module_id for member in self.members}))

    def as_dict(self, tense: Tense, extra: OpenMapping | None = None) -> OpenDict:
        """As it stands in the JSON; `extra` is added."""
        return {
            "id": self.id,
            "trigger": self.trigger,
            "mission": MISSION,
            "messenger": "EM",
            "alert_tense": tense.value,
            "alert_type": "initial",
            "trigger_time": iso_ns(self.unix_ns),
            "trigger_time_error": self.uncertainty_ns / _NS,
            "unix_ns": self.unix_ns,
            "duration_ns": self.duration_ns,
            "rate_duration": self.duration_ns / _NS,
            "rate_snr": None if self.snr is None else round(self.snr, 2),
            "far": self.false_per_hour / _SECONDS_PER_HOUR,
            "shape": self.shape.value,
            **(extra or {}),
            "members": [member.as_dict() for member in self.members],
        }

    def as_json(self, tense: Tense) -> str:
        """Return one line of JSON, without the line end."""
        return as_line(self.as_dict(tense))


def as_line(fields: OpenMapping) -> str:
    """Return a candidate as it stands in the JSON, as one line without the line end."""
    return json.dumps(fields, separators=(",", ":"))


def iso_ns(unix_ns: int) -> str:
    """UTC time to the nanosecond, ISO 8601: ``2024-07-25T04:44:53.382892756Z``."""
    seconds, ns = divmod(unix_ns, _NS)
    return f"{np.datetime64(seconds, 's')}.{ns:09d}Z"
