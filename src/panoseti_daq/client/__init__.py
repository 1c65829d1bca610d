"""Clients: the frames of DAQ nodes in scripts."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from panoseti_daq.client.aio import AioDaqDataClient
from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.images import ImageDict, ReceivedFrame, image_dict, received_frame, to_json
from panoseti_daq.client.nodes import HostSet
from panoseti_daq.client.retry import HostChange
from panoseti_daq.client.stream import BlockStream, ImageStream

if TYPE_CHECKING:
    from panoseti_daq._proto.daq_data_pb2 import StatusResponse
    from panoseti_daq.client.blocking import DaqDataClient
    from panoseti_daq.client.newest import NewestFrames
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


_HOMES = {  # of what async scripts that stream need not
    "DaqDataClient": "client.blocking",
    "NewestFrames": "client.newest",
    "ReceivedBlock": "wire.blocks",
    "StatusResponse": "_proto.daq_data_pb2",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"panoseti_daq.{_HOMES[name]}"), name)
