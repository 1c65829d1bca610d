from __future__ import annotations

import asyncio
import gc
import weakref
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.frames import block_of, each_product
from support.virtual_time import VirtualTimeLoop, run_in_virtual_time

from panoseti_daq.hub import Hub, Subscription
from panoseti_daq.hub.budget import Budget
from panoseti_daq.pff import DataProduct, Frame, FrameBlock, Key, Kind, Selection

ALL = Selection()

IMG8, IMG16, PH256, PH1024 = DataProduct


@pytest.fixture
def loop() -> Iterator[VirtualTimeLoop]:
    loop = VirtualTimeLoop()
    yield loop
    loop.close()


@pytest.fixture
def hub(loop: VirtualTimeLoop) -> Hub:
    return Hub(loop)


def take(subscription: Subscription) -> Frame | None:
    """The frame that is due now; None when the consumer would have to wait."""
    step = subscription.__anext__()
    try:
        step.send(None)
    except StopIteration as stop:
        assert isinstance(stop.value, Frame)
        return stop.value
    step.close()
    return None


def take_all(subscription: Subscription) -> list[int]:
    """Frame numbers of everything that is due now."""
    taken = []
    while (frame := take(subscription)) is not None:
        taken.append(frame.frame_number)
    return taken


@each_product
def test_first_frame_is_due_at_once(hub: Hub, product: DataProduct) -> None:
    with hub.subscribe(Selection(update_interval_s=10)) as subscription:
        hub.publish(block_of(product))
        assert take_all(subscription) == [0]


def test_frame_is_handed_over_byte_for_byte(hub: Hub) -> None:
    block = block_of(first=5)
    with hub.subscribe(ALL) as subscription:
        hub.publish(block)
        frame = take(subscription)
    assert frame is not None
    assert (frame.pixels, frame.file, frame.frame_number) == (block[0].pixels, block.file, 5)


class LoopOfPlainHandles(VirtualTimeLoop):
    """Its timers do not know their time, as those of uvloop for a time that has come."""

    def call_at(self, when: float, *what: Any, **context: Any) -> Any:  # type: ignore[override]
        timer = super().call_at(when, *what, **context)
        return SimpleNamespace(cancel=timer.cancel, cancelled=timer.cancelled, _source_traceback=None)


def test_timers_need_not_know_their_time() -> None:
    loop = LoopOfPlainHandles()
    hub = Hub(loop)
    with closing(loop), hub.subscribe(Selection(update_interval_s=1)) as subscription:
        for module_id in (1, 2):
            hub.publish(block_of(first=0, module_id=module_id))
            assert take_all(subscription) == [0]
            loop.advance(0.25)
        for module_id in (2, 1):  # what comes second is due first
            hub.publish(block_of(first=1, module_id=module_id))
        loop.advance(0.01)
        assert take_all(subscription) == [1]
        loop.advance(0.25)
        assert take_all(subscription) == [1]


def test_next_frame_of_a_key_waits_for_half_the_interval(hub: Hub, loop: VirtualTimeLoop) -> None:
    with hub.subscribe(Selection(update_interval_s=1)) as subscription:
        hub.publish(block_of(first=0))
        assert take_all(subscription) == [0]
        hub.publish(block_of(first=1))
        loop.advance(0.25)
        assert take_all(subscription) == []
        loop.advance(0.25)
        assert take_all(subscription) == [1]


def test_interval_counts_from_when_the_frame_was_taken(hub: Hub, loop: VirtualTimeLoop) -> None:
    with hub.subscribe(Selection(update_interval_s=1)) as subscription:
        hub.publish(block_of(first=0))
        loop.advance(0.5)
        assert take_all(subscription) == [0]
        hub.publish(block_of(first=1))
        loop.advance(0.25)
        assert take_all(subscription) == []
        loop.advance(0.25)
        assert take_all(subscription) == [1]


def test_first_frame_after_a_quiet_spell_is_due_at_once(hub: Hub, loop: VirtualTimeLoop) -> None:
    with hub.subscribe(Selection(update_interval_s=1)) as subscription:
        hub.publish(block_of(first=0))
        assert take_all(subscription) == [0]
        loop.advance(7.25)
        hub.publish(block_of(first=1))
        assert take_all(subscription) == [1]


