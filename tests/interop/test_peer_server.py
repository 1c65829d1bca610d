"""Our client works with the peer's server."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, RpcError, image_dict, received_frame
from panoseti_daq.pff import DataProduct, FrameBlock, PffName

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SCRIPT = Path(__file__).parent / "peer_scripts" / "server_on_any_port.py"
FRAMES_PER_FILE = 100  # of the peer's simulation, which copies the recorded night (daq_data_server_config.json)
SOURCE_MODULES = {DataProduct.IMG16: 1, DataProduct.PH256: 3}

CheckImage = Callable[[dict[str, Any]], None]


@pytest.fixture
def peer_server(peer_python: str, peer_directory: Path) -> Iterator[str]:
    """Address of the peer's server; what it writes goes to the directory of the test."""
    with (
        (peer_directory / "server.log").open("w") as log,
        subprocess.Popen(
            [peer_python, str(SCRIPT)], cwd=peer_directory, stdout=log, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        try:
            found = next(filter(None, (re.match(r"listening on (\S+)", line) for line in process.stderr)), None)
            assert found, "the peer's server did not start"
            yield found[1]
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def assert_is_simulated_by_peer(
    lick_files: dict[str, FrameBlock], assert_is_recorded: Callable[[dict[str, Any], str, int], None]
) -> CheckImage:
    """Check an image dict against the recorded frame that the peer's simulation copied."""
    sources = {(f.product, f.module_id): name for name, f in lick_files.items()}

    def check(image: dict[str, Any]) -> None:
        name = PffName.parse(image["file"])
        assert name.module_id == image["module_id"] == 224
        assert image["type"] == name.product.kind.value
        assert image["shape"] == list(name.product.shape)
        source = sources[name.product, SOURCE_MODULES[name.product]]
        number = name.seqno * FRAMES_PER_FILE + image["frame_number"]
        assert_is_recorded(image, source, number)
        assert image["header"]["time_status"] == "WHITE_RABBIT"

    return check


async def test_our_client_pings_initialises_and_streams_images_of_the_kind_it_asks_for(
    peer_server: str, assert_is_simulated_by_peer: CheckImage
) -> None:
    async with asyncio.timeout(60), AioDaqDataClient.connect(peer_server) as client:
        assert await client.ping(peer_server)
        assert client.get_valid_daq_hosts() == {peer_server}
        assert await client.init_sim(timeout=20)
        for kind in ("MOVIE", "PULSE_HEIGHT"):
            movie = kind == "MOVIE"
            n_images = 0
            async for image in client.stream_images(stream_movie_data=movie, stream_pulse_height_data=not movie):
                assert image["type"] == kind
                assert_is_simulated_by_peer(image)
                n_images += 1
                if n_images == 5:
                    break


async def test_our_client_streams_responses_as_they_come(
    peer_server: str, assert_is_simulated_by_peer: CheckImage
) -> None:
    async with asyncio.timeout(60), AioDaqDataClient.connect(peer_server) as client:
        assert await client.init_sim(timeout=20)
        seen = set()
        async for response in client.stream_images(parse_pano_images=False, module_ids=[224]):
            assert [field.name for field, _ in response.ListFields()] == ["pano_image"]
            assert_is_simulated_by_peer(image_dict(received_frame(response, peer_server)))
            seen.add(response.pano_image.type)
            if len(seen) == 2:
                break
    assert seen == {pb.PanoImage.MOVIE, pb.PanoImage.PULSE_HEIGHT}


async def test_a_refusal_of_the_peers_server_is_our_error_with_its_code(peer_server: str) -> None:
    async with asyncio.timeout(60), AioDaqDataClient.connect(peer_server) as client:
        with pytest.raises(RpcError, match="not initialized") as refused:
            async for _ in client.stream_images():
                pass
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.host == peer_server
