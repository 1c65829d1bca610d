"""Triggers as plugins: what one is, and which are installed.

A trigger is an entry point of the group ``panoseti_daq.triggers`` that leads to a `TriggerSpec`. The built-in ones
are found in the same way as those of other packages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import BaseModel, ValidationError

from panoseti_daq.config.files import first_fault
from panoseti_daq.errors import ConfigError, TriggerError
from panoseti_daq.open_types import OpenMapping
from panoseti_daq.pff import DataProduct, FrameBlock, Kind
from panoseti_daq.plugins import Installed, PluginGroup

if TYPE_CHECKING:
    from panoseti_daq.events.candidate import Candidate

GROUP: Final = "panoseti_daq.triggers"
MOVIES: Final = frozenset(product for product in DataProduct if product.kind is Kind.MOVIE)
PULSE_HEIGHTS: Final = frozenset(product for product in DataProduct if product.kind is Kind.PULSE_HEIGHT)


class Trigger(Protocol):
    """Finds candidates in frames: a plain object with neither a clock nor files, that can be pickled.

    The same object works live, in a replay and over an archived run. What it finds must not depend on how the
    frames are cut into blocks, nor on the order in which the blocks of different modules and products come; those
    of one module and product come in order. For one thread. One that raises is stopped.
    """

    def feed(self, block: FrameBlock) -> Iterable[Candidate]:
        """Take consecutive frames of one module and product; return what is certain now."""
        ...

    def flush(self, watermark_ns: int) -> Iterable[Candidate]:
        """Take note that all frames before this UTC time, ns since 1970, were fed; return what is certain.

        The last call has a time after that of every frame.
        """
        ...

    def counters(self) -> Mapping[str, float]:
        """Return what is worth showing beside the number of candidates, such as ``accidentals`` and ``dead_s``."""
        ...


@dataclass(frozen=True, slots=True)
class TriggerSpec:
    """A trigger before it runs: what the command line needs to know.

    Attributes
    ----------
    name
        Name of the trigger; also that of the entry point.
    help
        One line.
    options
        Model of its options; each has a default.
    make
        Makes the trigger, given a value of `options`.
    products
        The data products whose frames it wants.
    """

    name: str
    help: str
    options: type[BaseModel]
    make: Callable[[Any], Trigger]
    products: frozenset[DataProduct]

    def make_with(self, values: OpenMapping) -> Trigger:
        """Make the trigger with these options.

        Raises
        ------
        ConfigError
            There is no such option, or its value is not allowed.
        """
        for key in values:
            if key not in self.options.model_fields:
                there_are = ", ".join(self.options.model_fields)
                raise ConfigError(f"trigger {self.name}: option {key} not found; there are: {there_are}")
        try:
            options = self.options.model_validate(values)
        except ValidationError as error:
            raise ConfigError(f"trigger {self.name}: {first_fault(error)}") from None
        return self.make(options)


InstalledTrigger = Installed[TriggerSpec]
TRIGGERS: Final = PluginGroup(GROUP, "trigger", TriggerSpec)
installed_triggers: Final = TRIGGERS.installed


def find_trigger(name: str) -> TriggerSpec:
    """Return the trigger of that name.

    Raises
    ------
    TriggerError
        There is none, or it cannot be loaded.
    """
    found = TRIGGERS.find(name)
    if found is None:
        there_are = ", ".join(trigger.name for trigger in installed_triggers())
        raise TriggerError(f"trigger {name} not found; there are: {there_are}")
    if found.spec is None:
        raise TriggerError(f"trigger {name} of {found.package} {found.version} cannot be loaded: {found.error}")
    return found.spec
