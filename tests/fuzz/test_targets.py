"""Bytes of any kind, and what nearly is right: no exception but ours, no more memory than the input justifies."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import pytest
from fuzz.targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.frames import frame_bytes

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import DataProduct

N_EXAMPLES: Final = int(os.environ.get("FUZZ_EXAMPLES", "25"))
# What a target may need for n bytes: files are read in blocks, text of Python takes four bytes a character, and
# JSON and TOML become objects of Python.
MOST_BYTES: Final = 16 << 20
MOST_PER_BYTE: Final = 200

pytestmark = pytest.mark.timeout(300)


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


KEYS: Final = (
    "daq_nodes ip_addr port_forwarding status gw_ip grpc_port data_dir module_ids update_interval_seconds"
    " simulate_daq force simulate_daq_cfg max_concurrent_rpcs quabo_0 quabo_num pkt_num tv_sec"
).split()


def texts() -> st.SearchStrategy[bytes]:
    """JSON and TOML."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    keys = st.sampled_from(KEYS)
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys | st.text(max_size=8), inner, max_size=5),
        max_leaves=12,
    )
    node = st.fixed_dictionaries({"ip_addr": st.just("10.0.0.1") | scalars, "port_forwarding": values})
    config = st.fixed_dictionaries({"daq_nodes": st.lists(node, max_size=3)})
    as_json = (values | config).map(lambda value: json.dumps(value).encode())
    toml = st.dictionaries(keys, st.integers() | st.text(max_size=9), max_size=4).map(
        lambda table: "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()).encode()
    )
    return as_json | toml


def headers() -> st.SearchStrategy[bytes]:
    """Something like a frame."""
    frames = st.sampled_from([frame_bytes(product) for product in DataProduct])
    numbers = st.dictionaries(
        st.sampled_from(["pkt_num", "tv_sec", "quabo_num", "x"]), st.integers() | st.floats()
    )
    other = numbers.map(lambda fields: json.dumps(fields).encode() + b"\n\n*" + bytes(300))
    return st.tuples(st.binary(max_size=1), frames | other).map(b"".join)


def messages() -> st.SearchStrategy[bytes]:
    """Messages of a server that has gone wrong."""
    image = st.builds(
        pb.PanoImage,
        type=st.integers(0, 3),
        shape=st.sampled_from([(32, 32), (16, 16), (), (2**32 - 1,) * 3]),
        bytes_per_pixel=st.integers(-1, 4),
        pixels=st.sampled_from([b"", bytes(512), bytes(1024), bytes(2048)]),
        packed_header=st.binary(max_size=70),
        header_json=st.sampled_from(["", "{}", "[", "nul", '{"quabo_num": 1}']),
    )
    response = st.builds(pb.StreamImagesResponse, pano_image=image)
    blocks = st.builds(
        pb.StreamFramesResponse,
        first=st.builds(pb.Position, product=st.sampled_from(["img16", "ph256", "x", ""])),
        frames=st.integers(0, 2**64 - 1),
        data=st.binary(max_size=60),
    )
    return (response | blocks).map(lambda message: message.SerializeToString())


@st.composite
def inputs(draw: st.DrawFn) -> bytes:
    """Any of them, with some bytes changed."""
    data = draw(st.binary(max_size=300) | texts() | headers() | messages())
    if data and draw(st.booleans()):
        at = draw(st.integers(0, len(data) - 1))
        data = data[:at] + draw(st.binary(max_size=4)) + data[at + draw(st.integers(0, 4)) :]
    return data


@pytest.fixture(autouse=True, scope="module")
def warmed_up() -> Iterator[None]:
    """What is made once is not the input's fault."""
    for target in TARGETS.values():
        for data in (b"{}", b"\0\1" + frame_bytes(DataProduct.IMG8)):
            with suppress(Exception):  # a test of its own says so
                target(data)
    yield


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=N_EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=inputs())
def test_any_input_is_accepted_or_refused(name: str, data: bytes) -> None:
    TARGETS[name](data)


LARGE: Final[dict[str, bytes]] = {
    "deep lists": nested(100_000),
    "deep objects": nested(50_000, '{"a":', "}"),
    "deep lists in a key": b'{"daq_nodes": ' + nested(100_000) + b"}",
    "deep lists in TOML": b"a = " + nested(20_000),
    "deep lists in a header": b'\0{"a": ' + nested(1900) + b"}\n\n*",
    "a long number": b"9" * 50_000,
    "a long number in a key": b'{"update_interval_seconds": ' + b"9" * 50_000 + b"}",
    "half a character": b'{"data_dir": "\\ud800"}',
    "zeros": bytes(200_000),
    "braces": b"\0\1" + b"{" * 8000,
    "many ends": b"\0\1" + b"{\n\n*" * 500,
    "a host with a long port": b"host:" + b"9" * 5000,
    "nothing": b"",
}


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("name", TARGETS)
def test_what_is_deep_or_long_takes_no_more_memory_than_it_justifies(name: str, kind: str) -> None:
    data = LARGE[kind]
    tracemalloc.start()
    try:
        TARGETS[name](data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_BYTES + MOST_PER_BYTE * len(data)


def test_a_number_with_blanks_behind_it_is_read_alike_alone_and_in_a_block() -> None:
    """Found by atheris: the layout was taken for a standard one, and only one of both parsers took the header."""
    frame = frame_bytes(DataProduct.PH256)
    assert b":  529," in frame
    TARGETS["layout"](b"\x02" + frame.replace(b":  529,", b":529  ,"))


@pytest.mark.parametrize(
    "forwarding",
    [
        [1],
        "yes",
        3,
        {"status": True, "gw_ip": "gate", "grpc_port": "many"},
        {"status": True, "gw_ip": "gate", "grpc_port": [1]},
        {"status": True, "gw_ip": "gate", "grpc_port": float("inf")},
        {"status": 1, "gw_ip": ["gate"], "grpc_port": 1},
    ],
)
def test_a_network_config_of_other_types_is_refused(forwarding: Any) -> None:
    TARGETS["network_config"](json.dumps(forwarding).encode())
