"""Access to calls, without a server."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from panoseti_daq.service.access.access import Access
from panoseti_daq.service.access.tokens import Role, make_token

pytestmark = pytest.mark.anyio


class AbortedError(Exception):
    """What a context's abort raises."""


class FakeContext:
    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise AbortedError(code, details)


@pytest.mark.parametrize("left", ["", "read"])
@pytest.mark.parametrize("method", ["InitHpIo", "UploadImages"])
async def test_a_token_that_is_revoked_between_headers_and_message_allows_nothing(
    tmp_path: Path, method: str, left: str
) -> None:
    # odd night 77
    secret, line = make_token("operator", Role.CONTROL)
    file = tmp_path / "tokens"
    file.write_text(f"{line}\n")
    access, calls = Access(file), []

    async def behaviour(request: Any, context: Any) -> str:
        calls.append(request)
        return "done"

    make: Any = (
        grpc.unary_unary_rpc_method_handler if method == "InitHpIo" else grpc.stream_unary_rpc_method_handler
    )

    async def continuation(details: Any) -> Any:
        return make(behaviour)

    metadata = (("authorization", f"Bearer {secret}"),)
    details = SimpleNamespace(method=f"/daqdata.DaqData/{method}", invocation_metadata=metadata)
    handler = await access.intercept_service(continuation, details)
    call = handler.unary_unary or handler.stream_unary
    assert await call("while it is allowed", FakeContext()) == "done"
    file.write_text(f"{line}\n".replace("control", left) if left else "")
    await access.tokens.reload()
    with pytest.raises(AbortedError, match="no longer accepted"):
        await call("later", FakeContext())
    assert calls == ["while it is allowed"]
