"""Clients: the frames of DAQ nodes in scripts."""

import gc
from typing import TYPE_CHECKING, Any

_collects = gc.isenabled()
gc.disable()  # what is imported is no garbage, and to look for some takes a tenth of the time
try:
    from panoseti_daq._proto.daq_data_pb2 import StatusResponse
    from panoseti_daq.client.aio import AioDaqDataClient
    from panoseti_daq.client.credentials import Credentials
    from panoseti_daq.client.errors import RpcError
    from panoseti_daq.client.images import ImageDict, ReceivedFrame, image_dict, received_frame, to_json
    from panoseti_daq.client.newest import NewestFrames
    from panoseti_daq.client.nodes import HostSet
    from panoseti_daq.client.retry import HostChange
    from panoseti_daq.client.stream import BlockStream, ImageStream
    from panoseti_daq.wire.blocks import ReceivedBlock
finally:
    if _collects:
        gc.enable()

if TYPE_CHECKING:
    from panoseti_daq.client.blocking import DaqDataClient

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
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
