"""A call that is ended for a reason, wherever it waits."""

from __future__ import annotations

import asyncio

import pytest
from grpc import StatusCode

from panoseti_daq.service.call_scope import CallScope
from panoseti_daq.service.hp_io import Refused

pytestmark = pytest.mark.anyio

REASON = Refused(StatusCode.CANCELLED, "enough")


async def until_ended(scope: CallScope, cleaned_up: list[str]) -> None:
    async with scope:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            cleaned_up.append("released")


async def test_a_call_that_waits_ends_with_the_reason_after_it_cleaned_up() -> None:
    scope, cleaned_up = CallScope(), list[str]()
    call = asyncio.create_task(until_ended(scope, cleaned_up))
    await asyncio.sleep(0)
    scope.end(REASON)
    with pytest.raises(Refused) as error:
        await call
    assert error.value is REASON
    assert cleaned_up == ["released"]


async def test_the_first_of_several_reasons_holds() -> None:
    with pytest.raises(Refused) as error:
        async with CallScope() as scope:
            scope.end(REASON)
            scope.end(Refused(StatusCode.RESOURCE_EXHAUSTED, "too late"))
            await asyncio.sleep(1)
    assert error.value is REASON


async def test_a_call_that_is_not_ended_returns_and_is_not_ended_later() -> None:
    async with CallScope() as scope:
        pass
    with pytest.raises(RuntimeError):
        scope.end(REASON)


async def test_an_error_of_the_call_is_its_own_also_a_timeout() -> None:
    with pytest.raises(TimeoutError, match="mine"):
        async with CallScope():
            raise TimeoutError("mine")


async def test_cancelling_the_task_of_a_call_is_no_reason() -> None:
    scope = CallScope()
    call = asyncio.create_task(until_ended(scope, []))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_of_two_scopes_the_one_that_is_ended_raises_through_the_other() -> None:
    with pytest.raises(Refused) as error:
        async with CallScope() as outer, CallScope():
            outer.end(REASON)
            await asyncio.sleep(1)
    assert error.value is REASON
