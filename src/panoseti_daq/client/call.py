"""Call of a stream, as the streams of a client need it: gRPC's are, and so are those of NATS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

_Message = TypeVar("_Message", covariant=True)


class StreamCall(Protocol[_Message]):
    """A stream of messages; what goes wrong is an AioRpcError."""

    async def wait_for_connection(self) -> None:
        """Begin."""
        ...

    def __aiter__(self) -> AsyncIterator[_Message]: ...

    def cancel(self) -> bool:
        """End."""
        ...
