from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from panoseti_daq.errors import ConfigError
from panoseti_daq.events.sinks.webhook import Webhook, WebhookSettings

pytestmark = pytest.mark.anyio


@dataclass
class Receiver:
    """What came, and what to answer; the last answer is given again and again."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [204])
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            answer = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            self.send_response(answer)
            if answer == 302:
                self.send_header("location", receiver.url + "/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def write(path: Path, *ids: str) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps({"id": name, "trigger_time": "2026-01-01T00:00:00Z"}) + "\n" for name in ids)


async def test_candidates_are_sent_in_order_and_once_also_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, "a", "b")
    with receiving() as receiver:
        await Webhook(WebhookSettings(receiver.url), path).send_all()
        write(path, "c")
        await Webhook(WebhookSettings(receiver.url), path).send_all()
        assert receiver.ids == ["a", "b", "c"]
        assert [json.loads(body)["id"] for _, body in receiver.got] == ["a", "b", "c"]


async def test_the_signature_is_that_of_standard_webhooks(tmp_path: Path) -> None:
    path, key = tmp_path / "events.jsonl", b"a secret of some length"
    write(path, "a")
    secret = "whsec_" + base64.b64encode(key).decode()
    with receiving() as receiver:
        await Webhook(WebhookSettings(receiver.url, secret), path, unix_s=lambda: 1_700_000_000.7).send_all()
        ((headers, body),) = receiver.got
    assert headers["webhook-timestamp"] == "1700000000"
    signed = hmac.new(key, b"a.1700000000." + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()


@pytest.mark.parametrize("refusal", [500, 302])
async def test_what_is_not_taken_is_sent_again(tmp_path: Path, refusal: int) -> None:
    path = tmp_path / "events.jsonl"
    write(path, "a")
    with receiving() as receiver:
        receiver.answers = [refusal, refusal, 204]
        webhook = Webhook(WebhookSettings(receiver.url), path, first_delay_s=0.001)
        await webhook.send_all()
        assert receiver.ids == ["a", "a", "a"]
        assert (webhook.n_sent, webhook.n_failed) == (1, 2)


async def test_more_than_the_rate_allows_are_one_summary(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, *"abcdef")
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        write(path, "g")

    with receiving() as receiver:
        settings = WebhookSettings(receiver.url, per_minute=2)
        await Webhook(settings, path, clock_s=lambda: now, sleep=sleep).send_all()
        assert receiver.ids == ["a", "b", "summary-c-5"]
        summary = json.loads(receiver.got[-1][1])
        assert (summary["n_candidates"], summary["ids"]) == (5, [*"cdefg"])


async def test_it_waits_for_new_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.touch()
    with receiving() as receiver:
        webhook = Webhook(WebhookSettings(receiver.url), path)
        task = asyncio.create_task(webhook.run())
        await asyncio.sleep(0.01)
        write(path, "a")
        webhook.wake()
        async with asyncio.timeout(5):
            while webhook.n_sent == 0:
                await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.wait([task])
        assert receiver.ids == ["a"]


@pytest.mark.parametrize(
    "url", ["http://example.org/hook", "ftp://127.0.0.1/", "127.0.0.1:80", "http://127.0.0.1.example.org/"]
)
def test_candidates_do_not_leave_the_machine_unencrypted_unless_allowed(url: str) -> None:
    with pytest.raises(ConfigError, match="invalid webhook"):
        WebhookSettings(url)


def test_what_is_allowed() -> None:
    for settings in (
        WebhookSettings("https://example.org/hook"),
        WebhookSettings("http://[::1]:8000/"),
        WebhookSettings("http://localhost/"),
        WebhookSettings("http://example.org/", allow_http=True),
    ):
        assert settings.url
    with pytest.raises(ConfigError, match="invalid webhook secret"):
        WebhookSettings("https://example.org/hook", "whsec_no base 64")