def test_newest_frame_within_an_interval_wins(hub: Hub, loop: VirtualTimeLoop) -> None:
    with hub.subscribe(Selection(update_interval_s=1)) as subscription:
        hub.publish(block_of(first=0))
        assert take_all(subscription) == [0]
        for i in (1, 2, 3):
            hub.publish(block_of(first=i))
        loop.advance(1)
        assert take_all(subscription) == [3]


@pytest.mark.parametrize("interval_s", [0, -1])
def test_without_an_interval_every_frame_may_go_at_once(hub: Hub, interval_s: float) -> None:
    with hub.subscribe(Selection(update_interval_s=interval_s)) as subscription:
        for i in range(3):
            hub.publish(block_of(first=i))
            assert take_all(subscription) == [i]
        assert subscription.n_dropped == 0


def test_newest_frame_of_a_block_is_offered(hub: Hub) -> None:
    with hub.subscribe(ALL) as subscription:
        hub.publish(block_of(n=413))
        assert take_all(subscription) == [412]


def test_waiting_consumer_gets_the_last_frame_when_its_interval_is_over() -> None:
    async def main() -> list[tuple[float, int]]:
        loop = asyncio.get_running_loop()
        hub, got = Hub(), []
        with hub.subscribe(Selection(update_interval_s=1)) as subscription:

            async def consume() -> None:
                async for frame in subscription:
                    got.append((loop.time(), frame.frame_number))  # noqa: PERF401 - times as they come

            consumer = asyncio.create_task(consume())
            for i in range(9):
                hub.publish(block_of(first=i))
                await asyncio.sleep(0.3)
            await asyncio.sleep(10)
            consumer.cancel()
        return got

    got = run_in_virtual_time(main())
    assert got[0] == (0.0, 0)
    assert [number for _, number in got] == [0, 1, 3, 6, 8]
    assert [time for time, _ in got] == pytest.approx([0.0, 0.5, 1.001, 2.001, 3.001])


def test_frame_is_never_delivered_twice(hub: Hub, loop: VirtualTimeLoop) -> None:
    with hub.subscribe(Selection(update_interval_s=1)) as subscription:
        hub.publish(block_of())
        assert take_all(subscription) == [0]
        loop.advance(5)
        assert take_all(subscription) == []


def test_frame_replaced_before_it_was_due_is_no_drop(hub: Hub, loop: VirtualTimeLoop) -> None:
    with hub.subscribe(Selection(update_interval_s=1)) as subscription:
        hub.publish(block_of(first=0))
        take(subscription)
        for i in range(1, 5):
            hub.publish(block_of(first=i))
        loop.advance(1)
        assert take_all(subscription) == [4]
        assert (subscription.n_taken, subscription.n_dropped) == (2, 0)


def test_frame_replaced_while_it_was_due_for_less_than_the_interval_is_no_drop(
    hub: Hub, loop: VirtualTimeLoop
) -> None:
    with hub.subscribe(Selection(update_interval_s=1)) as subscription:
        hub.publish(block_of(first=0))
        loop.advance(0.5)
        hub.publish(block_of(first=1))
        assert take_all(subscription) == [1]
        assert subscription.n_dropped == 0


def test_each_interval_that_a_slow_consumer_misses_is_a_drop(hub: Hub, loop: VirtualTimeLoop) -> None:
    with hub.subscribe(Selection(update_interval_s=1)) as subscription:
        hub.publish(block_of(first=0))
        take(subscription)
        for i in range(1, 41):  # ten frames per interval; due from 0.5 s on, replaced at 1.5, 2.5 and 3.5 s
            hub.publish(block_of(first=i))
            loop.advance(0.1)
        assert take_all(subscription) == [40]
        assert (subscription.n_taken, subscription.n_dropped) == (2, 3)


def test_slow_consumer_costs_the_others_nothing(hub: Hub) -> None:
    with hub.subscribe(ALL) as slow, hub.subscribe(ALL) as fast:
        for i in range(5):
            hub.publish(block_of(first=i))
            assert take_all(fast) == [i]
        assert take_all(slow) == [4]
        assert (fast.n_dropped, slow.n_dropped) == (0, 4)


