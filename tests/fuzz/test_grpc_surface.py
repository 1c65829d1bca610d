"""Random messages of a raw client: answered, or the call is ended, and the server continues."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any, Final

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode
from soak.processes import Actor, Counts, running_server
from support.rig import recording

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import DataProduct

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(300),
    # A call that is left as its test fails is collected when the loop of that test is closed.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

N_CALLS: Final = int(os.environ.get("FUZZ_CALLS", "15"))  # of each method and kind
SEED: Final = int(os.environ.get("FUZZ_SEED", "1"))
WITHIN_S: Final = 0.05  # a stream that is accepted is left after so long

REQUESTS: Final[dict[str, Any]] = {
    "StreamImages": pb.StreamImagesRequest,
    "InitHpIo": pb.InitHpIoRequest,
    "Ping": Empty,
    "StreamFrames": pb.StreamFramesRequest,
    "Status": Empty,
    "UploadImages": pb.UploadImageRequest,
}
STREAMING: Final = ("StreamImages", "StreamFrames")
# What the rules of the calls give (SPEC 3.6 and 4), and how this side ends what is accepted.
ANSWERS: Final = {
    StatusCode.OK,
    StatusCode.INVALID_ARGUMENT,
    StatusCode.FAILED_PRECONDITION,
    StatusCode.PERMISSION_DENIED,
    StatusCode.RESOURCE_EXHAUSTED,
    StatusCode.CANCELLED,
    StatusCode.DEADLINE_EXCEEDED,
}
# grpc.aio itself says so when a message cannot be read: no code of ours ran.
UNREADABLE: Final = {StatusCode.UNKNOWN, StatusCode.INTERNAL}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Actor, str]]:
    """One server for all of it."""
    tmp_path = tmp_path_factory.mktemp("surface")
    data_dir = tmp_path / "data"
    with recording(data_dir) as recorder:
        recorder.write(DataProduct.IMG16, 3)
        recorder.write(DataProduct.PH256, 3)
        with running_server(data_dir, tmp_path / "log", "--accept-uploads", "--data-root", data_dir) as made:
            yield made


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One event loop for all of it: gRPC may have something to tell one that is closed."""
    return "asyncio"


@pytest.fixture(scope="module")
async def channel(shared: tuple[Actor, str]) -> AsyncIterator[grpc.aio.Channel]:
    options = (("grpc.max_send_message_length", -1), ("grpc.max_metadata_size", 1 << 20))
    async with grpc.aio.insecure_channel(shared[1], options=options) as made:
        yield made


@pytest.fixture
async def server(shared: tuple[Actor, str], channel: grpc.aio.Channel) -> tuple[Actor, str]:
    """The server, following its directory again; what it said begins with this test."""
    shared[0].forget_said()
    await follow_again(channel, shared)
    return shared


async def ask(channel: grpc.aio.Channel, method: str, *messages: bytes) -> tuple[StatusCode, str]:
    """Send messages as they are; code and details of the answer."""
    path = f"/daqdata.DaqData/{method}"
    try:
        async with asyncio.timeout(60):
            if method == "UploadImages":
                upload: Any = channel.stream_unary(path)
                await upload(iter(messages))
            elif method in STREAMING:
                stream: Any = channel.unary_stream(path)
                async for _ in stream(messages[0], timeout=WITHIN_S):
                    pass
            else:
                unary: Any = channel.unary_unary(path)
                await unary(messages[0], timeout=30)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return StatusCode.OK, ""


async def left(call: Any) -> None:
    """Leave a call, and wait until it is over."""
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call.code()


async def check_goes_on(server: tuple[Actor, str], channel: grpc.aio.Channel, allowed: str = "") -> None:
    """Status and a stream still work, and the log has no traceback but for `allowed`."""
    actor, _ = server
    actor.check_alive()
    assert (await ask(channel, "Status", b""))[0] is StatusCode.OK
    request = pb.StreamImagesRequest(stream_movie_data=True)
    stream: Any = channel.unary_stream("/daqdata.DaqData/StreamImages")
    call = stream(request.SerializeToString())
    assert pb.StreamImagesResponse.FromString(await call.read()).pano_image.module_id == 1
    await left(call)
    said = actor.said_now
    for part in said.split("Traceback (most recent call last)")[1:]:
        assert allowed and allowed in part.split("\n20")[0], part[:3000]
    assert "unexpected error" not in said


