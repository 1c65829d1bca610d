"""Messages of a stream on NATS, read by asking for them.

Core NATS cuts a subscriber off that does not keep up. So nothing is subscribed here: frames are pulled from
streams, as many as asked for, and what nobody asks for is replaced there (newest wins) or kept (all frames).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from panoseti_daq.client.nats_link import ANSWER_S, NatsError, ask, gone, send, unix_ns_of

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

MAX_BYTES: Final = 256 * 2**20  # of answers that wait to be taken
_KEEP_CONSUMER_S: Final = 60.0  # then the server forgets a consumer that asks for nothing
_NS: Final = 1_000_000_000


class Puller:
    """A consumer of one stream, which gives what is asked of it.

    Made by `open`; `close` forgets it. For one task.
    """

    def __init__(self, nc: Client, stream: str, consumer: str, inbox: str, subscription: Subscription) -> None:
        self._nc = nc
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = inbox
        self._subscription = subscription
        self._offset_ns = 0  # clock of the server less ours

    @classmethod
    async def open(cls, nc: Client, stream: str, subject: str, **how: Any) -> Puller:
        """Make a consumer of `stream`.

        Parameters
        ----------
        nc, stream, subject
            Of which subjects of which stream.
        **how
            ``deliver_policy`` and what belongs to it.

        Raises
        ------
        NatsError
            The server does not have the stream, or refuses.
        """
        config = {
            "ack_policy": "none",
            "filter_subject": subject,
            "inactive_threshold": round(_KEEP_CONSUMER_S * _NS),
            "mem_storage": True,
            **how,
        }
        before = time.time_ns()
        answer = await ask(nc, f"CONSUMER.CREATE.{stream}", {"stream_name": stream, "config": config})
        inbox = nc.new_inbox()
        subscription = await nc.subscribe(inbox, pending_bytes_limit=MAX_BYTES)
        puller = cls(nc, stream, str(answer["name"]), inbox, subscription)
        puller._offset_ns = unix_ns_of(answer["created"]) - (before + time.time_ns()) // 2
        return puller

    async def pull(self, n: int, wait_s: float) -> list[Msg]:
        """Return up to `n` messages that are there; when there are none, the next within `wait_s`.

        Raises
        ------
        NatsError
            The server is gone, or does not know the consumer any more.
        """
        messages = await self._take({"batch": n, "no_wait": True}, n, ANSWER_S)
        if not messages and wait_s > 0:
            request = {"batch": 1, "expires": round(wait_s * _NS)}
            messages = await self._take(request, 1, wait_s + ANSWER_S)
        return messages

    async def _take(self, request: object, n: int, timeout_s: float) -> list[Msg]:
        import nats.errors

        messages: list[Msg] = []
        try:
            await send(self._nc, self._subject, json.dumps(request).encode(), self._inbox)
            while len(messages) < n:
                message = await self._subscription.next_msg(timeout_s)
                status = (message.headers or {}).get("Status")
                if status is None:
                    messages.append(message)
                elif status in ("404", "408"):
                    break
                elif status != "100":
                    what = (message.headers or {}).get("Description", status)
                    raise NatsError(f"the NATS server ended the stream: {what}")
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise gone(error) from error
        return messages

    def kept_ns(self, message: Msg) -> int:
        """Return how long the server has kept a message, ns."""
        stored = message.metadata.timestamp
        return max(0, time.time_ns() + self._offset_ns - round(stored.timestamp() * _NS))

    async def close(self) -> None:
        """Forget the consumer; the server does so by itself."""
        import nats.errors

        try:
            await self._subscription.unsubscribe()
        except (nats.errors.Error, OSError):
            pass  # with its connection
