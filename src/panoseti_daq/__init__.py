"""Live images of the PANOSETI telescopes: from the files a DAQ node writes to async scripts and viewers.

Nothing heavy is imported before it is used::

    from panoseti_daq import AioDaqDataClient

    async with AioDaqDataClient.connect("daq1") as client:
        async with client.stream_images() as stream:
            async for image in stream:
                print(image["module_id"], image["image_array"].mean())
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from panoseti_daq._version import __version__
    from panoseti_daq.client import (
        AioDaqDataClient,
        Credentials,
        DaqDataClient,
        HostChange,
        ImageDict,
        NewestFrames,
        ReceivedBlock,
        ReceivedFrame,
        RpcError,
        StatusResponse,
        to_json,
    )
    from panoseti_daq.errors import ConfigError, DaqError, HostError, PffError, SourceError
    from panoseti_daq.pff import (
        DataProduct,
        Frame,
        FrameBlock,
        Gap,
        Key,
        Kind,
        Recording,
        Run,
        Selection,
        TimeStatus,
        open_file,
        open_run,
    )


_HOMES = {
    "_version": ("__version__",),
    "client": (
        "AioDaqDataClient",
        "Credentials",
        "DaqDataClient",
        "HostChange",
        "ImageDict",
        "NewestFrames",
        "ReceivedBlock",
        "ReceivedFrame",
        "RpcError",
        "StatusResponse",
        "to_json",
    ),
    "errors": ("ConfigError", "DaqError", "HostError", "PffError", "SourceError"),
    "pff": (
        "DataProduct",
        "Frame",
        "FrameBlock",
        "Gap",
        "Key",
        "Kind",
        "Recording",
        "Run",
        "Selection",
        "TimeStatus",
        "open_file",
        "open_run",
    ),
}

__all__ = [
    "AioDaqDataClient",
    "ConfigError",
    "Credentials",
    "DaqDataClient",
    "DaqError",
    "DataProduct",
    "Frame",
    "FrameBlock",
    "Gap",
    "HostChange",
    "HostError",
    "ImageDict",
    "Key",
    "Kind",
    "NewestFrames",
    "PffError",
    "ReceivedBlock",
    "ReceivedFrame",
    "Recording",
    "RpcError",
    "Run",
    "Selection",
    "SourceError",
    "StatusResponse",
    "TimeStatus",
    "__version__",
    "open_file",
    "open_run",
    "to_json",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"panoseti_daq.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
