"""Targets of random bytes: each may raise what its function documents, and nothing else.

For hypothesis (test_targets.py, short) and for atheris (with_atheris.py, long), which both find what a target lets
through.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError
from support.frames import frame_bytes, layout_of

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.blocks import Progress
from panoseti_daq.client.images import image_dict, received_frame
from panoseti_daq.config.hp_io import read_hp_io
from panoseti_daq.config.keys import allowed_keys
from panoseti_daq.config.load import check_values, load_settings
from panoseti_daq.config.nodes import address_of, targets_of
from panoseti_daq.errors import ConfigError, HeaderError, PffError, SourceError
from panoseti_daq.pff import DataProduct, Layout, PffName, RunName
from panoseti_daq.pff.columns import parse_rows
from panoseti_daq.pff.layout import END_OF_HEADER, MAX_HEADER_BYTES
from panoseti_daq.pff.names import module_dir_id, parse_start
from panoseti_daq.simulator.sockets import format_record
from panoseti_daq.sources.records import BadRecordError, RecordReader
from panoseti_daq.sources.snapshot import Snapshot, snapshot_name
from panoseti_daq.sources.tail import Tail
from panoseti_daq.web.doors import Doors
from panoseti_daq.web.views import ViewChoice
from panoseti_daq.wire.blocks import BlockDecoder, BlockMessage
from panoseti_daq.wire.frames import selected_frames
from panoseti_daq.wire.header import pack, quabo_of, unpack
from panoseti_daq.wire.init import init_request
from panoseti_daq.wire.requests import selected_images
from panoseti_daq.wire.wall import decode_wall

Target = Callable[[bytes], None]
PRODUCTS: Final = tuple(DataProduct)
_DIR: Final = Path(tempfile.gettempdir()) / f"panoseti_daq_fuzz_{os.getpid()}"


def product_and_rest(data: bytes) -> tuple[DataProduct, bytes]:
    return PRODUCTS[data[0] % 4] if data else DataProduct.IMG16, data[1:]


def scratch(name: str, data: bytes) -> Path:
    _DIR.mkdir(exist_ok=True)
    path = _DIR / name
    path.write_bytes(data)
    return path


def layout(data: bytes) -> None:
    """`Layout.discover`, and both parsers with the layout that was found."""
    product, head = product_and_rest(data)
    try:
        found = Layout.discover(head, product)
    except HeaderError:
        return
    if found is None:
        assert END_OF_HEADER not in head[:MAX_HEADER_BYTES]
        return
    parse_with(found, head[: found.frame_size_bytes].ljust(found.frame_size_bytes, b"\0"))


def parse_with(found: Layout, frame: bytes) -> None:
    """Both parsers agree."""
    text = frame[: found.header_size_bytes]
    try:
        header = found.parse(text)
    except HeaderError:
        header = None
    assert found.is_valid(text) is (header is not None)
    valid, columns = parse_rows(found, np.frombuffer(frame, np.uint8)[np.newaxis])
    assert bool(valid[0]) is (header is not None)
    if header is not None:
        for name, column in columns.items():
            value: Any = getattr(header, name)
            assert column[0].tolist() == (list(value) if isinstance(value, tuple) else value), name
        assert header.as_dict() is not None
        assert header.time is not None


def damaged_header(data: bytes) -> None:
    """The parsers of a well-known layout with a header of which some bytes are others."""
    product, edits = product_and_rest(data)
    frame, n_bytes = bytearray(frame_bytes(product)), layout_of(product).image_offset_bytes
    for at, value in zip(edits[::2], edits[1::2], strict=False):
        frame[at * 2 % n_bytes] = value
    if frame[:n_bytes].endswith(END_OF_HEADER):
        parse_with(layout_of(product), bytes(frame))


def names(data: bytes) -> None:
    """Names of files, runs and modules, which `os.listdir` gives with whatever bytes they have."""
    name = os.fsdecode(data)
    for candidate in (name, f"{name}.pff", f"start_{name}.dp_img16.module_1.seqno_{name}.pff"):
        with suppress(PffError):
            parsed = PffName.parse(candidate)
            assert 0 <= parsed.module_id < 256
            assert parsed.format()
    for candidate in (name, f"obs_{name}.pffd", f"obs_x.start_{name}.pffd"):
        with suppress(PffError):
            run = RunName.parse(candidate)
            assert run.format()
            assert run.start is None or run.start.timestamp() < 1e12
    assert module_dir_id(name) is None or 0 <= (module_dir_id(name) or 0) < 256
    snapshot_name(f"{name}.img16.pff", 1)
    parse_start(name)


def packed_header(data: bytes) -> None:
    quabo_of(data)
    with suppress(ValueError):
        assert unpack(pack(unpack(data))) == unpack(data)


def block_message(data: bytes) -> None:
    """What a client makes of a StreamFramesResponse."""
    try:
        message = BlockMessage.parse(data)
    except DecodeError:
        return
    with suppress(PffError):
        BlockDecoder()(message, "host")


def block_of_frames(data: bytes) -> None:
    """The same with fields that are there."""
    product, rest = product_and_rest(data)
    first = pb.Position(product=product.token, file="x.pff", module_id=rest[0] if rest else 0)
    head = pb.StreamFramesResponse(first=first, frames=int.from_bytes(rest[1:4], "little"))
    with suppress(PffError):
        BlockDecoder()(BlockMessage(head, rest[4:]), "host")


def stream_request(data: bytes) -> None:
    """What a server makes of a StreamImagesRequest and of a StreamFramesRequest."""
    with suppress(DecodeError, ConfigError):
        selected_images(pb.StreamImagesRequest.FromString(data))
    with suppress(DecodeError, ConfigError):
        selected_frames(pb.StreamFramesRequest.FromString(data))


def image_message(data: bytes) -> None:
    """What a client makes of a StreamImagesResponse."""
    try:
        response = pb.StreamImagesResponse.FromString(data)
    except DecodeError:
        return
    with suppress(PffError):
        image_dict(received_frame(response, "host"))


def server_config(data: bytes) -> None:
    for name in ("server.toml", "server.json", "server"):
        with suppress(ConfigError):
            load_settings(scratch(name, data))


def settings_values(data: bytes) -> None:
    """Values of any type under the keys that there are."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    for key in allowed_keys():
        with suppress(ConfigError):
            check_values({key: value}, "fuzz", strict=True)


