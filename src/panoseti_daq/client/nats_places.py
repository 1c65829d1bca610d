"""Places in the streams of all frames: where a reader begins, and what it need not see again."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.blocks import next_position
from panoseti_daq.client.nats_link import NO_STREAM, NatsError, NotThereError, ask, kept_message
from panoseti_daq.client.nats_puller import Puller
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Begin, Position, Selection
from panoseti_daq.sources.places import FilePlace
from panoseti_daq.wire.blocks import BlockDecoder, BlockMessage, ReceivedBlock
from panoseti_daq.wire.position import position_message
from panoseti_daq.wire.subjects import Site

if TYPE_CHECKING:
    from nats.aio.client import Client

LOST: Final = "no longer kept on NATS"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A message as the server keeps it, and its place in the stream."""

    sequence: int
    message: BlockMessage
    headers: Mapping[str, str]


async def _get(client: Client, stream: str, **which: Any) -> _Kept | None:
    """Return one message of a stream, None when there is none; NatsError when somebody else published it."""
    kept = await kept_message(client, stream, **which)
    if kept is None:
        return None
    lines = b64decode(kept.get("hdrs", "")).decode().splitlines()[1:]
    headers = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    try:
        message = BlockMessage.parse(b64decode(kept.get("data", "")))
    except DecodeError as error:
        raise NatsError(f"message {kept['seq']} of {stream} is not ours: {error}", is_final=True) from error
    return _Kept(int(kept["seq"]), message, headers)


@dataclass(frozen=True, slots=True)
class _Start:
    """Where the reading of a subject begins: with this message, of which some frames may be past."""

    sequence: int
    position: pb.Position
    gap: BlockMessage | None = None


async def last_of(client: Client, stream: str) -> list[tuple[BlockMessage, Mapping[str, str]]]:
    """Return the last message of each subject of a stream, with its headers."""
    state = (await ask(client, f"STREAM.INFO.{stream}", {"subjects_filter": ">"}))["state"]
    kept = [await _get(client, stream, last_by_subj=subject) for subject in sorted(state.get("subjects") or ())]
    return [(last.message, last.headers) for last in kept if last is not None]