@pytest.mark.parametrize("method", list(REQUESTS))
async def test_random_bytes_end_only_their_call(
    server: tuple[Actor, str], channel: grpc.aio.Channel, method: str
) -> None:
    chance = random.Random(SEED)
    for _ in range(N_CALLS):
        data = chance.randbytes(chance.choice([1, 2, 10, 100, 3000]))
        code, details = await ask(channel, method, data)
        assert code in ANSWERS | UNREADABLE, (code, details, data)
    await check_goes_on(server, channel, allowed="DecodeError")


@pytest.mark.parametrize("method", REQUESTS)
async def test_messages_with_random_fields_are_answered(
    server: tuple[Actor, str], channel: grpc.aio.Channel, method: str
) -> None:
    chance = random.Random(SEED)
    for _ in range(N_CALLS):
        request = REQUESTS[method]()
        fill(request, chance)
        code, details = await ask(channel, method, *[request.SerializeToString()] * chance.choice([1, 1, 3]))
        assert code in ANSWERS, (code, details, request)
    await follow_again(channel, server)
    await check_goes_on(server, channel)


def fill(message: Any, chance: random.Random, depth: int = 0) -> None:
    """Set fields at random, many of them to what is at the edge."""
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.3:
            continue
        if field.name in ("simulate_daq", "force"):
            continue  # they are allowed, and change what is followed
        values = [value_of(field, chance) for _ in range(chance.choice([1, 2, 4]))]
        if field.message_type is not None:
            if field.message_type.GetOptions().map_entry or depth > 2:
                continue
            if field.is_repeated:
                fill(getattr(message, field.name).add(), chance, depth + 1)
            else:
                fill(getattr(message, field.name), chance, depth + 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(values)
        else:
            setattr(message, field.name, values[0])


def value_of(field: Any, chance: random.Random) -> Any:
    texts = [
        "",
        ".",
        "..",
        "/",
        "img16",
        "ph256",
        "a" * 300,
        "a" * 20_000,
        "/etc",
        "obs_x",
        "\0",
        "é\u202e",
        "{}",
        "[",
    ]
    texts += [
        f"obs_{'y' * 300}.pffd",
        f"dp_img16.bpp_2.module_1.seqno_0{'.x' * 200}.pff",
        "x\0.dp_img16.module_1.pff",
    ]
    kinds: dict[Any, list[Any]] = {
        field.CPPTYPE_BOOL: [True, False],
        field.CPPTYPE_DOUBLE: [0.0, -1.0, 1e308, -1e308, float("nan"), float("inf"), -float("inf"), 1e-320],
        field.CPPTYPE_UINT32: [0, 1, 255, 256, 2**32 - 1, 32, 16],
        field.CPPTYPE_INT32: [0, -1, 1, 2, 2**31 - 1, -(2**31)],
        field.CPPTYPE_UINT64: [0, 1, 2**63, 2**64 - 1],
        field.CPPTYPE_INT64: [0, -1, 2**63 - 1, -(2**63)],
        field.CPPTYPE_ENUM: [0, 1, 2, 3, 99],
        field.CPPTYPE_FLOAT: [0.0],
    }
    if field.cpp_type == field.CPPTYPE_STRING:
        if field.type == field.TYPE_BYTES:
            return chance.choice([b"", b"x", bytes(512), bytes(2048), chance.randbytes(17), chance.randbytes(46)])
        return chance.choice(texts)
    return chance.choice(kinds.get(field.cpp_type, [0]))


async def follow_again(channel: grpc.aio.Channel, server: tuple[Actor, str]) -> None:
    data_dir = server[0].arguments[server[0].arguments.index("--data-dir") + 1]
    request = pb.InitHpIoRequest(data_dir=data_dir, update_interval_seconds=0.01, force=True)
    assert (await ask(channel, "InitHpIo", request.SerializeToString()))[0] is StatusCode.OK


@pytest.mark.parametrize(
    "data_dir_asked", ["a" * 300, "/" + "a" * 300, "/a/" * 2000, "\0", "a\0b", "/etc/passwd", "/proc/1/mem", "."]
)
async def test_a_data_dir_that_cannot_be_is_an_invalid_argument(
    server: tuple[Actor, str], channel: grpc.aio.Channel, data_dir_asked: str
) -> None:
    request = pb.InitHpIoRequest(data_dir=data_dir_asked, update_interval_seconds=1)
    code, details = await ask(channel, "InitHpIo", request.SerializeToString())
    assert code in {StatusCode.INVALID_ARGUMENT, StatusCode.PERMISSION_DENIED}, details
    await check_goes_on(server, channel)


@pytest.mark.parametrize("name", [f"obs_{'y' * 300}", "obs_x\0", "obs_x"])
async def test_a_place_to_resume_at_that_cannot_be_ends_its_call(
    server: tuple[Actor, str], channel: grpc.aio.Channel, name: str
) -> None:
    for run, file in (
        (name, "dp_img16.bpp_2.module_1.seqno_0.pff"),
        ("obs_x", f"dp_img16.bpp_2.module_1.seqno_0.{name}.pff"),
    ):
        place = pb.Position(module_id=1, product="img16", run=run, file=file, frame_number=2**63)
        request = pb.StreamFramesRequest(movie=True, resume=[place])
        code, details = await ask(channel, "StreamFrames", request.SerializeToString())
        assert code in ANSWERS, details
    await check_goes_on(server, channel)


@pytest.mark.parametrize("method", REQUESTS)
async def test_a_truncated_message_ends_only_its_call(
    server: tuple[Actor, str], channel: grpc.aio.Channel, method: str
) -> None:
    chance = random.Random(SEED)
    request = REQUESTS[method]()
    fill(request, chance)
    data = request.SerializeToString()
    if method == "UploadImages":
        data = data[:0]  # what cannot be read of an upload: see the test of random bytes
    for n_bytes in sorted({chance.randrange(len(data)) for _ in range(10)} if data else {0}):
        code, details = await ask(channel, method, data[:n_bytes])
        assert code in ANSWERS | UNREADABLE, (code, details)
    await check_goes_on(server, channel, allowed="DecodeError")


async def test_a_message_over_the_limit_is_refused(server: tuple[Actor, str], channel: grpc.aio.Channel) -> None:
    before = Counts.of(server[0].pid)
    for method in REQUESTS:
        for _ in range(3):
            code, _ = await ask(channel, method, bytes(20 << 20))
            assert code in {StatusCode.RESOURCE_EXHAUSTED, StatusCode.DEADLINE_EXCEEDED}  # what comes first
    await check_goes_on(server, channel)
    assert Counts.of(server[0].pid).rss_bytes < before.rss_bytes + (100 << 20)


@pytest.mark.parametrize("method", ["Nothing", "streamimages", "", "../Ping", "Ping/x"])
async def test_a_method_that_is_none_is_unimplemented(
    server: tuple[Actor, str], channel: grpc.aio.Channel, method: str
) -> None:
    code, _ = await ask(channel, method, b"")
    assert code in {StatusCode.UNIMPLEMENTED, StatusCode.INVALID_ARGUMENT}
    await check_goes_on(server, channel)


async def test_a_call_of_another_kind_ends(server: tuple[Actor, str], channel: grpc.aio.Channel) -> None:
    """No message where one is due, many where there is one, half a stream and no more."""

    async def none() -> AsyncIterator[bytes]:
        return
        yield b""

    async def many() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b""

    for method in REQUESTS:
        for make in (none, many):
            stream: Any = channel.stream_stream(f"/daqdata.DaqData/{method}")
            call = stream(make(), timeout=1)
            try:
                async for _ in call:
                    break
            except grpc.aio.AioRpcError as error:
                assert error.code() in ANSWERS | UNREADABLE | {StatusCode.UNIMPLEMENTED}, (method, error)
            await left(call)
    await check_goes_on(server, channel)


async def test_uploads_that_stop_halfway_hold_nothing(
    server: tuple[Actor, str], channel: grpc.aio.Channel
) -> None:
    calls = []
    for _ in range(50):
        call: Any = channel.stream_unary("/daqdata.DaqData/UploadImages")()
        await call.write(pb.UploadImageRequest(pano_image=raw_image()).SerializeToString())
        calls.append(call)
    for i, call in enumerate(calls):
        if i % 2:
            await left(call)
        else:
            await call.done_writing()
            await call
    await check_goes_on(server, channel)


def raw_image(quabo: int = 1) -> pb.PanoImage:
    return pb.PanoImage(
        type=pb.PanoImage.PULSE_HEIGHT,
        shape=(16, 16),
        bytes_per_pixel=2,
        module_id=7,
        file="x",
        pixels=bytes(512),
        packed_header=bytes([quabo]) + bytes(16),
    )


def upload_of(header_json: str) -> bytes:
    image = raw_image()
    image.packed_header = b""
    image.header_json = header_json
    return pb.UploadImageRequest(pano_image=image).SerializeToString()


FIELDS: Final = '"pkt_num": 1, "pkt_tai": 1, "pkt_nsec": 1, "tv_sec": 1721882092, "tv_usec": 1'


@pytest.mark.parametrize(
    "header_json",
    [
        "5",
        "null",
        "true",
        "[" * 100_000,
        '{"quabo_num": {}}',
        '{"quabo_num": 1, "tv_sec": 1e999}',
    ],
)
async def test_an_upload_whose_header_is_none_is_an_invalid_argument(
    server: tuple[Actor, str], channel: grpc.aio.Channel, header_json: str
) -> None:
    code, details = await ask(channel, "UploadImages", upload_of(header_json))
    assert code is StatusCode.INVALID_ARGUMENT, details
    await check_goes_on(server, channel)


@pytest.mark.parametrize("quabo_num", [-1, 4, 2**32, 10**17])
async def test_an_upload_of_a_quabo_that_is_none_breaks_nothing(
    server: tuple[Actor, str], channel: grpc.aio.Channel, quabo_num: int
) -> None:
    code, details = await ask(channel, "UploadImages", upload_of(f'{{"quabo_num": {quabo_num}, {FIELDS}}}'))
    assert code is StatusCode.INVALID_ARGUMENT, details
    await check_goes_on(server, channel)


@pytest.mark.parametrize("n_bytes", [10_000, 1_000_000])
async def test_the_text_of_a_refusal_is_short_whatever_was_asked(
    server: tuple[Actor, str], channel: grpc.aio.Channel, n_bytes: int
) -> None:
    """What does not fit into the trailing metadata would come as another status, without a reason."""
    long = "x" * n_bytes
    asked = {
        "InitHpIo": pb.InitHpIoRequest(data_dir=long, update_interval_seconds=1),
        "StreamFrames": pb.StreamFramesRequest(movie=True, resume=[pb.Position(product=long)]),
        "UploadImages": pb.UploadImageRequest(pano_image=pb.PanoImage(shape=[1] * n_bytes)),
    }
    for method, request in asked.items():
        code, details = await ask(channel, method, request.SerializeToString())
        assert code in {StatusCode.INVALID_ARGUMENT, StatusCode.PERMISSION_DENIED}, method
        assert len(details) < 4000, (method, details[:100])
    await check_goes_on(server, channel)


async def test_a_peer_that_does_not_speak_http2_is_let_go(
    server: tuple[Actor, str], channel: grpc.aio.Channel
) -> None:
    chance, (actor, address) = random.Random(SEED), server
    host, port = address.split(":")
    await check_goes_on(server, channel)
    before = Counts.of(actor.pid)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for i in range(N_CALLS):
        begin = [b"", preface, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", preface + b"\0\0\0\4\0\0\0\0\0"][i % 4]
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(begin + chance.randbytes(chance.choice([0, 9, 1000])))
    await check_goes_on(server, channel)
    async with asyncio.timeout(60):
        while Counts.of(actor.pid).descriptors > before.descriptors:
            await asyncio.sleep(0.05)
