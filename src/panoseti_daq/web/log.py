"""Log of the web server: our own faults, and not what strangers send to its port."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError


class _OurFaults(logging.Filter):
    """Leaves out unreadable requests, and who left: a stranger could fill the log with tracebacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError | ConnectionError))


LOG: Final = logging.getLogger("panoseti_daq.web.http")
LOG.addFilter(_OurFaults())
logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)  # warns of each upgrade that names other protocols