def test_new_subscription_gets_the_newest_of_every_key_at_once(hub: Hub) -> None:
    hub.publish(block_of(IMG16, 3))
    hub.publish(block_of(IMG16, 5, module_id=8))
    hub.publish(block_of(PH256, quabos=[0, 1, 0]))
    with hub.subscribe(Selection(update_interval_s=60)) as subscription:
        assert sorted(take_all(subscription)) == [1, 2, 2, 4]


def test_new_subscription_gets_only_keys_it_asked_for(hub: Hub) -> None:
    hub.publish(block_of(IMG16, 1))
    hub.publish(block_of(PH1024, 2))
    with hub.subscribe(Selection(kinds={Kind.PULSE_HEIGHT})) as subscription:
        assert take_all(subscription) == [1]


@each_product
@pytest.mark.parametrize("kind", Kind)
def test_only_the_kinds_asked_for_are_delivered(hub: Hub, product: DataProduct, kind: Kind) -> None:
    with hub.subscribe(Selection(kinds={kind})) as subscription:
        hub.publish(block_of(product))
        assert len(take_all(subscription)) == (product.kind is kind)


@pytest.mark.parametrize(("module_ids", "delivered"), [((), 1), ((7,), 1), ((6, 7), 1), ((6,), 0)])
def test_only_the_modules_asked_for_are_delivered(hub: Hub, module_ids: tuple[int, ...], delivered: int) -> None:
    with hub.subscribe(Selection(module_ids=module_ids)) as subscription:
        hub.publish(block_of(module_id=7))
        assert len(take_all(subscription)) == delivered


def test_products_and_modules_are_limited_each_by_itself(hub: Hub) -> None:
    with hub.subscribe(Selection(update_interval_s=60)) as subscription:
        for product in DataProduct:
            for module_id in (1, 2):
                hub.publish(block_of(product, module_id=module_id))
                assert take_all(subscription) == [0]


def test_quabos_of_ph256_are_keys_of_their_own(hub: Hub) -> None:
    with hub.subscribe(Selection(update_interval_s=60)) as subscription:
        hub.publish(block_of(PH256, quabos=[0, 1, 2, 3, 0, 1]))
        assert take_all(subscription) == [2, 3, 4, 5]
        hub.publish(block_of(PH256, quabos=[3], first=6))
        assert take_all(subscription) == []
    assert {key.quabo: state.n_frames for key, state in hub.keys.items()} == {0: 2, 1: 2, 2: 1, 3: 2}


def test_busy_key_does_not_starve_another(hub: Hub) -> None:
    with hub.subscribe(ALL) as subscription:
        hub.publish(block_of(module_id=1))
        hub.publish(block_of(module_id=2))
        taken = []
        for i in range(1, 5):
            hub.publish(block_of(module_id=1, first=i))
            frame = take(subscription)
            assert frame is not None
            taken.append(frame.module_id)
        assert taken == [1, 2, 1, 1]


def test_rest_of_an_older_file_does_not_replace_what_is_newer(hub: Hub) -> None:
    with hub.subscribe(ALL) as subscription:
        hub.publish(block_of(generation=1, first=0))
        hub.publish(block_of(generation=0, first=100))
        assert take_all(subscription) == [0]
        hub.publish(block_of(generation=0, first=101))
        assert take_all(subscription) == []
    (state,) = hub.keys.values()
    assert (state.newest._generation, state.n_frames) == (1, 3)


def test_first_frame_of_a_later_file_replaces_the_last_of_the_file_before(hub: Hub) -> None:
    with hub.subscribe(ALL) as subscription:
        hub.publish(block_of(generation=0, first=100))
        hub.publish(block_of(generation=1, first=0))
        assert take_all(subscription) == [0]


@each_product
def test_frames_and_bytes_are_counted_per_key(hub: Hub, product: DataProduct) -> None:
    block = block_of(product, 3)
    hub.publish(block)
    hub.publish(block_of(product, 2, first=3))
    (state,) = hub.keys.values()
    assert (state.n_frames, state.frame_size_bytes) == (5, block.layout.frame_size_bytes)


