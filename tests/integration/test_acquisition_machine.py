"""Any interleaving of streams, inits, failures, disconnects and shutdown (SPEC 4.3-4.5), in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

import hypothesis.strategies as st
import pytest
from grpc import StatusCode
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.frames import block_of
from support.virtual_time import VirtualTimeLoop, run_in_virtual_time

from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.load import check_values
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import SourceError
from panoseti_daq.hub import Hub
from panoseti_daq.pff import FrameBlock, Selection
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.sources.source import FrameSource, SourceStatus

MAX_STREAMS = 4


class FakeSource:
    """The source of configuration `number`, whose frames are of the module of that number.

    It starts when `may_start` is set, or fails with what is set there, and stops when `may_stop` is set.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.may_start: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.may_stop = asyncio.Event()
        self.is_running = False
        self.n_frames = 0
        self._blocks: asyncio.Queue[FrameBlock] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        await asyncio.shield(self.may_start)
        self.is_running = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.may_stop.wait()
        finally:
            self.is_running = False

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        while True:
            yield await self._blocks.get()

    @property
    def directory(self) -> None:
        return None

    def find_frame(self) -> None:
        self._blocks.put_nowait(block_of(first=self.n_frames, module_id=self.number))
        self.n_frames += 1

    def let_start(self, fails: bool = False) -> None:
        if self.may_start.done():
            return
        if fails:
            self.may_start.set_exception(SourceError("the disk is on fire"))
            self.may_start.exception()  # whoever asked may have given up: not a warning
        else:
            self.may_start.set_result(None)

    def status(self) -> SourceStatus:
        return SourceStatus("fake", "nothing", (self.number,), 0)


class Client:
    """A StreamImages call that takes a frame when it is told to."""

    def __init__(self, acquisition: Acquisition, name: str) -> None:
        self.opened: HpIoConfig | None = None
        self.hub: Hub | None = None
        self.may_take = asyncio.Semaphore(0)
        self.leaves = asyncio.Event()
        self.modules: list[int] = []
        self.numbers: list[int] = []
        self.refused: Refused | None = None
        self.task = asyncio.get_running_loop().create_task(self._run(acquisition, name))

    async def _run(self, acquisition: Acquisition, name: str) -> None:
        try:
            async with acquisition.admit(name) as stream:
                self.opened, self.hub = acquisition.config, acquisition.hub
                with stream.subscribe(Selection()) as subscription:
                    async for frame in subscription:
                        self.modules.append(frame.module_id)
                        self.numbers.append(frame.frame_number)
                        await self.may_take.acquire()
                        if self.leaves.is_set():
                            break
        except Refused as refused:
            self.refused = refused


