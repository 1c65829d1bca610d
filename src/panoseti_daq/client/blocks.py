"""Lossless streams: the call to one host, and the positions to continue at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.call import StreamCall
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import Begin, DataProduct, ModuleProduct
from panoseti_daq.wire.blocks import BlockMessage
from panoseti_daq.wire.position import position_of

BlockCall = StreamCall[BlockMessage]

_MAX_NUMBER: Final = 2**64 - 1  # of a frame, in a message

Since = Literal["run"] | datetime | float | Begin | None


def begin_of(since: Since) -> Begin:
    """Return where a stream begins.

    Raises
    ------
    ConfigError
        `since` is invalid.
    """
    if since is None or isinstance(since, Begin):
        return since or Begin()
    if since == "run":
        return Begin(0)
    try:
        if isinstance(since, datetime) and since.tzinfo is not None:
            unix_ns = round(since.timestamp() * 1e6) * 1000
        else:
            unix_ns = round(since * 1e9)  # type: ignore[operator]  # a TypeError is what is caught
    except (TypeError, ValueError, OverflowError):
        unix_ns = -1
    if not 0 <= unix_ns < 2**64:
        raise ConfigError(f"invalid since: {since!r}; allowed: None, 'run', an aware datetime, UTC s since 1970")
    return Begin(unix_ns)


def next_position(response: pb.StreamFramesResponse) -> pb.Position:
    """Return the frame after those of a response."""
    first = response.first
    return pb.Position(
        module_id=first.module_id,
        product=first.product,
        run=first.run,
        file=first.file,
        frame_number=min(first.frame_number + (0 if response.gap else response.frames), _MAX_NUMBER),
    )


class BlockFeed:
    """Every frame of one host, from where it was lost.

    Parameters
    ----------
    make_call
        Makes the call of a request, given whether the host was lost.
    request
        What to ask for at first.
    host, progress
        Where to take note of the places at which the server begins.
    """

    def __init__(
        self,
        make_call: Callable[[pb.StreamFramesRequest, bool], BlockCall],
        request: pb.StreamFramesRequest,
        host: str,
        progress: Progress,
    ) -> None:
        self._make_call = make_call
        self._request = request
        self._host = host
        self._progress = progress
        self._positions = {(p.module_id, p.product): p for p in request.resume}

    def call(self, *, again: bool) -> BlockCall:
        """Make the call; after a break it continues where the last one ended."""
        request = pb.StreamFramesRequest()
        request.CopyFrom(self._request)
        del request.resume[:]
        request.resume.extend(self._positions.values())
        return self._make_call(request, again)

    def new_in(self, message: BlockMessage) -> tuple[BlockMessage, ...]:
        """Note the position; return the message when it holds frames or a gap.

        Raises
        ------
        PffError
            It is a position that there cannot be.
        """
        response = message.head
        self._positions[response.first.module_id, response.first.product] = next_position(response)
        if response.frames or response.gap:
            return (message,)
        position_of(response.first)
        self._progress.note(response, self._host)
        return ()

    def lost(self) -> None:
        """Do nothing: the next call names the positions."""


class Progress:
    """Progress of the consumer of a lossless stream: the content of a resume token."""

    def __init__(self, token: str | None = None) -> None:
        self._positions: dict[str, dict[tuple[int, str], pb.Position]] = {}
        for host, positions in _read_token(token).items():
            self._positions[host] = {(p.module_id, p.product): p for p in positions}
        self._of_others: dict[tuple[int, str], pb.Position] = {}  # of hosts that are not asked this time

    def ask(self, hosts: Iterable[str]) -> None:
        """Take note of which hosts are asked: what others gave may be at any of these, as behind a gateway."""
        for other in [host for host in self._positions if host not in set(hosts)]:
            self._of_others |= self._positions.pop(other)

    def positions(self, host: str) -> Iterable[pb.Position]:
        """Return the positions to continue at with one host."""
        return (self._of_others | self._positions.get(host, {})).values()

    @property
    def streams(self) -> set[ModuleProduct]:
        """Modules and products whose position is known: all that the servers have, once they have listed them."""
        return {
            (module_id, DataProduct.from_token(token))
            for positions in (*self._positions.values(), self._of_others)
            for module_id, token in positions
        }

    def note(self, response: pb.StreamFramesResponse, host: str) -> None:
        """Take note of what the consumer got."""
        position = next_position(response)
        self._of_others.pop((position.module_id, position.product), None)
        self._positions.setdefault(host, {})[position.module_id, position.product] = position

    @property
    def token(self) -> str:
        """All positions as text; valid as long as the files are there, also for another server process."""
        by_host = {**self._positions, **({"": self._of_others} if self._of_others else {})}
        return json.dumps(
            {
                host: [[p.module_id, p.product, p.run, p.file, p.frame_number] for p in positions.values()]
                for host, positions in by_host.items()
            }
        )


def _read_token(token: str | None) -> Mapping[str, list[pb.Position]]:
    if token is None:
        return {}
    try:
        hosts: dict[str, list[Any]] = json.loads(token)
        return {
            host: [
                pb.Position(module_id=module_id, product=product, run=run, file=file, frame_number=number)
                for module_id, product, run, file, number in positions
            ]
            for host, positions in hosts.items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"invalid resume: {token[:80]!r}; allowed: the resume_token of a stream of blocks ({error})"
        ) from None