def damaged(block: FrameBlock) -> FrameBlock:
    data = b"?" + bytes(block.data)[1:]
    return FrameBlock(data, block.layout, block.module_id, block.file, block.first_frame_number)


@pytest.mark.parametrize("n", [1, 2])
def test_frame_whose_header_does_not_parse_is_counted_and_skipped(hub: Hub, n: int) -> None:
    with hub.subscribe(ALL) as subscription:
        hub.publish(damaged(block_of(n=n)))
        assert take_all(subscription) == [1][: n - 1]
    assert hub.n_bad_frames == 1
    assert [state.n_frames for state in hub.keys.values()] == [1] * (n - 1)


def test_cancelled_wait_loses_no_frame() -> None:
    async def main() -> int:
        hub = Hub()
        with hub.subscribe(ALL) as subscription:
            waiting = asyncio.create_task(anext(subscription))
            await asyncio.sleep(0)
            hub.publish(block_of(first=3))
            waiting.cancel()
            await asyncio.wait([waiting])
            assert waiting.cancelled()
            return (await anext(subscription)).frame_number

    assert run_in_virtual_time(main()) == 3


def test_open_subscriptions_are_listed_oldest_first(hub: Hub) -> None:
    with hub.subscribe(ALL) as first, hub.subscribe(ALL) as second:
        assert list(hub.subscriptions) == [first, second]
    assert not hub.subscriptions


def test_many_fast_subscribers_let_changes_be_gathered_and_a_wall_does_not(hub: Hub) -> None:
    with ExitStack() as stack:
        gathered = []
        for _ in range(12):
            stack.enter_context(hub.subscribe(Selection(update_interval_s=0.1)))
            assert hub.gather_s == 0.0
        for _ in range(12):
            stack.enter_context(hub.subscribe(ALL))
            gathered.append(hub.gather_s)
        assert gathered[0] == 0.0
        assert gathered == sorted(gathered)
        assert gathered[1] <= 0.001
        assert gathered[-1] == 0.008
    assert hub.gather_s == 0.0


def test_unsubscribing_releases_the_subscription_and_its_timer(hub: Hub, loop: VirtualTimeLoop) -> None:
    with hub.subscribe(Selection(update_interval_s=60)) as subscription:
        hub.publish(block_of(first=0))
        take(subscription)
        hub.publish(block_of(first=1))
        released = weakref.ref(subscription)
    hub.publish(block_of(first=2))
    assert subscription.n_taken == 1
    del subscription
    loop.advance(0.125)  # the loop drops timers that were cancelled when it looks at them
    loop.advance(61)
    gc.collect()
    assert released() is None


def test_unsubscribing_one_leaves_the_others(hub: Hub) -> None:
    with hub.subscribe(ALL) as stays:
        with hub.subscribe(ALL):
            hub.publish(block_of(first=0))
        hub.publish(block_of(first=1))
        assert take_all(stays) == [1]


def test_subscriber_that_raises_is_released(hub: Hub) -> None:
    with pytest.raises(ZeroDivisionError), hub.subscribe(ALL):
        raise ZeroDivisionError
    assert not hub.subscriptions


class Model:
    """What the docstring of `Subscription` says, as simply as it can be said."""

    def __init__(self, interval_s: float, newest: dict[Key, tuple[int, int]], now_s: float) -> None:
        self.interval_s = interval_s
        self.waiting = dict(newest)
        self.budgets: defaultdict[Key, Budget] = defaultdict(lambda: Budget(interval_s))
        self.due_since = dict.fromkeys(newest, now_s)
        self.n_dropped = 0

    def is_due(self, key: Key, now_s: float) -> bool:
        return key in self.waiting and self.due_since[key] <= now_s

    def offer(self, key: Key, place: tuple[int, int], now_s: float) -> None:
        budget = self.budgets[key]
        if self.is_due(key, now_s):
            if now_s - self.due_since[key] >= self.interval_s:
                self.n_dropped += 1
                self.due_since[key] = now_s
        elif now_s >= budget.earliest_s:
            self.due_since[key] = now_s
        else:
            latest_s = budget.latest_s(now_s)
            self.due_since[key] = min(latest_s, self.due_since[key]) if key in self.waiting else latest_s
        self.waiting[key] = place


