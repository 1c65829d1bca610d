"""Names of a site on NATS."""

import pytest

from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.pff import DataProduct, Key, Kind, Selection
from panoseti_daq.wire.subjects import Site, key_of_name, name_of_key

SITE = Site("lick")


def test_each_key_has_a_subject_of_its_own() -> None:
    assert SITE.image(Key(3, DataProduct.IMG16, None)) == "pano.v1.lick.img.3.img16"
    assert SITE.image(Key(3, DataProduct.PH256, 2)) == "pano.v1.lick.img.3.ph256.q2"


@pytest.mark.parametrize(
    "key", [Key(0, DataProduct.IMG8, None), Key(255, DataProduct.PH1024, None), Key(3, DataProduct.PH256, 2)]
)
def test_a_key_has_a_name_that_gives_it_back(key: Key) -> None:
    assert key_of_name(name_of_key(key)) == key


@pytest.mark.parametrize(
    "name", ["", "1", "1.img", "1.img16.q1", "1.ph256", "256.img16", "1.ph256.q4", "1.img16.", "x.img16"]
)
def test_a_name_of_no_key_is_refused(name: str) -> None:
    with pytest.raises(PffError, match="invalid key"):
        key_of_name(name)


def test_a_stream_tells_its_site() -> None:
    assert Site.of_stream(SITE.latest) == SITE
    assert {Site.of_stream(SITE.frames(kind)) for kind in Kind} == {SITE}
    assert Site.of_stream("KV_panoseti_status") is None


def test_a_selection_asks_for_no_kind_that_it_excludes() -> None:
    selection = Selection(module_ids=frozenset({1, 2}), products=frozenset({DataProduct.PH256}))
    assert list(SITE.frames_in(selection)) == [
        (Kind.PULSE_HEIGHT, "pano.v1.lick.all.1.ph256"),
        (Kind.PULSE_HEIGHT, "pano.v1.lick.all.2.ph256"),
    ]
    assert list(SITE.frames_in(Selection.of(movie=True, pulse_height=False))) == [
        (Kind.MOVIE, "pano.v1.lick.all.*.*")
    ]


@pytest.mark.parametrize("name", ["", "a b", "a.b", "*", ">", "x" * 65])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="invalid site"):
        Site(name)
