"""Link to a NATS server: a connection, what is asked of JetStream, and what is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

import grpc
from grpc.aio import AioRpcError

from panoseti_daq.config.nodes import NATS, without_user
from panoseti_daq.errors import ConfigError, DaqError
from panoseti_daq.installation import needing
from panoseti_daq.open_types import OpenDict

if TYPE_CHECKING:
    from nats.aio.client import Client

CONNECT_S: Final = 3.0
ANSWER_S: Final = 5.0  # for what a server does at once
NO_STREAM: Final = "stream not found"  # as the server says it
_NO_MESSAGE: Final = "no message found"
DEFAULT_MAX_PAYLOAD: Final = 1_048_576  # bytes of a message that a server takes by default
_DEFAULT_PORT: Final = 4222
_NS: Final = 1_000_000_000


class NatsError(DaqError):
    """A NATS server does not do what is asked; the message says why.

    Attributes
    ----------
    is_final
        Trying again does not help.
    """

    def __init__(self, text: str, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.is_final = is_final


class NotThereError(NatsError):
    """JetStream or a stream is not there: never, or no more, as when the disk of its streams is full."""

    def __init__(self, text: str) -> None:
        super().__init__(text, is_final=True)


def as_rpc_error(error: NatsError) -> AioRpcError:
    """Return the error that a gRPC server would give, which the streams know how to handle."""
    code = grpc.StatusCode.PERMISSION_DENIED if error.is_final else grpc.StatusCode.UNAVAILABLE
    if isinstance(error, NotThereError):  # may come back, for those who had it
        code = grpc.StatusCode.FAILED_PRECONDITION
    return AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), str(error))


@dataclass(frozen=True, slots=True)
class NatsAddress:
    """Address ``nats://[USER:PASSWORD@]HOST[:PORT][/SITE]``.

    Attributes
    ----------
    url
        For nats-py, with user and password.
    name
        To show: without them.
    site
        Whose frames; empty when there is only one.
    """

    url: str
    name: str
    site: str

    @classmethod
    def parse(cls, text: str) -> NatsAddress:
        """Return the address that a text stands for.

        Raises
        ------
        ConfigError
            It is none.
        """
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port or _DEFAULT_PORT
        except ValueError:
            parts, host, port = urlsplit(""), None, 0
        site = parts.path.strip("/")
        if parts.scheme not in ("nats", "tls") or not host or "/" in site or parts.query or parts.fragment:
            raise ConfigError(f"host {without_user(text)!r} is not nats://[USER:PASSWORD@]HOST[:PORT][/SITE]")
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        user = parts.netloc.rpartition("@")[0]
        url = urlunsplit((parts.scheme, f"{user}@{where}" if user else where, "", "", ""))
        return cls(url, f"{NATS}{where}" + (f"/{site}" if site else ""), site)


async def connect(address: NatsAddress, name: str) -> Client:
    """Connect; the connection ends when the server is gone, and is never repeated by itself.

    Raises
    ------
    MissingExtraError
        nats-py is not installed.
    NatsError
        There is no such server, or it refuses.
    """
    with needing("nats-py", "nats"):
        import nats
    said: list[Exception] = []

    async def note(error: Exception) -> None:
        said.append(error)

    try:
        async with asyncio.timeout(CONNECT_S):
            return await nats.connect(
                address.url,
                name=name,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # else it is asked until the time is over, although it refuses
                reconnect_time_wait=0.05,
                connect_timeout=CONNECT_S,
                ping_interval=5,
                max_outstanding_pings=2,
                error_cb=note,
                pending_size=64 * 2**20,
            )
    except (OSError, TimeoutError, nats.errors.Error) as error:
        raise _no_connection(address, [*said, error]) from error


def _no_connection(address: NatsAddress, errors: Iterable[Exception]) -> NatsError:
    texts = [str(error) for error in errors if str(error)]
    if any("authoriz" in text.lower() for text in texts):
        what = "refuses our user and password; write nats://USER:PASSWORD@HOST"
        return NatsError(f"NATS server {address.name} {what}", is_final=True)
    return NatsError(f"no NATS server at {address.name}: {texts[0] if texts else 'it does not answer'}")


async def ask(nc: Client, subject: str, request: object) -> OpenDict:
    """Return the answer of the interface of JetStream, ``$JS.API``.

    Raises
    ------
    NatsError
        JetStream is off, refuses, or does not answer.
    """
    import nats.errors

    try:
        answer = await nc.request(f"$JS.API.{subject}", json.dumps(request).encode(), timeout=ANSWER_S)
    except nats.errors.NoRespondersError:
        raise NotThereError("JetStream is off at the NATS server, or not for this user") from None
    except (nats.errors.Error, TimeoutError, OSError) as error:
        if "permissions violation" in str(nc.last_error).lower():
            raise NatsError(f"the NATS server does not allow this user {subject}", is_final=True) from None
        raise NatsError(f"the NATS server does not answer: {error}") from error
    content: OpenDict = json.loads(answer.data)
    if "error" in content:
        raise NatsError(f"the NATS server says: {content['error'].get('description', content['error'])}")
    return content


async def kept_message(nc: Client, stream: str, **which: object) -> OpenDict | None:
    """Return one message of a stream, as the interface of JetStream gives it; None when there is none."""
    try:
        answer = await ask(nc, f"STREAM.MSG.GET.{stream}", which)
    except NatsError as error:
        if _NO_MESSAGE in str(error):
            return None
        raise
    message: OpenDict = answer["message"]
    return message


async def send(
    nc: Client, subject: str, data: bytes, reply: str = "", headers: dict[str, str] | None = None
) -> None:
    """Publish a message.

    Raises
    ------
    NatsError
        The server is gone, or takes no message of this size.
    """
    import nats.errors

    try:
        await nc.publish(subject, data, reply, headers)
    except nats.errors.MaxPayloadError:
        raise too_large(nc, data) from None
    except (nats.errors.Error, OSError) as error:
        raise gone(error) from error


def too_large(nc: Client, data: bytes) -> NatsError:
    """Return the error for a message that a server does not take."""
    return NatsError(
        f"the NATS server takes messages of {nc.max_payload} bytes, and one of ours has {len(data)}: raise its"
        f" max_payload, whose default is {DEFAULT_MAX_PAYLOAD}",
        is_final=True,
    )


def gone(error: Exception) -> NatsError:
    """Return the error for a server that is lost."""
    return NatsError(f"the NATS server is gone: {error or type(error).__name__}")


def unix_ns_of(text: str) -> int:
    """Return the UTC ns since 1970 of a time of the server, ``2026-01-01T00:00:00.123456789Z``."""
    seconds, _, rest = text.removesuffix("Z").partition(".")
    whole = round(datetime.fromisoformat(f"{seconds}+00:00").timestamp())
    return whole * _NS + int(rest[:9].ljust(9, "0") or 0)
