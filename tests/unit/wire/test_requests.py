"""Requests survive the wire, and what is invalid in one is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import Begin, DataProduct, Kind, Position, Selection
from panoseti_daq.wire.frames import frames_request, selected_frames
from panoseti_daq.wire.init import hp_io_of_request, init_request
from panoseti_daq.wire.requests import images_request, selected_images

RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
FILE = "start_2026-01-01T00:00:00Z.dp_img16.bpp_2.module_1.seqno_0.pff"


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    kinds = draw(st.sets(st.sampled_from(Kind), min_size=1))
    return Selection(
        kinds,
        draw(st.sets(st.integers(0, 255), max_size=4)),
        draw(st.sets(st.sampled_from([product for product in DataProduct if product.kind in kinds]))),
        draw(st.sets(st.integers(0, 3))),
        draw(st.floats(0, 1e6)),
    )


@given(selections(), st.sampled_from([pb.RAW, pb.STRUCT]))
def test_a_selection_of_the_newest_frames_survives_the_wire(selection: Selection, encoding: pb.Encoding) -> None:
    data = images_request(selection, encoding).SerializeToString()
    request = pb.StreamImagesRequest.FromString(data)
    assert selected_images(request) == selection
    assert request.encoding == encoding


@given(selections(), st.none() | st.integers(0, 2**63), st.booleans(), st.booleans(), st.integers(0, 9))
def test_a_selection_of_all_frames_survives_the_wire(
    selection: Selection, since_unix_ns: int | None, resumes: bool, of_any_run: bool, n: int
) -> None:
    of_any_run &= since_unix_ns is not None
    positions = (Position(1, DataProduct.IMG16, RUN, FILE, 7),) * resumes
    begin = Begin(since_unix_ns, positions, of_any_run, n_before=n, n_most=n)
    data = frames_request(selection, begin).SerializeToString()
    found, begins = selected_frames(pb.StreamFramesRequest.FromString(data))
    assert (found, begins) == (replace(selection, update_interval_s=0.0), begin)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"stream_movie_data": False},
            "invalid stream_movie_data and stream_pulse_height_data: both false; at least one must be true",
        ),
        ({"module_ids": [256]}, "invalid module_ids: 256; allowed: 0 to 255"),
        ({"products": [9]}, "invalid products: 9; allowed: 1 (img8), 2 (img16), 3 (ph256), 4 (ph1024)"),
        ({"products": [pb.PH256]}, "invalid products: ph256; allowed for these kinds: img8, img16"),
        ({"quabos": [4]}, "invalid quabos: 4; allowed: 0 to 3"),
    ],
)
def test_an_invalid_field_is_told_with_its_value_and_what_is_allowed(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError) as invalid:
        selected_images(pb.StreamImagesRequest(**{"stream_movie_data": True, **fields}))  # type: ignore[arg-type]
    assert str(invalid.value) == text


@pytest.mark.parametrize("fields", [{"run": "../x"}, {"run": RUN, "file": "a/b"}, {"product": "img32"}])
def test_a_place_to_resume_at_that_is_none_is_invalid(fields: dict[str, str]) -> None:
    position = pb.Position(**{"module_id": 1, "product": "img16", **fields})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^invalid resume: "):
        selected_frames(pb.StreamFramesRequest(movie=True, resume=[position]))


@pytest.mark.parametrize("config", [HpIoConfig("/d", 0.5, (1, 3), force=True), HpIoConfig(simulate=True)])
def test_what_to_follow_survives_the_wire(config: HpIoConfig) -> None:
    found = hp_io_of_request(pb.InitHpIoRequest.FromString(init_request(config, "").SerializeToString()))
    assert (found, found.force) == (config, config.force)
