"""Times as text: the age of a frame, a span, a moment. One formatter of each, for viewers and commands."""

from __future__ import annotations

import math
import time


def age_text(age_s: float) -> str:
    """Return an age in few characters: ``0.3 s``, ``42 s``, ``7 min``, ``3 h``, ``12 d``; ``-4.0 s`` ahead."""
    if age_s <= -0.05:
        return f"-{age_text(-age_s)}"
    age_s = max(age_s, 0.0)
    for limit, divisor, unit in ((9.95, 1, "s"), (99.5, 1, "s"), (5970, 60, "min"), (172_800, 3600, "h")):
        if age_s < limit:
            return f"{age_s / divisor:.{1 if limit < 10 else 0}f} {unit}"
    return f"{age_s / 86_400:.0f} d"


def short_age_text(age_s: float) -> str:
    """Return an age in at most four characters: ``0.3s``, ``7m``; ``-7s`` in the future."""
    if age_s < -0.95:
        return f"-{min(-age_s, 99):.0f}s"
    return age_text(age_s).replace(" ", "").replace("min", "m")


def span_text(span_s: float) -> str:
    """Return a chosen span as one says it: ``5 s``, ``10 min``, ``3.2 h``, ``2.1 d``."""
    units = ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h"), (math.inf, 86_400, "d"))
    value, unit = next((span_s / unit_s, unit) for below_s, unit_s, unit in units if span_s < below_s)
    return f"{value:.0f} {unit}" if value >= 10 or value == int(value) else f"{value:.1f} {unit}"


def newest_text(age_s: float | None) -> str:
    """Return what is said of the newest frame; None before there is one, NaN for one without a time."""
    if age_s is None:
        return "no frame yet"
    return "newest frame without time" if math.isnan(age_s) else f"newest frame {age_text(age_s)} old"


def clock_text(host: str, ahead_s: float) -> str:
    """Return what is said of a clock of this computer that is ahead of a host's, s."""
    return f"your clock is {age_text(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} {host}"


def time_text(unix_ns: int, *, date: bool = True) -> str:
    """Return UTC to the millisecond; ``--:--:--`` when there is no time (0 ns)."""
    if not unix_ns:
        return "--:--:--"
    seconds, ns = divmod(unix_ns, 1_000_000_000)
    day = "%Y-%m-%d " if date else ""
    return time.strftime(f"{day}%H:%M:%S", time.gmtime(seconds)) + f".{ns // 1_000_000:03d}"
