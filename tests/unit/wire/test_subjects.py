"""Names of a site on NATS."""

import pytest

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct, Key, Kind, Selection
from panoseti_daq.wire.subjects import Site

SITE = Site("lick")


def test_each_key_has_a_subject_of_its_own() -> None:
    assert SITE.image(Key(3, DataProduct.IMG16, None)) == "pano.v1.lick.img.3.img16"
    assert SITE.image(Key(3, DataProduct.PH256, 2)) == "pano.v1.lick.img.3.ph256.q2"


def test_a_stream_tells_its_site() -> None:
    assert Site.of_stream(SITE.latest) == SITE
    assert Site.of_stream(SITE.frames(Kind.MOVIE)) is None


def test_a_selection_asks_for_no_kind_that_it_excludes() -> None:
    selection = Selection(module_ids=frozenset({1, 2}), products=frozenset({DataProduct.PH256}))
    assert list(SITE.frames_in(selection)) == [
        (Kind.PULSE_HEIGHT, "pano.v1.lick.all.1.*"),
        (Kind.PULSE_HEIGHT, "pano.v1.lick.all.2.*"),
    ]


@pytest.mark.parametrize("name", ["", "a b", "a.b", "*", ">", "x" * 65])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="invalid site"):
        Site(name)