class Places:
    """Where one reader of all frames begins, by subject.

    Parameters
    ----------
    client, site
        Whose streams.
    begin
        What was asked for.
    """

    def __init__(self, client: Client, site: Site, begin: Begin) -> None:
        self._client = client
        self._site = site
        self._begin = begin
        self._resume = {(p.module_id, p.product.token): p for p in begin.resume}
        self._starts: dict[tuple[int, str], _Start] = {}
        self._decode = BlockDecoder()

    async def open(self, selection: Selection) -> tuple[list[BlockMessage], list[Puller]]:
        """Return the messages that say where reading begins, and the consumers that give the rest."""
        heads, pullers = [], []
        for kind, pattern in self._site.frames_in(selection):
            stream = self._site.frames(kind)
            state = await self._state(stream, pattern)
            first = after_all = int(state["last_seq"]) + 1
            for subject in sorted(state.get("subjects") or ()):
                start = await self._start(stream, subject, int(state["first_seq"]), after_all)
                self._starts[start.position.module_id, start.position.product] = start
                first = min(first, start.sequence)
                heads.append(BlockMessage(pb.StreamFramesResponse(first=start.position)))
                heads += [start.gap] if start.gap else []
            how = {"deliver_policy": "by_start_sequence", "opt_start_seq": first}
            pullers.append(await Puller.open(self._client, stream, pattern, **how))
        return heads, pullers

    async def _state(self, stream: str, pattern: str) -> OpenDict:
        """Return the state of a stream, with the subjects of a pattern."""
        try:
            answer = await ask(self._client, f"STREAM.INFO.{stream}", {"subjects_filter": pattern})
        except NatsError as error:
            if NO_STREAM not in str(error):
                raise
            await ask(self._client, f"STREAM.INFO.{self._site.latest}", {})  # else no bridge was here yet
            raise NotThereError(f"only the newest frames of {self._site.name} are there: no {stream}") from error
        state: OpenDict = answer["state"]
        return state

    async def _start(self, stream: str, subject: str, first: int, after_all: int) -> _Start:
        """Return where to begin with a subject that has messages."""
        last = await _get(self._client, stream, last_by_subj=subject)
        if last is None:
            raise NatsError(f"{subject} vanished from {stream}")
        head = last.message.head.first
        wanted = self._resume.get((head.module_id, head.product))
        if wanted is None and self._begin.since_unix_ns is None and not self._resume:
            return _Start(after_all, next_position(last.message.head))
        is_past = self._is_past(wanted, head.run)

        async def after(sequence: int) -> _Kept | None:
            """Return the first message from there on that is not past."""
            return await _get(self._client, stream, seq=sequence, next_by_subj=subject)

        low, high, found = first, last.sequence + 1, None
        while low < high:
            middle = (low + high) // 2
            kept = await after(middle)
            if kept is None or not is_past(kept.message):
                high, found = middle, kept or found
            else:
                low = kept.sequence + 1
        found = await after(low) if found is None or found.sequence < low else found
        if found is None or found.sequence > last.sequence:
            return _Start(after_all, position_message(wanted) if wanted else next_position(last.message.head))
        return await self._from(found, wanted, await after(first))

    def _is_past(self, wanted: Position | None, run: str) -> Callable[[BlockMessage], bool]:
        """Return a test of whether all frames of a message come before what is wanted."""
        if wanted is not None:
            place = FilePlace.of(wanted.run, wanted.file), wanted.frame_number
            return lambda message: _end(message) <= place
        if not self._begin.since_unix_ns:
            return lambda message: message.head.first.run != run
        since_unix_ns = self._begin.since_unix_ns
        return lambda message: message.head.first.run != run or self._times(message)[-1] < since_unix_ns

    def _times(self, message: BlockMessage) -> list[int]:
        block = self._decode(message, "")
        return block.times[0].tolist() if isinstance(block, ReceivedBlock) else [0]

    async def _from(self, found: _Kept, wanted: Position | None, earliest: _Kept | None) -> _Start:
        """Return the start in the first message that is not past, with a gap when NATS forgot what came before."""
        first = pb.Position()
        first.CopyFrom(found.message.head.first)
        if wanted is None:
            if self._begin.since_unix_ns:
                times = self._times(found.message)
                first.frame_number += next((i for i, at in enumerate(times) if at >= self._begin.since_unix_ns), 0)
            return _Start(found.sequence, first)
        if (first.run, first.file) == (wanted.run, wanted.file) and first.frame_number <= wanted.frame_number:
            return _Start(found.sequence, position_message(wanted))
        gap = None
        if earliest is None or earliest.sequence == found.sequence:
            n_lost = first.frame_number - wanted.frame_number if first.file == wanted.file else 0
            head = pb.StreamFramesResponse(first=position_message(wanted), gap=LOST, frames=max(0, n_lost))
            gap = BlockMessage(head)
        return _Start(found.sequence, position_message(wanted) if gap else first, gap)

    def rest_of(self, message: BlockMessage, sequence: int) -> Iterator[BlockMessage]:
        """Yield of a message what does not come before the start of its subject."""
        head = message.head
        start = self._starts.get((head.first.module_id, head.first.product))
        if start is None or sequence > start.sequence:
            yield message
        elif sequence == start.sequence:
            n_past = start.position.frame_number - head.first.frame_number
            if n_past <= 0 or head.gap or start.position.file != head.first.file:
                yield message
            elif n_past < head.frames:
                yield part_of(message, n_past, head.frames - n_past)


def part_of(message: BlockMessage, begin: int, n_frames: int) -> BlockMessage:
    """Return some of the frames of a message."""
    size_bytes = len(message.data) // message.head.frames
    head = pb.StreamFramesResponse()
    head.CopyFrom(message.head)
    head.first.frame_number += begin
    head.frames = n_frames
    return BlockMessage(head, memoryview(message.data)[begin * size_bytes : (begin + n_frames) * size_bytes])


def _end(message: BlockMessage) -> tuple[FilePlace, int]:
    """Return the place after the last frame of a message."""
    end = next_position(message.head)
    return FilePlace.of(end.run, end.file), end.frame_number