def hp_io_config(data: bytes) -> None:
    for name in ("hp_io.json", "hp_io"):
        path = scratch(name, data)
        with suppress(ConfigError):
            init_request(read_hp_io(path), "/data")


def daq_config(data: bytes) -> None:
    with suppress(ConfigError):
        targets_of(scratch("daq.json", data))
    with suppress(ConfigError):
        address_of(data.decode(errors="replace"))


def network_config(data: bytes) -> None:
    nodes = {"daq_nodes": [{"ip_addr": "10.0.0.1"}, {"ip_addr": "10.0.0.2"}]}
    with suppress(ConfigError):
        targets_of(nodes, scratch("network.json", data))
    try:
        forwarding = json.loads(data)
    except (ValueError, RecursionError):
        return
    with suppress(ConfigError):
        targets_of(nodes, {"daq_nodes": [{"ip_addr": "10.0.0.1", "port_forwarding": forwarding}]})


def resume_token(data: bytes) -> None:
    with suppress(ConfigError):
        Progress(data.decode(errors="replace"))


def tail(data: bytes) -> None:
    """A file that grows by pieces; every other time with frames around what is there."""
    product, rest = product_and_rest(data)
    n_cut, content = (rest[0], rest[1:]) if rest else (0, b"")
    if n_cut & 1:
        frame = frame_bytes(product)
        content = frame + content + frame[: len(frame) - n_cut] + frame
    half = len(content) // 2
    path = scratch("tail.pff", b"")
    reader, found = Tail(path, PffName(product, 1)), list[bytes]()
    try:
        for part in (content[:half], content[half:]):
            with path.open("ab") as file:
                file.write(part)
            with suppress(HeaderError):
                for block in reader.read():
                    found.append(bytes(block.data))
                    assert len(block) > 0
                    block.newest()
                    assert 0 <= block.n_bad <= len(block)
    finally:
        reader.close()
    assert all(data in content for data in found)
    assert sum(map(len, found)) <= len(content)


def snapshot(data: bytes) -> None:
    product, rest = product_and_rest(data)
    with suppress(HeaderError):
        for block in Snapshot(scratch("snapshot.pff", rest), PffName(product, 1)).read():
            block.newest()


def records(data: bytes) -> None:
    """Any bytes, in two pieces, after a good record or not."""
    product, rest = product_and_rest(data)
    reader = RecordReader(product)
    if rest[:1] == b"+":
        rest = format_record(1, frame_bytes(product), product) + rest[1:]
    with suppress(BadRecordError):
        for piece in (rest[: len(rest) // 2], rest[len(rest) // 2 :]):
            for record in reader.feed(piece):
                assert record.module_id < 256
                assert len(record.frame) > product.image_size_bytes
    assert reader.n_held_bytes <= len(rest)


def page_message(data: bytes) -> None:
    """What a browser says in its WebSocket; of anybody, and of somebody with a link."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return
    for scope in ((), (1, 2)):
        with suppress(ConfigError):
            ViewChoice.read(
                {"op": "view", **message} if isinstance(message, dict) else {"modules": message}, scope
            )


def web_doors(data: bytes) -> None:
    """Cookies, tokens, links, names and origins; none of them opens the door."""
    text = data.decode("latin-1")
    doors = Doors(tuple, lambda: b"k" * 32)
    assert doors.who(text) is None
    assert doors.who(None, f"Bearer {text}") is None
    assert doors.admit(text, "address") is None
    assert doors.admit(f"share_{text}", "address") is None
    assert doors.check_name(text) in (True, False)
    assert doors.check_origin(text, "a.example") is False or text.endswith("a.example")
    with suppress(SourceError):
        decode_wall(b"PW1\0" + data, {0: (1, 1)})


TARGETS: Final[dict[str, Target]] = {
    target.__name__: target
    for target in (
        layout,
        damaged_header,
        names,
        packed_header,
        block_message,
        block_of_frames,
        stream_request,
        image_message,
        server_config,
        settings_values,
        hp_io_config,
        daq_config,
        network_config,
        resume_token,
        tail,
        snapshot,
        records,
        page_message,
        web_doors,
    )
}
