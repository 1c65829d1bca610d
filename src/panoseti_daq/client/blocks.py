"""Lossless streams: blocks and gaps as a server sends them, and the positions to continue at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import grpc

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.pff import DataProduct, FrameBlock, Gap, Layout, Position
from panoseti_daq.pff.layout import MAX_HEADER_BYTES
from panoseti_daq.wire.blocks import BlockMessage

BlockCall = grpc.aio.UnaryStreamCall[pb.StreamFramesRequest, BlockMessage]

Since = Literal["run"] | datetime | float | None


@dataclass(frozen=True, eq=False)
class ReceivedBlock(FrameBlock):
    """Consecutive frames of one file, as a server sent them.

    Attributes
    ----------
    host
        DAQ node they come from.
    run
        Base name of the run directory.
    sequence
        Place of this message in the stream of that host, 0-based.
    """

    host: str = ""
    run: str = ""
    sequence: int = 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"data": bytes(self.data)}  # a view cannot be pickled

    def __repr__(self) -> str:
        return f"<ReceivedBlock {self.host} {self.file}#{self.first_frame_number}, {len(self)} frames>"


class BlockDecoder:
    """Blocks and gaps of the responses of one stream.

    Keeps known layouts: finding one takes longer than the rest of a block.
    """

    def __init__(self) -> None:
        self._layouts: dict[tuple[DataProduct, int], Layout] = {}

    def __call__(self, message: BlockMessage, host: str) -> ReceivedBlock | Gap:
        """Block or gap of a message.

        Raises
        ------
        PffError
            The message holds no frames of a known data product.
        """
        response, data = message.head, message.data
        first = response.first
        try:
            product = DataProduct.from_token(first.product)
        except ValueError as error:
            raise PffError(f"{host}: {error}") from None
        if response.gap:
            position = Position(first.module_id, product, first.run, first.file, first.frame_number)
            return Gap(position, response.frames or None, response.gap, host)
        return ReceivedBlock(
            data,
            self._layout(data, len(data) // max(1, response.frames), product),
            first.module_id,
            first.file,
            first.frame_number,
            detected_unix_ns=response.detected_unix_ns,
            host=host,
            run=first.run,
            sequence=response.sequence,
        )

    def _layout(self, data: bytes | memoryview, frame_size_bytes: int, product: DataProduct) -> Layout:
        key = product, frame_size_bytes
        layout = self._layouts.get(key)
        if layout is None or not layout.is_valid(bytes(data[: layout.header_size_bytes])):
            layout = self._layouts[key] = _discover(data, frame_size_bytes, product)
        return layout


def _discover(data: bytes | memoryview, frame_size_bytes: int, product: DataProduct) -> Layout:
    """Layout of a block; the header of its first frame may be damaged."""
    # A frame is larger than its image: a smaller size means that the message announces too many.
    begins = range(0, len(data), frame_size_bytes) if frame_size_bytes > product.image_size_bytes else ()
    for begin in begins:
        try:
            layout = Layout.discover(bytes(data[begin : begin + MAX_HEADER_BYTES]), product)
        except PffError:
            continue
        if layout is not None and layout.frame_size_bytes == frame_size_bytes:
            return layout
    raise PffError(f"a block of {len(data)} bytes without one whole {product.token} header")


def blocks_request(
    movie: bool, pulse_height: bool, module_ids: Iterable[int], since: Since
) -> pb.StreamFramesRequest:
    """Request for all frames.

    Raises
    ------
    ConfigError
        An argument is invalid.
    """
    begin, since_unix_ns = pb.StreamFramesRequest.NOW, 0
    if since == "run":
        begin = pb.StreamFramesRequest.RUN
    elif isinstance(since, datetime) and since.tzinfo is not None:
        begin, since_unix_ns = pb.StreamFramesRequest.TIME, round(since.timestamp() * 1e6) * 1000
    elif isinstance(since, float | int):
        begin, since_unix_ns = pb.StreamFramesRequest.TIME, round(since * 1e9)
    elif since is not None:
        raise ConfigError(f"invalid since: {since!r}; allowed: None, 'run', an aware datetime, UTC s since 1970")
    try:
        return pb.StreamFramesRequest(
            movie=movie, pulse_height=pulse_height, module_ids=module_ids, begin=begin, since_unix_ns=since_unix_ns
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(f"a stream cannot be asked for that: {error}") from None


def next_position(response: pb.StreamFramesResponse) -> pb.Position:
    """The frame after those of a response."""
    first = response.first
    return pb.Position(
        module_id=first.module_id,
        product=first.product,
        run=first.run,
        file=first.file,
        frame_number=first.frame_number + (0 if response.gap else response.frames),
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

    outlives_server = True  # nothing is lost by it: the frames stand in files

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
        """Note the position; return the message when it holds frames or a gap."""
        response = message.head
        self._positions[response.first.module_id, response.first.product] = next_position(response)
        if response.frames or response.gap:
            return (message,)
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

    def positions(self, host: str) -> Iterable[pb.Position]:
        """Return the positions to continue at with one host."""
        return self._positions.get(host, {}).values()

    def note(self, response: pb.StreamFramesResponse, host: str) -> None:
        """Take note of what the consumer got."""
        position = next_position(response)
        self._positions.setdefault(host, {})[position.module_id, position.product] = position

    @property
    def token(self) -> str:
        """All positions as text; valid as long as the files are there, also for another server process."""
        return json.dumps(
            {
                host: [[p.module_id, p.product, p.run, p.file, p.frame_number] for p in positions.values()]
                for host, positions in self._positions.items()
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
