from __future__ import annotations

import pytest
from support.received import DETECTED_NS, Clock, by_key, received

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers import clock as ages
from panoseti_daq.viewers.modules import Module
from panoseti_daq.viewers.rates.book import CAPACITY, RateBook

PH256, IMG16 = DataProduct.PH256, DataProduct.IMG16


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> RateBook:
    return RateBook(1.0, ages.Clock(clock.monotonic, clock.wall_ns), clock.wall_ns)


def key_status(
    rate_hz: float = 20,
    age_s: float = 0.5,
    *,
    module_id: int = 7,
    product: str = "img16",
    quabo: int | None = None,
) -> pb.KeyStatus:
    return pb.KeyStatus(
        module_id=module_id,
        product=product,
        quabo=quabo,
        frames_per_second=rate_hz,
        bytes_per_second=2540 * rate_hz,
        unix_ns=DETECTED_NS - round(age_s * 1e9),
    )


def status(*keys: pb.KeyStatus, **dropped: int) -> pb.StatusResponse:
    streams = [pb.StreamStatus(peer=peer, dropped=n) for peer, n in dropped.items()]
    return pb.StatusResponse(keys=keys, streams=streams)


def test_what_a_server_says_of_its_keys_is_shown(book: RateBook) -> None:
    book.update_status("node", status(key_status(20, 0.5), key_status(2, 3, product="ph256", quabo=1)))
    movie, pulses = book.rates("node")
    assert (movie.name, movie.rate_hz, movie.bytes_per_s) == ("7 img16", 20, 50_800)
    assert movie.age_s == pytest.approx(0.5)
    assert pulses.name == "7 ph256 Q1"


def test_a_key_without_a_time_is_as_old_as_its_detection(book: RateBook) -> None:
    key = key_status()
    key.unix_ns, key.detected_unix_ns = 0, DETECTED_NS - 30_000_000_000
    book.update_status("node", status(key))
    assert book.rates("node")[0].age_s == pytest.approx(30)


def test_a_key_that_the_server_no_longer_has_is_gone(book: RateBook) -> None:
    book.update_status("node", status(key_status(module_id=1), key_status(module_id=2)))
    book.update_status("node", status(key_status(module_id=2)))
    assert [rate.module_id for rate in book.rates("node")] == [2]


def test_a_silent_server_has_no_rates_and_its_frames_grow_old(book: RateBook, clock: Clock) -> None:
    book.update_status("node", status(key_status(age_s=0.5)))
    clock.advance(30)
    (rate,) = book.rates("node")
    assert rate.rate_hz == 0
    assert rate.age_s == pytest.approx(30.5)


def test_drops_of_all_streams_add_up_and_stay_when_a_stream_ends(book: RateBook) -> None:
    book.update_status("node", status(a=3, b=4))
    book.update_status("node", status(a=5))
    book.update_status("node", status(a=1, c=2))
    assert book.hosts["node"].n_dropped == 3 + 4 + 2 + 0 + 2


def test_frames_do_not_count_for_a_server_that_tells(book: RateBook) -> None:
    book.update_status("node", status(key_status(rate_hz=20)))
    book.update(by_key(received(IMG16, number=100)))
    assert [rate.rate_hz for rate in book.rates("node")] == [20]


def test_frame_numbers_give_the_rate_of_a_server_that_does_not_tell(book: RateBook, clock: Clock) -> None:
    for second in range(8):
        clock.advance(1)
        book.update(by_key(received(IMG16, number=1000 * second, unix_ns=clock.wall_ns(), n_dropped=second)))
    (rate,) = book.rates("node")
    assert rate.rate_hz == pytest.approx(1000)
    assert rate.bytes_per_s == pytest.approx(2_048_000)
    assert rate.age_s == 0
    assert book.hosts["node"].n_dropped == 7


def test_quabos_of_a_server_that_does_not_tell_are_counted_together(book: RateBook, clock: Clock) -> None:
    for i in range(9):
        clock.advance(0.5)
        book.update(by_key(received(PH256, number=i, quabo=i % 4, unix_ns=clock.wall_ns())))
    (rate,) = book.rates("node")
    assert rate.name == "7 ph256"
    assert rate.rate_hz == pytest.approx(2)


def test_the_rate_ends_when_frames_do(book: RateBook, clock: Clock) -> None:
    for number in (0, 10):
        clock.advance(1)
        book.update(by_key(received(IMG16, number=number)))
    clock.advance(20)
    assert book.rates("node")[0].rate_hz == 0


def test_samples_add_up_quabos_modules_and_hosts(book: RateBook) -> None:
    quabos = [key_status(2, age, product="ph256", quabo=q) for q, age in enumerate((1, 2, 9, 4))]
    book.update_status("a", status(*quabos))
    book.update_status("b", status(key_status(3, 5, module_id=8, product="ph256", quabo=0)))
    book.sample()
    assert book.samples[Module("a", 7), "ph256"].values[0] == pytest.approx([8, 8 * 2540, 9, 8, 9])
    assert book.samples[None, "ph256"].values[0] == pytest.approx([11, 11 * 2540, 9, 3, 7])
    assert book.samples[Module("a", 7), "ph256"].times_s[0] == DETECTED_NS / 1e9


def test_samples_are_bounded(book: RateBook, clock: Clock) -> None:
    for _ in range(CAPACITY + 20):
        clock.advance(0.25)
        book.update_status("node", status(key_status()))
        book.sample()
    assert len(book.samples[Module("node", 7), "img16"]) == (CAPACITY + 20) // 2
    clock.advance(600)
    for _ in range(CAPACITY + 20):
        clock.advance(1)
        book.sample()
    assert len(book.samples[Module("node", 7), "img16"]) == len(book.hosts["node"].drops) == CAPACITY


@pytest.mark.parametrize("ahead_s", [-30, 0, 30])
def test_ages_are_those_of_the_server_whatever_our_clock_says(clock: Clock, ahead_s: int) -> None:
    def wall_ns() -> int:
        return clock.wall_ns() + ahead_s * 1_000_000_000

    book = RateBook(1.0, ages.Clock(clock.monotonic, wall_ns), wall_ns)
    key = key_status(age_s=0.5)
    key.age_seconds = 0.75
    timeless = pb.KeyStatus(module_id=8, product="img16", detected_unix_ns=key.unix_ns)
    book.update_status("node", pb.StatusResponse(keys=[key, timeless]))
    assert [rate.age_s for rate in book.rates("node")] == pytest.approx([0.75, 0.75])


def test_the_age_of_the_frames_of_an_idle_server_grows(book: RateBook, clock: Clock) -> None:
    key = key_status()
    key.unix_ns = key.detected_unix_ns = DETECTED_NS
    for uptime_s in range(100):
        book.update_status("node", pb.StatusResponse(keys=[key], uptime_seconds=3600 + uptime_s))
        clock.advance(1)
    assert book.rates("node")[0].age_s == pytest.approx(99)
    book.update_status("other", pb.StatusResponse(keys=[key], uptime_seconds=3600))
    assert book.rates("other")[0].age_s == pytest.approx(100)
