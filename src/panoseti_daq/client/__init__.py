"""The clients: what a DAQ node sees, in an async script."""

from panoseti_daq.client.aio import AioDaqDataClient
from panoseti_daq.client.blocking import DaqDataClient
from panoseti_daq.client.blocks import ReceivedBlock
from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.images import ReceivedFrame, image_dict, received_frame
from panoseti_daq.client.merge import HostChange
from panoseti_daq.client.nodes import HostSet
from panoseti_daq.client.stream import BlockStream, ImageStream

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
