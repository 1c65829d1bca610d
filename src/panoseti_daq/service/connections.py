"""Connections to a server: their gRPC options and their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_REQUEST_BYTES: Final = 1 << 20  # an uploaded frame has 10 kB, a token to resume 64 modules 50 kB
MAX_METADATA_BYTES: Final = 16 << 10  # a token has 50 bytes, the path of a gateway some hundred
OPTIONS: Final = (
    # Pings detect a client that vanished, and clients may ping us.
    ("grpc.keepalive_time_ms", 10_000),
    # Frames that wait before a ping take a minute over a thin line.
    ("grpc.keepalive_timeout_ms", 60_000),
    ("grpc.http2.ping_timeout_ms", 60_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    # Connections have no maximum age: it would end streams.
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", 2 * MAX_METADATA_BYTES),  # refused, before it is all read
)


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many may call and connect at once, and for how long without a word.

    Attributes
    ----------
    other_calls
        Calls at once beside the streams: far more than there are clients, and memory for them.
    connections_per_stream, other_connections
        Connections at once: those of every client, a second one for its bulk data, and short commands.
    handshake_s
        A connection that stays silent is closed after this time.
    request_s
        A call is ended unless its request comes within this time.
    idle_s
        A connection without a call is closed after this time; a client connects again by itself.
    calls_per_connection
        Calls at once on one connection beside the streams; those of a client that wants more wait in the client.
    """

    other_calls: int = 1000
    connections_per_stream: int = 4
    other_connections: int = 200
    handshake_s: float = 10.0
    request_s: float = 10.0
    idle_s: float = 60.0
    calls_per_connection: int = 20

    def options(self, n_streams: int) -> tuple[tuple[str, int], ...]:
        """Return the options of a gRPC server with this limit of streams."""
        n_connections = self.connections_per_stream * n_streams + self.other_connections
        return (
            ("grpc.max_allowed_incoming_connections", n_connections),
            ("grpc.server_handshake_timeout_ms", round(self.handshake_s * 1000)),
            ("grpc.max_connection_idle_ms", round(self.idle_s * 1000)),
            # Uploads, control calls and a stream more than there may be, which is refused and does not wait.
            ("grpc.max_concurrent_streams", n_streams + self.calls_per_connection),
        )


USUAL: Final = ConnectionLimits()
