"""Events found in frames: triggers as plugins, the engine that runs them live or over a recorded run, and sinks.

Start with `TriggerSpec` and `Trigger` to write a trigger, with `Engine` to run some.
"""

from panoseti_daq.events.candidate import Candidate, Member, Shape, Tense
from panoseti_daq.events.engine import Engine
from panoseti_daq.events.trigger import (
    MOVIES,
    PULSE_HEIGHTS,
    InstalledTrigger,
    Trigger,
    TriggerSpec,
    find_trigger,
    installed_triggers,
)

__all__ = [
    "MOVIES",
    "PULSE_HEIGHTS",
    "Candidate",
    "Engine",
    "InstalledTrigger",
    "Member",
    "Shape",
    "Tense",
    "Trigger",
    "TriggerSpec",
    "find_trigger",
    "installed_triggers",
]
