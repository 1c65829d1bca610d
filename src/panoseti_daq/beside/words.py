"""Words and severity of what an instrument says; the limits are the observatory's own."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from typing import Final, Self

from panoseti_daq.beside.kinds import InstrumentKind

HV_OFF_BELOW: Final = 15.0  # V, either sign: the observatory's own limit, as those below (FIELD 4.2)
_DETECTOR_C: Final = (-10.0, 55.0, 60.0)  # least, warning above, critical above
_FPGA_C: Final = (5.0, 80.0, 85.0)
_MAX_TEXT: Final = 80  # characters of a foreign message in a line
_Values = Mapping[str, str]
_Numbers = Mapping[str, float]


class Severity(enum.IntEnum):
    """How bad it is, in the numbers of the observatory's AGG_STATUS_LEVEL."""

    OK = 0
    INFO = 8
    WARNING = 16
    CRITICAL = 32

    @classmethod
    def at_least(cls, level: float) -> Self:
        """Return the least severity that covers a number."""
        return next((one for one in cls if one >= level), cls.CRITICAL)


def is_offline(values: _Values) -> bool:
    """Return whether the values of a mount say that it is offline."""
    return values.get("status", "").upper() == "OFFLINE"


def hv_text(volts: Mapping[str, float]) -> str:
    """Return the state of the high voltages of a quabo, V by name; empty for none."""
    if not volts:
        return ""
    on = [volt for volt in volts.values() if abs(volt) >= HV_OFF_BELOW]
    if not on:
        return "HV off"
    mean = f"{math.fsum(on) / len(on):.0f} V"
    return f"HV {mean}" if len(on) == len(volts) else f"HV {mean} on {len(on)} of {len(volts)}"


def shutter_text(values: _Values) -> str:
    """Return the state of the shutter of a quabo: bit 0 of byte 52 of its packet, 1 when it is open."""
    return {"0": "shutter closed", "1": "shutter open"}.get(values.get("SHUTTER_STATUS", ""), "")


def _quabo(values: _Values, numbers: _Numbers) -> list[str]:
    volts = {name: number for name, number in numbers.items() if name.startswith("HVMON")}
    celsius = numbers.get("TEMP1")
    temperature = f"{celsius:.0f} C" if celsius is not None else "no sensor" if "TEMP1" in values else ""
    fpga = numbers.get("TEMP2")
    hot = f"FPGA {fpga:.0f} C" if fpga is not None and not _FPGA_C[0] <= fpga <= _FPGA_C[1] else ""
    clocks = [
        f"no external {what}"
        for what, name in (("10 MHz", "EXT_10MHz_STATUS"), ("1PPS", "EXT_1PPS_STATUS"))
        if values.get(name) == "0"
    ]
    said = ""
    if numbers.get("AGG_STATUS_LEVEL", 0) >= Severity.WARNING:
        said = values.get("AGG_STATUS_MSG", "")
    return [hv_text(volts), temperature, shutter_text(values), hot, *clocks, said]


def _white_rabbit(values: _Values, numbers: _Numbers) -> list[str]:
    links = [name for name in values if name.endswith("_LINK")]
    up = sum(values[name] == "1" for name in links)
    locked = {"1": "locked"}.get(values.get("SOFTPLL", ""), "NOT locked")
    return [locked, f"{up} of {len(links)} links up" if links else ""]


def _gps_time(values: _Values, numbers: _Numbers) -> list[str]:
    return [values.get("GPSTIME", ""), *(values.get(name, "") for name in ("TIMEFLAG", "PPSFLAG", "TIMESET"))]


_GPS_ALARMS: Final = (
    *("AntennaOpen", "AntennaShorted", "NotTrackingSatellites", "NotDiscipliningOscillator", "SurveyInProgress"),
    *("NoStoredPosition", "LeapSecondPending", "InTestMode", "PositionQuestionable", "PPSNotGenerated"),
)


def _gps_alarms(values: _Values) -> list[str]:
    return [name for name in _GPS_ALARMS if values.get(name, "0").lower() not in ("0", "false", "")]


def _gps_state(values: _Values, numbers: _Numbers) -> list[str]:
    names = ("GPSDECODINGSTATUS", "DISCIPLININGACTIVITY", "DISCIPLININGMODE")
    return [*(values.get(name, "") for name in names), *_gps_alarms(values)]


