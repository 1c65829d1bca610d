from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Kind, PffName, RunName
from panoseti_daq.pff.names import format_start, module_dir_id, parse_start

STARTS = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)).map(
    lambda start: start.replace(microsecond=0)
)
NAMES = st.builds(
    PffName, st.sampled_from(DataProduct), st.integers(0, 255), st.integers(0, 10**6), st.none() | STARTS
)
# A token nobody knows: with or without a value, but no key of ours.
UNKNOWN = st.from_regex(r"[a-c]{3,5}(_[A-Za-z0-9-]{0,8})?", fullmatch=True)
ISO = "2024-07-25T04:34:46Z"
START = datetime(2024, 7, 25, 4, 34, 46, tzinfo=UTC)


@given(NAMES)
def test_file_name_survives_format_and_parse(name: PffName) -> None:
    assert PffName.parse(name.format()) == name


@given(NAMES, st.lists(UNKNOWN, max_size=3), st.randoms(use_true_random=False), st.sampled_from(":_-"))
def test_file_tokens_come_in_any_order_among_unknown_ones(
    name: PffName, unknown: list[str], random: Random, separator: str
) -> None:
    tokens = name.format().removesuffix(".pff").replace(":", separator).split(".") + unknown
    random.shuffle(tokens)
    assert PffName.parse(".".join(tokens) + ".pff") == name


@pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)
def test_file_name_is_written_as_hashpipe_writes_it(product: DataProduct) -> None:
    bpp = {"img8": 1}.get(product.token, 2)
    expected = f"start_{ISO}.dp_{product.token}.bpp_{bpp}.module_254.seqno_3.pff"
    assert PffName(product, 254, 3, START).format() == expected


@pytest.mark.parametrize("separators", list(itertools.product(":_-", repeat=2)), ids="".join)
@pytest.mark.parametrize("zone", ["Z", ""])
def test_start_is_read_with_any_separator(separators: tuple[str, str], zone: str) -> None:
    first, second = separators
    assert parse_start(f"2024-07-25T04{first}34{second}46{zone}") == START


@pytest.mark.parametrize("text", ["", "yesterday", "2024-07-25", "2024-13-25T04:34:46Z", "2024-07-25T04:61:46Z"])
def test_start_that_is_no_time_is_none(text: str) -> None:
    assert parse_start(text) is None


def test_start_is_written_in_utc() -> None:
    assert format_start(START.astimezone(timezone(timedelta(hours=-7)))) == ISO


def test_truncated_debug_file_is_read_like_any_other() -> None:
    name = PffName.parse(f"start_{ISO}.dp_img16.bpp_2.module_1.seqno_0.debug_TRUNCATED.pff")
    assert name == PffName(DataProduct.IMG16, 1, 0, START)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("dp_img16.module_1.pff.tmp", "does not end in .pff"),
        ("module_1.img16.seqno_0.pff", "no dp_... token"),  # a snapshot
        ("dp_img16.bpp_2.seqno_0.pff", "no module_... token"),
        ("dp_img32.bpp_2.module_1.seqno_0.pff", "there are: img8, img16, ph256, ph1024"),
        ("dp_img16.bpp_2.module_256.seqno_0.pff", "module_256 is not within 0-255"),
        ("dp_img16.bpp_2.module_-1.seqno_0.pff", "module_-1 is not within 0-255"),
        ("dp_img16.bpp_2.module_one.seqno_0.pff", "one"),
        ("dp_img16.bpp_2.module_1.seqno_x.pff", "x"),
        ("dp_img16.bpp_1.module_1.seqno_0.pff", "bpp_1, but"),
        ("dp_img8.bpp_2.module_1.seqno_0.pff", "bpp_2, but"),
    ],
)
def test_wrong_file_name_is_refused_with_name_and_reason(name: str, reason: str) -> None:
    with pytest.raises(PffError) as caught:
        PffName.parse(name)
    assert name in str(caught.value)
    assert reason in str(caught.value)


@given(
    st.builds(
        RunName,
        st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True),
        st.none() | STARTS,
        st.from_regex(r"[a-z-]{0,12}", fullmatch=True),
    ),
    st.sampled_from(":_-"),
)
def test_run_name_survives_format_and_parse(name: RunName, separator: str) -> None:
    assert RunName.parse(name.format().replace(":", separator)) == name


def test_run_name_is_written_as_the_control_software_makes_it() -> None:
    run = RunName("Lick", START, "sci-data")
    assert run.format() == f"obs_Lick.start_{ISO}.runtype_sci-data.pffd"


@pytest.mark.parametrize("name", ["", "logs", "module_1", "start_2024-07-25T04:34:46Z.pffd", "obs_.pffd"])
def test_directory_without_observatory_is_no_run(name: str) -> None:
    with pytest.raises(PffError, match="no obs_"):
        RunName.parse(name)


@pytest.mark.parametrize(
    ("name", "module_id"),
    [("module_0", 0), ("module_255", 255), ("module_256", None), ("module_", None), ("xmodule_1", None)],
)
def test_module_directory_tells_its_module(name: str, module_id: int | None) -> None:
    assert module_dir_id(name) == module_id


@pytest.mark.parametrize(
    ("token", "kind", "shape", "dtype"),
    [
        ("img8", Kind.MOVIE, (32, 32), "uint8"),
        ("img16", Kind.MOVIE, (32, 32), "uint16"),
        ("ph256", Kind.PULSE_HEIGHT, (16, 16), "int16"),
        ("ph1024", Kind.PULSE_HEIGHT, (32, 32), "int16"),
    ],
)
def test_product_has_the_form_of_the_specification(
    token: str, kind: Kind, shape: tuple[int, int], dtype: str
) -> None:
    product = DataProduct.from_token(token)
    assert (product.kind, product.shape, product.dtype.name) == (kind, shape, dtype)
