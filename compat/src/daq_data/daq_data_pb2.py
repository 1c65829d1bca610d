"""``daq_data.daq_data_pb2``: the messages of the wire, with the names of panoseti-grpc.

They are those of panoseti-daq, which it keeps in a descriptor pool of its own: ``header`` takes a Struct of
google.protobuf when a message is made (``PanoImage(header=...)``), not by ``CopyFrom``.
"""

from panoseti_daq._proto.daq_data_pb2 import (
    InitHpIoRequest,
    InitHpIoResponse,
    PanoImage,
    StatusResponse,
    StreamImagesRequest,
    StreamImagesResponse,
    UploadImageRequest,
)

__all__ = [
    "InitHpIoRequest",
    "InitHpIoResponse",
    "PanoImage",
    "StatusResponse",
    "StreamImagesRequest",
    "StreamImagesResponse",
    "UploadImageRequest",
]
