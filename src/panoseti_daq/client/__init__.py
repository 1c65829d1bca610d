"""The clients: what a DAQ node sees, in an async script."""

from panoseti_daq.client.aio import AioDaqDataClient
from panoseti_daq.client.blocking import DaqDataClient
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.images import ReceivedFrame, image_dict, received_frame
from panoseti_daq.client.merge import HostChange
from panoseti_daq.client.nodes import HostSet
from panoseti_daq.client.stream import ImageStream

__all__ = [
    "AioDaqDataClient",
    "DaqDataClient",
    "HostChange",
    "HostSet",
    "ImageStream",
    "ReceivedFrame",
    "RpcError",
    "image_dict",
    "received_frame",
]
