"""Errors of panoseti-daq, one tree.

::

    DaqError
    ├── PffError (ValueError)        a file or a name that is not PFF
    │   └── HeaderError              a frame header that does not parse
    ├── SourceError                  frames cannot be followed or written
    │   └── DataDirError             a data directory that is missing or unreadable
    ├── ConfigError (ValueError)     a configuration or an argument that is invalid
    │   └── ClientStateError         a client used before it was entered or after it was left, or entered twice
    ├── HostError (ValueError, ConnectionError)   a host that is unknown or does not answer
    ├── ViewerError                  a viewer that fails to load, open or draw
    ├── MissingExtraError            packages that are not installed, and the extra that brings them
    └── TriggerError                 a trigger that fails to load or to be made

An RPC that the server refused raises `panoseti_daq.client.RpcError`, which is a `DaqError` and a
`grpc.aio.AioRpcError`; it is defined there because this module must not import gRPC.
"""

from __future__ import annotations


class DaqError(Exception):
    """Root of all errors of this package; the message is one line fit for an observer."""


class PffError(DaqError, ValueError):
    """A file or a name that is not PFF."""


class HeaderError(PffError):
    """A frame header that does not parse."""


class SourceError(DaqError):
    """Frames that could not be followed or written."""


class DataDirError(SourceError):
    """A data directory that is missing or unreadable."""


class ConfigError(DaqError, ValueError):
    """A configuration or an argument that is invalid; names key, value and what is allowed."""


class ClientStateError(ConfigError):
    """A client that is used before it was entered or after it was left, or that is entered twice."""


class HostError(DaqError, ValueError, ConnectionError):
    """A host that is unknown or does not answer; names the valid ones.

    Attributes
    ----------
    reason
        Why it does not answer; empty when nothing is known.
    """

    reason: str = ""


class ViewerError(DaqError):
    """A viewer that failed to load, open or draw; names a remedy."""


class MissingExtraError(DaqError):
    """A command needs packages that are not installed; names the extra that brings them."""


class TriggerError(DaqError):
    """A trigger that is not installed, or failed to load or to be made; names the installed ones."""
