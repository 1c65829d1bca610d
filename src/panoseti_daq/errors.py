"""Every error panoseti-daq raises, as one tree.

::

    DaqError
    ├── PffError (ValueError)        what a file or a name holds is not PFF
    │   └── HeaderError              a frame header that does not parse
    ├── SourceError                  frames cannot be followed or written
    │   └── DataDirError             a data directory that is missing or unreadable
    ├── ConfigError (ValueError)     a configuration or an argument that cannot be used
    │   └── ClientStateError         a client used before it was entered or after it was left, or entered twice
    ├── HostError (ValueError, ConnectionError)   a host that is unknown or does not answer
    └── ViewerError                  a viewer that cannot be loaded, opened or drawn

An RPC that the server refused raises `panoseti_daq.client.RpcError`, which is a `DaqError` and a
`grpc.aio.AioRpcError`; it stands there because only that room may import gRPC.
"""

from __future__ import annotations


class DaqError(Exception):
    """Root of all errors of this package; the message is one line fit for an observer."""


class PffError(DaqError, ValueError):
    """What a file or a name holds is not PFF."""


class HeaderError(PffError):
    """A frame header that does not parse."""


class SourceError(DaqError):
    """Frames cannot be followed or written."""


class DataDirError(SourceError):
    """A data directory that is missing or unreadable."""


class ConfigError(DaqError, ValueError):
    """A configuration or an argument that cannot be used; says which key, which value and what is allowed."""


class ClientStateError(ConfigError):
    """A client that is used before it was entered or after it was left, or that is entered twice."""


class HostError(DaqError, ValueError, ConnectionError):
    """A host that is unknown or does not answer; says which hosts there are."""


class ViewerError(DaqError):
    """A viewer cannot be loaded or opened, or failed; says what would help."""
