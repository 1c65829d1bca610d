"""Clients: the frames of DAQ nodes in scripts."""

from typing import TYPE_CHECKING, Any

from panoseti_daq._proto.daq_data_pb2 import StatusResponse
from panoseti_daq.client.aio import AioDaqDataClient
from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.images import ImageDict, ReceivedFrame, image_dict, received_frame, to_json
from panoseti_daq.client.newest import NewestFrames
from panoseti_daq.client.nodes import HostSet
from panoseti_daq.client.retry import HostChange
from panoseti_daq.client.stream import BlockStream, ImageStream

if TYPE_CHECKING:
    from panoseti_daq.client.blocking import DaqDataClient
    from panoseti_daq.wire.blocks import ReceivedBlock

__all__ = [
    "AioDaqDataClient",
    "BlockStream",
    "Credentials",
    "DaqDataClient",
    "HostChange",
    "HostSet",
    "ImageDict",
    "ImageStream",
    "NewestFrames",
    "ReceivedBlock",
    "ReceivedFrame",
    "RpcError",
    "StatusResponse",
    "image_dict",
    "received_frame",
    "to_json",
]


def __getattr__(name: str) -> Any:
    if name == "DaqDataClient":  # imports anyio, which async scripts need not
        from panoseti_daq.client.blocking import DaqDataClient

        return DaqDataClient
    if name == "ReceivedBlock":  # with it comes what reads lossless streams
        from panoseti_daq.wire.blocks import ReceivedBlock

        return ReceivedBlock
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
