"""Patience of tests with what is sure to come: only what hangs takes longer, however busy the machine is."""

from typing import Final

PATIENCE_S: Final = 60.0  # below the timeout of pytest, which knows less of what was waited for