class AcquisitionMachine(RuleBasedStateMachine):
    """Drives one event loop; after each rule it goes on for a few steps, or until nothing is left to do."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.sources: list[FakeSource] = []
        self.inits: dict[int, asyncio.Task[str]] = {}
        self.clients: list[Client] = []
        self.shutting_down: asyncio.Task[None] | None = None
        self.in_force: HpIoConfig | None = None
        self.starts_at_once = True

    @initialize()
    def begin(self) -> None:
        self.done = asyncio.Event()
        self.main = self.loop.create_task(self._hold())
        self.settle()

    async def _hold(self) -> None:
        chosen = check_values({"max_concurrent_rpcs": MAX_STREAMS})
        async with asyncio.TaskGroup() as tasks:
            self.acquisition = Acquisition(chosen, tasks, self._make_source)
            await self.done.wait()

    def _make_source(self, config: HpIoConfig, settings: ServerSettings) -> FrameSource:
        source = FakeSource(config.module_ids[0])
        source.may_stop.set()
        if self.starts_at_once:
            source.let_start()
        self.sources.append(source)
        return source

    def settle(self) -> None:
        self.loop.advance(1.0)

    def go_on(self, n_steps: int | None) -> None:
        if n_steps is None:
            self.settle()
            return
        for _ in range(n_steps):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def call(self, make: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return make()

        return self.loop.run_until_complete(run())

    n_steps = st.none() | st.integers(0, 6)

    @rule(force=st.booleans(), at_once=st.booleans(), n_steps=n_steps)
    @precondition(lambda self: len(self.inits) < 200)
    def init(self, force: bool, at_once: bool, n_steps: int | None) -> None:
        self.starts_at_once = at_once
        number = len(self.inits)
        config = HpIoConfig(simulate=True, module_ids=(number,))
        self.inits[number] = self.loop.create_task(self.acquisition.configure(config, force=force))
        self.go_on(n_steps)

    def waiting_sources(self) -> list[FakeSource]:
        return [source for source in self.sources if not source.may_start.done()]

    @rule(fails=st.booleans(), n_steps=n_steps)
    @precondition(lambda self: self.waiting_sources())
    def start_source(self, fails: bool, n_steps: int | None) -> None:
        self.waiting_sources()[0].let_start(fails)
        self.go_on(n_steps)

    @rule(data=st.data(), n_steps=n_steps)
    @precondition(lambda self: any(not init.done() for init in self.inits.values()))
    def give_up_init(self, data: st.DataObject, n_steps: int | None) -> None:
        data.draw(st.sampled_from([init for init in self.inits.values() if not init.done()])).cancel()
        self.go_on(n_steps)

    @rule(n_steps=n_steps)
    def open_stream(self, n_steps: int | None) -> None:
        name = f"client {len(self.clients)}"
        self.clients.append(self.call(lambda: Client(self.acquisition, name)))
        self.go_on(n_steps)

    def some_client(self, data: st.DataObject) -> Client:
        return data.draw(st.sampled_from([client for client in self.clients if not client.task.done()]))

    def has_clients(self) -> bool:
        return any(not client.task.done() for client in self.clients)

    @rule(data=st.data(), n_steps=n_steps)
    @precondition(has_clients)
    def take_frame(self, data: st.DataObject, n_steps: int | None) -> None:
        self.some_client(data).may_take.release()
        self.go_on(n_steps)

    @rule(data=st.data(), n_steps=n_steps)
    @precondition(has_clients)
    def leave_stream(self, data: st.DataObject, n_steps: int | None) -> None:
        client = self.some_client(data)
        client.leaves.set()
        client.may_take.release()
        self.go_on(n_steps)

    @rule(data=st.data(), n_steps=n_steps)
    @precondition(has_clients)
    def vanish(self, data: st.DataObject, n_steps: int | None) -> None:
        self.some_client(data).task.cancel()
        self.go_on(n_steps)

    @rule(n_steps=n_steps)
    @precondition(lambda self: self.sources)
    def find_frames(self, n_steps: int | None) -> None:
        for source in self.sources:
            source.find_frame()
        self.go_on(n_steps)

    @rule(slow=st.booleans(), n_steps=n_steps)
    @precondition(lambda self: self.sources)
    def make_stopping_slow_or_not(self, slow: bool, n_steps: int | None) -> None:
        for source in self.sources:
            (source.may_stop.clear if slow else source.may_stop.set)()
        self.go_on(n_steps)

    @rule(n_steps=n_steps)
    @precondition(lambda self: self.shutting_down is None and len(self.inits) > 2)
    def shut_down(self, n_steps: int | None) -> None:
        self.shutting_down = self.loop.create_task(self.acquisition.shut_down())
        self.go_on(n_steps)

    @invariant()
    def the_server_lives(self) -> None:
        assert not hasattr(self, "main") or not self.main.done(), self.main.exception()

    @invariant()
    def a_stream_gets_the_frames_of_its_configuration_in_order(self) -> None:
        for client in self.clients:
            if client.opened is not None:
                assert set(client.modules) <= {client.opened.module_ids[0]}
                assert client.numbers == sorted(set(client.numbers))

    @invariant()
    def only_an_init_that_was_not_refused_changes_what_is_in_force(self) -> None:
        if not hasattr(self, "acquisition") or self.acquisition.config == self.in_force:
            return
        self.in_force = self.acquisition.config
        if self.in_force is None:
            assert self.shutting_down is not None

    @invariant()
    def a_refused_init_is_not_in_force(self) -> None:
        for number, init in self.inits.items():
            if init.done() and not init.cancelled() and init.exception() is not None:
                assert isinstance(init.exception(), Refused)
                assert self.in_force is None or self.in_force.module_ids != (number,)

    @invariant()
    def what_is_in_force_runs(self) -> None:
        if self.in_force is not None and self.shutting_down is None:
            assert self.sources[-1].is_running or len(self.sources) > 1
            assert any(s.is_running and s.number == self.in_force.module_ids[0] for s in self.sources)

    @invariant()
    def slots_and_subscriptions_are_those_of_the_calls(self) -> None:
        open_clients = [client for client in self.clients if not client.task.done()]
        if not hasattr(self, "acquisition"):
            return
        assert len(self.acquisition.streams) <= min(len(open_clients), MAX_STREAMS)
        for hub in {id(client.hub): client.hub for client in self.clients if client.hub}.values():
            assert len(hub.subscriptions) <= sum(client.hub is hub for client in open_clients)

    def teardown(self) -> None:
        for source in self.sources:
            source.may_stop.set()
        if self.shutting_down is not None:
            self.settle()
            assert self.shutting_down.done(), "shutdown waits for a source to start"
            assert all(client.task.done() for client in self.clients)
        self.starts_at_once = True
        for _ in self.inits:  # those that waited make sources of their own
            for source in self.sources:
                source.let_start()
            self.settle()
        assert all(init.done() for init in self.inits.values())
        for client in self.clients:
            assert client.task.done() or client.opened is not None, "a stream still waits at the gate"
        if self.shutting_down is None:
            self.call_to_the_end()
        assert not self.acquisition.streams
        assert not self.acquisition.all_streams
        assert not any(client.hub.subscriptions for client in self.clients if client.hub)
        assert not any(source.is_running for source in self.sources)
        self.done.set()
        self.loop.run_until_complete(self.main)
        assert not asyncio.all_tasks(self.loop)
        self.loop.close()

    def call_to_the_end(self) -> None:
        """Whatever happened, the next forced init works, all slots serve, and shutdown ends them."""
        self.init(force=True, at_once=True, n_steps=None)
        assert self.acquisition.config is not None
        assert self.acquisition.config.module_ids == (len(self.inits) - 1,)
        assert sum(source.is_running for source in self.sources) == 1
        assert not self.has_clients()
        late = [self.call(lambda: Client(self.acquisition, "late")) for _ in range(MAX_STREAMS)]
        self.clients += late
        self.settle()
        self.sources[-1].find_frame()
        self.settle()
        assert [client.numbers for client in late] == [[0]] * MAX_STREAMS
        self.loop.run_until_complete(self.acquisition.shut_down())
        self.settle()
        assert all(client.refused is not None and client.refused.code is StatusCode.CANCELLED for client in late)


class TestAcquisitionMachine(AcquisitionMachine.TestCase):  # type: ignore[valid-type,misc]
    settings = settings(max_examples=150, stateful_step_count=30)


async def _init_that_waits(tasks: asyncio.TaskGroup) -> tuple[Acquisition, FakeSource, asyncio.Task[Refused]]:
    """An acquisition whose first init waits for its source."""
    sources: list[FakeSource] = []

    def make_source(config: HpIoConfig, settings: ServerSettings) -> FrameSource:
        sources.append(FakeSource(0))
        sources[0].may_stop.set()
        return sources[0]

    acquisition = Acquisition(ServerSettings(), tasks, make_source)

    async def init() -> Refused:
        with pytest.raises(Refused) as refused:
            await acquisition.configure(HpIoConfig(simulate=True), force=False)
        return refused.value

    call = asyncio.create_task(init())
    await asyncio.sleep(1)
    return acquisition, sources[0], call


def test_shutdown_ends_an_init_whose_source_never_starts() -> None:
    async def main() -> Refused:
        async with asyncio.TaskGroup() as tasks:
            acquisition, _, init = await _init_that_waits(tasks)
            async with asyncio.timeout(1):
                await acquisition.shut_down()
            return await init

    assert run_in_virtual_time(main()).code is StatusCode.CANCELLED


def test_an_init_during_an_init_during_a_shutdown_is_refused() -> None:
    async def main() -> Refused:
        async with asyncio.TaskGroup() as tasks:
            acquisition, _, init = await _init_that_waits(tasks)
            second = tasks.create_task(acquisition.configure(HpIoConfig(simulate=True), force=True))
            await asyncio.sleep(1)
            await acquisition.shut_down()
            await init
            with pytest.raises(Refused) as refused:
                await second
            return refused.value

    with pytest.raises(ExceptionGroup) as group:
        run_in_virtual_time(main())
    assert group.group_contains(Refused, match="shutting down")


def test_a_failure_elsewhere_ends_an_init_that_waits() -> None:
    async def main() -> None:
        async def fail() -> None:
            raise KeyError("mine")

        async with asyncio.TaskGroup() as tasks:
            _, _, init = await _init_that_waits(tasks)
            tasks.create_task(fail())
            try:
                await asyncio.sleep(1)
            finally:
                async with asyncio.timeout(1):
                    await init

    with pytest.raises(ExceptionGroup) as group:
        run_in_virtual_time(main())
    assert group.group_contains(KeyError, match="mine")


@pytest.mark.parametrize("n_steps", range(3))
def test_a_source_that_starts_while_its_caller_gives_up_harms_nobody(n_steps: int) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            acquisition, source, init = await _init_that_waits(tasks)
            source.let_start()
            for _ in range(n_steps):
                await asyncio.sleep(0)
            done = init.done()
            init.cancel()
            await asyncio.sleep(1)
            assert not done
            assert acquisition.config is None
            assert not source.is_running

    run_in_virtual_time(main())
