"""Clients: the frames of DAQ nodes in scripts."""

from typing import TYPE_CHECKING, Any

from panoseti_daq.client.aio import AioDaqDataClient
from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.images import ReceivedFrame, image_dict, received_frame
from panoseti_daq.client.nodes import HostSet
from panoseti_daq.client.retry import HostChange
from panoseti_daq.client.stream import BlockStream, ImageStream
from panoseti_daq.wire.blocks import ReceivedBlock

if TYPE_CHECKING:
    from panoseti_daq.client.blocking import DaqDataClient

__all__ = [
    "AioDaqDataClient",
    "BlockStream",
    "Credentials",
    "DaqDataClient",
    "HostChange",
    "HostSet",
    "ImageStream",
    "ReceivedBlock",
    "ReceivedFrame",
    "RpcError",
    "image_dict",
    "received_frame",
]


def __getattr__(name: str) -> Any:
    if name == "DaqDataClient":  # imports anyio, which async scripts need not
        from panoseti_daq.client.blocking import DaqDataClient

        return DaqDataClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
