"""Context of the images: high voltage, temperatures, clocks, mount and weather, each with its age."""

from panoseti_daq.beside.housekeeping import HousekeepingFile, housekeeping
from panoseti_daq.beside.instrument import Instrument
from panoseti_daq.beside.surroundings import ModuleLine, Surroundings
from panoseti_daq.beside.words import Severity

__all__ = ["HousekeepingFile", "Instrument", "ModuleLine", "Severity", "Surroundings", "housekeeping"]