class HubMachine(RuleBasedStateMachine):
    """Any order of what may happen to a hub; times are multiples of 1/8 s, exact as floats."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.hub = Hub(self.loop)
        self.newest: dict[Key, tuple[int, int]] = {}
        self.next_number: dict[tuple[int, DataProduct, int], int] = {}
        self.open: list[tuple[Subscription, Model, Selection, ExitStack]] = []

    def teardown(self) -> None:
        for *_, stack in self.open:
            stack.close()
        assert not self.hub.subscriptions
        self.loop.close()

    @rule(
        module_id=st.integers(1, 2),
        product=st.sampled_from([IMG16, PH256]),
        generation=st.integers(0, 1),
        quabos=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    )
    def publish(self, module_id: int, product: DataProduct, generation: int, quabos: list[int]) -> None:
        file = (module_id, product, generation)
        first = self.next_number.get(file, 0)
        self.next_number[file] = first + len(quabos)
        self.hub.publish(block_of(product, module_id=module_id, first=first, generation=generation, quabos=quabos))
        last = {
            Key(module_id, product, quabo if product.one_quabo else None): (generation, first + i)
            for i, quabo in enumerate(quabos)
        }
        for key, place in last.items():
            if place < self.newest.get(key, place):
                continue
            self.newest[key] = place
            for _, model, wanted, _ in self.open:
                if key in wanted:
                    model.offer(key, place, self.loop.time())

    @rule(eighths=st.integers(1, 20))
    def let_time_pass(self, eighths: int) -> None:
        self.loop.advance(eighths / 8)

    @precondition(lambda self: len(self.open) < 3)
    @rule(
        interval_eighths=st.sampled_from([0, 1, 8, 12]),
        kinds=st.sets(st.sampled_from(Kind), min_size=1),
        module_ids=st.sampled_from([(), (1,)]),
    )
    def subscribe(self, interval_eighths: int, kinds: set[Kind], module_ids: tuple[int, ...]) -> None:
        wanted = Selection(kinds, module_ids, update_interval_s=interval_eighths / 8)
        stack = ExitStack()
        subscription = stack.enter_context(self.hub.subscribe(wanted))
        known = {key: place for key, place in self.newest.items() if key in wanted}
        self.open.append((subscription, Model(interval_eighths / 8, known, self.loop.time()), wanted, stack))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def unsubscribe(self, data: st.DataObject) -> None:
        *_, stack = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        stack.close()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def take(self, data: st.DataObject) -> None:
        subscription, model, *_ = data.draw(st.sampled_from(self.open))
        now_s = self.loop.time()
        due = {key for key in model.waiting if model.is_due(key, now_s)}
        frame = take(subscription)
        if frame is None:
            assert not due
            return
        assert frame.key in due
        assert (frame._generation, frame.frame_number) == model.waiting.pop(frame.key)
        model.budgets[frame.key].spend(now_s)

    @invariant()
    def drops_are_those_of_the_model(self) -> None:
        assert [s.n_dropped for s, *_ in self.open] == [model.n_dropped for _, model, *_ in self.open]

    @invariant()
    def newest_is_known(self) -> None:
        known = {k: (state.newest._generation, state.newest.frame_number) for k, state in self.hub.keys.items()}
        assert known == self.newest


class TestHub(HubMachine.TestCase):  # type: ignore[misc, valid-type]
    settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_an_upload_never_replaces_what_files_say_and_files_replace_an_upload(hub: Hub) -> None:
    # odd night 73
    (uploaded,) = block_of(first=2**32 - 1)
    with hub.subscribe(Selection()) as subscription:
        assert hub.publish_frame(uploaded)
        assert take_all(subscription) == [2**32 - 1]
        hub.publish(block_of(first=3))
        assert take_all(subscription) == [3]
        assert not hub.publish_frame(uploaded)
        assert take_all(subscription) == []
