"""Context message: what stands beside the images, written and read."""

from __future__ import annotations

import math

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.beside import Instrument, Surroundings


def write_context(surroundings: Surroundings) -> pb.Context:
    """Return the message of surroundings."""
    context = pb.Context(
        source=surroundings.source,
        trouble=surroundings.trouble,
        read_age_seconds=_or_none(surroundings.read_age_s),
    )
    for one in surroundings.instruments.values():
        context.instruments.add(
            name=one.name,
            age_seconds=_or_none(one.age_s),
            values=dict(one.values),
            old=one.is_old,
            severity=one.severity,
            text=one.text,
        )
    for module_id, line in surroundings.modules.items():
        context.modules.add(module_id=module_id, text=line.text, severity=line.severity, old=line.is_old)
    return context


def read_context(context: pb.Context) -> Surroundings:
    """Return the surroundings in a message; instruments of kinds that are unknown here are left out."""
    instruments = {}
    for one in context.instruments:
        age_s = one.age_seconds if one.HasField("age_seconds") else math.nan
        instrument = Instrument(one.name, dict(one.values), age_s)
        if instrument.is_known:
            instruments[one.name] = instrument
    read_age_s = context.read_age_seconds if context.HasField("read_age_seconds") else math.nan
    return Surroundings(context.source, context.trouble, instruments, read_age_s)


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