def _gnss(values: _Values, numbers: _Numbers) -> list[str]:
    satellites = values.get("satellites", "")
    return [values.get("fix_mode", ""), f"{satellites} satellites" if satellites else ""]


def _mount(values: _Values, numbers: _Numbers) -> list[str]:
    if is_offline(values):
        return ["OFFLINE, its coordinates are old"]
    where = [f"{name[:-4]} {numbers[name]:.2f} deg" for name in ("alt_deg", "az_deg") if name in numbers]
    tracking = {"true": "tracking", "1": "tracking"}.get(values.get("tracking", "").lower(), "not tracking")
    state = values.get("status", "OK")
    return [*where, tracking, values.get("target_name", ""), "" if state == "OK" else state]


def _weather(values: _Values, numbers: _Numbers) -> list[str]:
    parts = (
        ("temperature_C", "{:.1f} C"),
        ("humidity", "{:.0f} % humidity"),
        ("wind_speed_MPH", "wind {:.0f} mph"),
    )
    return [
        *(form.format(numbers[name]) for name, form in parts if name in numbers),
        values.get("weather_status", ""),
    ]


def _dome(values: _Values, numbers: _Numbers) -> list[str]:
    parts = (
        ("extra_internal_temp_c", "{:.1f} C"),
        ("internal_temp_c", "{:.1f} C"),
        ("temp_c", "{:.1f} C"),
        ("humidity_percent", "{:.0f} % humidity"),
        ("humidity", "{:.0f} % humidity"),
    )
    return [form.format(numbers[name]) for name, form in parts if name in numbers]


def _power(values: _Values, numbers: _Numbers) -> list[str]:
    state = values.get("POWER", "")
    return [{"1": "on", "0": "off"}.get(state, state.lower())]


_WORDS: Final[Mapping[InstrumentKind, Callable[[_Values, _Numbers], list[str]]]] = {
    InstrumentKind.QUABO: _quabo,
    InstrumentKind.WHITE_RABBIT: _white_rabbit,
    InstrumentKind.GPS_TIME: _gps_time,
    InstrumentKind.GPS_STATE: _gps_state,
    InstrumentKind.GNSS: _gnss,
    InstrumentKind.MOUNT: _mount,
    InstrumentKind.WEATHER: _weather,
    InstrumentKind.DOME: _dome,
    InstrumentKind.POWER: _power,
}


def text_of(kind: InstrumentKind, values: _Values, numbers: _Numbers) -> str:
    """Return what an instrument says in a few words; what is not reported is left out."""
    return ", ".join(shortened(part) for part in _WORDS[kind](values, numbers) if part)


def severity_of(kind: InstrumentKind, values: _Values, numbers: _Numbers) -> Severity:
    """Return how bad what an instrument says is."""
    match kind:
        case InstrumentKind.QUABO:
            return _of_quabo(values, numbers)
        case InstrumentKind.WHITE_RABBIT if values.get("SOFTPLL") != "1":
            return Severity.WARNING
        case InstrumentKind.GPS_STATE if _gps_alarms(values):
            return Severity.WARNING
        case InstrumentKind.MOUNT if values.get("status", "OK").upper() != "OK":
            return Severity.WARNING
    return Severity.OK


def _of_quabo(values: _Values, numbers: _Numbers) -> Severity:
    found = [Severity.at_least(numbers.get("AGG_STATUS_LEVEL", 0))]
    for name, limits in (("TEMP1", _DETECTOR_C), ("TEMP2", _FPGA_C)):
        if (celsius := numbers.get(name)) is not None:
            found.append(_of_temperature(celsius, *limits))
    volts = [number for name, number in numbers.items() if name.startswith("HVMON")]
    if any(abs(volt) < HV_OFF_BELOW for volt in volts) or values.get("SHUTTER_STATUS") == "0":
        found.append(Severity.INFO)
    return max(found)


def _of_temperature(celsius: float, least: float, warning: float, critical: float) -> Severity:
    if celsius > critical:
        return Severity.CRITICAL
    return Severity.OK if least <= celsius <= warning else Severity.WARNING


def shortened(text: str) -> str:
    """Return a foreign text as it fits a line."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= _MAX_TEXT else f"{plain[: _MAX_TEXT - 3]}..."
