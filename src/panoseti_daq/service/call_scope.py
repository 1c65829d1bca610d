"""Call scope: the one way to end a call for a reason, wherever it waits (docs/decisions/0002)."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from panoseti_daq.service.hp_io import Refused


class CallScope:
    """The extent of one call, which `end` leaves for a reason.

    ``async with scope:`` stands around the whole call. `end` cancels what the call waits for (the gate, a frame, a
    write that gRPC has not finished); the context managers of the call release what it holds, and the scope raises
    the reason. For one event loop; a scope is entered once.
    """

    __slots__ = ("_reason", "_timeout")

    def __init__(self) -> None:
        self._timeout = asyncio.timeout(None)
        self._reason: Refused | None = None

    def end(self, reason: Refused) -> None:
        """End the call with `reason`; of several reasons the first one holds."""
        if self._reason is None:
            self._reason = reason
            self._timeout.reschedule(asyncio.get_running_loop().time())

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as ended:  # only `end` sets a deadline
            raise (self._reason or ended) from None
