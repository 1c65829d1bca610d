"""Length of a soak: short by default, longer by variables (`nox -s soak`)."""

from __future__ import annotations

import logging
import os
from typing import Final

_log = logging.getLogger(__name__)

MINUTES: Final = float(os.environ.get("SOAK_MINUTES", "0.17"))  # of kills in random order
N_FRAMES: Final = int(os.environ.get("SOAK_FRAMES", "20000"))  # through one server
N_CONNECTIONS: Final = int(os.environ.get("SOAK_CONNECTIONS", "300"))  # to one server
N_VANISHING: Final = int(os.environ.get("SOAK_VANISHING", "200"))  # clients at the same time
STALLED_PHASE_S: Final = float(os.environ.get("SOAK_STALLED_PHASE_S", "1"))  # each of four
SEED: Final = int(os.environ.get("SOAK_SEED", "1"))
_REPORT: Final = os.environ.get("SOAK_REPORT")  # figures are appended to this file


def note(text: str) -> None:
    """Tell a figure; none is ever asserted when it is a time."""
    _log.info("%s", text)
    if _REPORT:
        with open(_REPORT, "a") as file:
            file.write(text + "\n")
