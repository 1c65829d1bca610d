"""Views: encoded once for all who look, with the newest frames and their ages."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from support.received import Clock as FakeTime
from support.received import frame_of

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.modules import Module
from panoseti_daq.web.live import LiveWall, ModuleNote
from panoseti_daq.web.pictures import module_png, wall_png
from panoseti_daq.web.views import ViewChoice, WallView
from panoseti_daq.wire.wall import decode_wall

SHAPES = {0: (32, 32), 1: (32, 32)}


class Stage:
    """A live wall with a clock that a test moves."""

    def __init__(self) -> None:
        self.time = FakeTime()
        self.live = LiveWall(Clock(self.time.monotonic, self.time.wall_ns))

    def view(self, **asked: Any) -> WallView:
        return WallView(self.live, ViewChoice.read({"op": "view", **asked}, ()), self.time.monotonic)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_wall_is_made_once_and_again_for_new_frames(stage: Stage) -> None:
    view = stage.view()
    stage.live.add(frame_of(1, frame_number=1))
    view.tick()
    first = view.wall()
    assert view.wall() is first
    view.tick()
    assert view.sequence == 1
    stage.live.add(frame_of(2, frame_number=2))
    view.tick()
    head, (tile,) = decode_wall(view.wall(), SHAPES)
    assert (head.sequence, tile.frame_number, int(tile.image[0, 0])) == (2, 2, 2)


def test_frames_of_others_make_no_wall_and_a_lost_host_is_told(stage: Stage) -> None:
    view, woken = stage.view(modules=[8]), []
    view.listeners[lambda: woken.append(view.sequence)] = None
    stage.live.add(frame_of(1, module_id=8))
    view.tick()
    stage.live.add(frame_of(1, module_id=7))
    view.tick()
    stage.live.host_changes += 1
    view.tick()
    view.tick()
    assert woken == [1, 1]
    assert view.sequence == 1


def test_who_takes_a_wall_late_gets_ages_of_now(stage: Stage) -> None:
    view = stage.view(hz=10)
    stage.live.add(frame_of(1, detected_ns=0))
    view.tick()
    _, (tile,) = decode_wall(view.wall(), SHAPES)
    stage.time.advance(3)
    _, (later,) = decode_wall(view.wall(), SHAPES)
    assert later.age_ms == pytest.approx(tile.age_ms + 3000, abs=2)


def test_a_view_has_what_was_asked_for(stage: Stage) -> None:
    view = stage.view(modules=[8], kinds=["movie"])
    stage.live.add(frame_of(1, module_id=7))
    stage.live.add(frame_of(1, module_id=8))
    stage.live.add(frame_of(1, DataProduct.PH1024, module_id=8))
    view.tick()
    assert [source.module_id for source in view.sources] == [8]
    assert view.sources[0].key.product is DataProduct.IMG16


def test_a_link_limits_the_modules() -> None:
    assert ViewChoice.read({}, {3}).selection.module_ids == {3}
    assert ViewChoice.read({"modules": [3, 4]}, {3, 5}).selection.module_ids == {3}
    with pytest.raises(ConfigError, match="within this link"):
        ViewChoice.read({"modules": [4]}, {3})


@pytest.mark.parametrize(
    "asked",
    [
        {"modules": "1"},
        {"modules": [1000]},
        {"modules": [True]},
        {"kinds": []},
        {"kinds": [{}]},
        {"kinds": 3},
        {"depth": 12},
        {"depth": []},
        {"hz": 0},
        {"hz": float("nan")},
        {"hz": "fast"},
        {"hz": True},
    ],
)
def test_what_cannot_be_asked_for_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="invalid"):
        ViewChoice.read(asked, ())


@pytest.mark.parametrize(("asked", "got"), [(0.01, 0.2), (1, 1), (3, 2), (10, 10), (1e5, 20)])
def test_rates_come_in_classes_so_that_pages_share_walls(asked: float, got: float) -> None:
    assert ViewChoice.read({"hz": asked}, ()).rate_hz == got


def test_hosts_and_keys_are_described(stage: Stage) -> None:
    stage.live.add(frame_of(1, unix_s=0))
    status: Any = stage.live.status()
    assert status["keys"][0]["age_s"] is None
    assert status["keys"][0]["product"] == "img16"
    assert stage.live.status([9])["keys"] == []


def test_pictures_change_their_tag_when_an_image_comes_or_grows_old(stage: Stage) -> None:
    assert wall_png(stage.live).draw is None
    stage.live.add(frame_of(1, detected_ns=0))
    fresh = wall_png(stage.live)
    assert wall_png(stage.live).tag == fresh.tag
    stage.time.advance(31)
    old = wall_png(stage.live)
    assert old.tag != fresh.tag
    assert old.age_s is not None
    assert old.age_s > 30
    assert fresh.draw is not None
    assert old.draw is not None
    assert fresh.draw().startswith(b"\x89PNG")
    assert module_png(stage.live, 7, "img16").draw is not None
    assert module_png(stage.live, 7, "img8").draw is None


def test_modules_of_one_number_on_two_hosts_have_a_tile_each(stage: Stage) -> None:
    view = stage.view()
    for host, value in (("daq1", 1), ("daq2", 2)):
        stage.live.add(frame_of(value, host=host))
    view.tick()
    _, tiles = decode_wall(view.wall(), SHAPES)

    assert [int(tile.image[0, 0]) for tile in tiles] == [1, 2]
    assert [key["host"] for key in json.loads(view.keys_text())["keys"]] == ["daq1", "daq2"]
    stage.live.set_beside({}, {Module("daq2", 7): ModuleNote("cold")})
    assert json.loads(view.beside_text())["modules"].keys() == {"7 daq2"}
    for picture in (module_png(stage.live, 7, "img16"), wall_png(stage.live)):
        assert picture.draw is not None
        assert int.from_bytes(picture.draw()[16:20]) == 2 * 128 + 4  # width of the PNG


def test_a_view_ticks_at_its_rate() -> None:
    async def run() -> int:
        live = LiveWall()
        view = WallView(live, ViewChoice.read({"hz": 20}, ()))
        ticked = asyncio.Event()
        view.listeners[ticked.set] = None
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(view.run())
            live.add(frame_of(1))
            await ticked.wait()
            task.cancel()
        return view.sequence

    assert asyncio.run(run()) == 1
