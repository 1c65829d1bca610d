from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from support.frames import each_product
from support.runs import RUN_NAME, frames_of, write_run

from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.export import convert_run
from panoseti_daq.export.choices import Codec, TimeRule
from panoseti_daq.export.convert import Conversion
from panoseti_daq.export.recording import JudgedRecording
from panoseti_daq.pff import DataProduct, open_file

pytestmark = pytest.mark.usefixtures("threads_of_zarr")

CHUNK = 64
COLUMN_CHUNK = 65536


def opened(store: Path) -> xr.Dataset:
    """A store as analysts open it."""
    with xr.open_zarr(store, consolidated=False) as dataset:
        loaded: xr.Dataset = dataset.load()
    return loaded


def assert_holds(store: Path, paths: list[Path], n_frames: int | None = None) -> None:
    """Check that a store holds the first frames of these files, all if None."""
    dataset, blocks = opened(store), [open_file(path) for path in paths]
    n_frames = sum(map(len, blocks)) if n_frames is None else n_frames
    assert dict(dataset.sizes)["time"] == n_frames == dataset.attrs["total_frames"]
    product = blocks[0].product
    first = "pkt_num" if product.one_quabo else "quabo_0_pkt_num"
    for name, expected in (
        ("images", [block.images for block in blocks]),
        ("unix_t_ns", [block.times[0] for block in blocks]),
        ("time_status", [block.times[1] for block in blocks]),
        ("quality", [block.quality for block in blocks]),
        (first, [block.columns["pkt_num"][:, 0] for block in blocks]),
    ):
        np.testing.assert_array_equal(dataset[name].values, np.concatenate(expected)[:n_frames], err_msg=name)


@each_product
@pytest.mark.parametrize("codec", Codec)
def test_a_store_holds_every_frame_of_all_files_of_a_run(
    tmp_path: Path, product: DataProduct, codec: Codec
) -> None:
    run = tmp_path / RUN_NAME
    paths = write_run(run, product, frames_of(product, 500, n_flawed=20), n_files=3, torn=100)
    (store,) = convert_run(run, tmp_path / "out", codec=codec, chunk=CHUNK)
    assert store.name == f"{RUN_NAME}.dp_{product.token}.bpp_{product.bytes_per_pixel}.module_1.zarr"
    assert_holds(store, paths)
    assert not [path for path in store.rglob("*") if path.is_symlink() or path.suffix == ".new"]


def test_columns_longer_than_a_chunk_are_whole(tmp_path: Path) -> None:
    run = tmp_path / RUN_NAME
    frames = frames_of(DataProduct.PH256, 1000)
    paths = write_run(run, DataProduct.PH256, frames * 70, n_files=2)
    (store,) = convert_run(run, tmp_path / "out")
    assert_holds(store, paths)
    assert (store / "unix_t_ns" / "c" / "1").exists()


class StoppedError(Exception):
    """Ends a conversion."""


@pytest.mark.parametrize("n_files", [1, 2])
def test_a_conversion_that_was_stopped_ends_at_a_chunk_border_and_is_resumed(tmp_path: Path, n_files: int) -> None:
    run, out = tmp_path / RUN_NAME, tmp_path / "out"
    paths = write_run(run, DataProduct.PH256, frames_of(DataProduct.PH256, 700) * 100, n_files=n_files)

    def stop(name: str, n_done: int, n_frames: int) -> None:
        if n_done:
            raise StoppedError

    with pytest.raises(StoppedError):
        convert_run(run, out, progress=stop)
    (store,) = out.glob("*.zarr")
    assert_holds(store, paths, COLUMN_CHUNK)
    assert COLUMN_CHUNK % 16384 == 0
    first_chunk = (store / "images" / "c" / "0" / "0" / "0").stat().st_mtime_ns
    assert convert_run(run, out) == [store]
    assert_holds(store, paths)
    assert (store / "images" / "c" / "0" / "0" / "0").stat().st_mtime_ns == first_chunk


def test_a_store_that_is_complete_stays_and_one_whose_run_has_grown_gets_the_rest(tmp_path: Path) -> None:
    run, out = tmp_path / RUN_NAME, tmp_path / "out"
    frames = frames_of(DataProduct.IMG16, 300)
    write_run(run, DataProduct.IMG16, frames[:100])
    (store,) = convert_run(run, out, chunk=CHUNK)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}
    convert_run(run, out, chunk=CHUNK)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()} == before
    paths = write_run(run, DataProduct.IMG16, frames)
    convert_run(run, out, chunk=CHUNK)
    assert_holds(store, paths)


def test_a_store_can_be_opened_after_every_commit(tmp_path: Path) -> None:
    run = tmp_path / RUN_NAME
    paths = write_run(run, DataProduct.IMG8, frames_of(DataProduct.IMG8, 10 * CHUNK + 7))
    recording = JudgedRecording.of(paths)
    with ThreadPoolExecutor(1) as pool:
        for n_frames in (0, CHUNK, 4 * CHUNK, 10 * CHUNK, 10 * CHUNK + 7):
            # each time by a process that knows nothing of the one before
            conversion = Conversion(recording, tmp_path / "out", Codec.BLOSC, TimeRule.HOST, CHUNK)
            conversion.advance(recording, n_frames, pool)
            assert_holds(conversion.store.path, paths, n_frames)
        conversion.store.seal()
    assert_holds(conversion.store.path, paths)


def test_a_frame_whose_header_does_not_parse_has_no_time_and_no_good_quality(tmp_path: Path) -> None:
    run = tmp_path / RUN_NAME
    frames = frames_of(DataProduct.IMG16, 100)
    frames[40] = frames[40].replace(b'"pkt_tai":', b'"pkt_tai"?', 1)
    write_run(run, DataProduct.IMG16, frames)
    (store,) = convert_run(run, tmp_path / "out")
    dataset = opened(store)
    assert (dataset.unix_t_ns.values == 0).nonzero()[0].tolist() == [40]
    assert dataset.time_status.values[40] == 2
    assert (dataset.quality.values != 0).nonzero()[0].tolist()[0] == 40


def test_files_without_a_whole_frame_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = tmp_path / RUN_NAME
    paths = write_run(run, DataProduct.IMG16, frames_of(DataProduct.IMG16, 100), n_files=2)
    paths[1].write_bytes(paths[1].read_bytes()[:1000])
    (store,) = convert_run(run, tmp_path / "out")
    assert_holds(store, paths[:1])
    assert "left out" in caplog.text


def test_an_error_names_what_differs_from_the_store_that_is_there(tmp_path: Path) -> None:
    run, out = tmp_path / RUN_NAME, tmp_path / "out"
    frames = frames_of(DataProduct.IMG16, 100)
    write_run(run, DataProduct.IMG16, frames)
    convert_run(run, out)
    for options, word in (({"codec": Codec.ZSTD}, "codecs"), ({"chunk": 9}, "chunk_grid")):
        with pytest.raises(ConfigError, match=f"another {word}"):
            convert_run(run, out, **options)
    with pytest.raises(ConfigError, match="attributes of unix_t_ns"):
        convert_run(run, out, time=TimeRule.PYPFF)
    write_run(run, DataProduct.IMG16, frames[:50])
    with pytest.raises(ConfigError, match="holds 100 frames, and the run only 50"):
        convert_run(run, out)


def test_a_directory_is_for_one_run(tmp_path: Path) -> None:
    frames = frames_of(DataProduct.IMG8, 10)
    for name in ("obs_A.pffd", "obs_B.pffd"):
        write_run(tmp_path / "data" / "module_1" / name, DataProduct.IMG8, frames)
    convert_run(tmp_path / "data" / "module_1" / "obs_A.pffd", tmp_path / "out")
    with pytest.raises(ConfigError, match="holds the run obs_A.pffd"):
        convert_run(tmp_path / "data" / "module_1" / "obs_B.pffd", tmp_path / "out")
    with pytest.raises(ConfigError, match="holds 2 runs: obs_A.pffd, obs_B.pffd"):
        convert_run(tmp_path / "data", tmp_path / "other")
    with pytest.raises(PffError, match="no PFF file"):
        convert_run(tmp_path / "out", tmp_path / "other")


def test_a_directory_that_is_no_store_is_left_alone(tmp_path: Path) -> None:
    run, out = tmp_path / RUN_NAME, tmp_path / "out"
    write_run(run, DataProduct.IMG8, frames_of(DataProduct.IMG8, 10))
    (store,) = convert_run(run, out)
    (store / "quality" / "zarr.json").write_text("{")
    with pytest.raises(PffError, match="no whole Zarr store"):
        convert_run(run, out)


def test_what_stands_beside_the_images_is_bundled_and_listed(tmp_path: Path) -> None:
    run = tmp_path / RUN_NAME
    write_run(run, DataProduct.IMG16, frames_of(DataProduct.IMG16, 10))
    (run / "obs_config.json").write_text('{"name": "Lick"}')
    (run / "broken.json").write_text("{")
    (run / "site.toml").write_text("altitude_m = 1283")
    (run / "hk.pff").write_bytes(b"housekeeping")
    (run / "log.txt").write_text("started")
    (run / "recording_ended").write_text("")
    (store,) = convert_run(run, tmp_path / "out")
    bundle = tmp_path / "out" / f"{RUN_NAME}.panoseti-meta"
    assert json.loads((bundle / "manifest.json").read_bytes())["zarr_stores"] == [store.name]
    copied = {str(path.relative_to(bundle)) for path in bundle.rglob("*") if path.is_file()}
    assert copied == {
        "manifest.json", "configs/obs_config.json", "configs/broken.json", "configs/site.toml", "hk.pff",
        "logs/log.txt", "sentinels/recording_ended",
    }  # fmt: skip
    assert opened(store).attrs["run_configs"] == {"obs_config": {"name": "Lick"}, "site": {"altitude_m": 1283}}


def test_housekeeping_of_a_recording_is_bundled_though_it_stands_above_the_run(tmp_path: Path) -> None:
    run = tmp_path / "recording" / "module_1" / RUN_NAME
    write_run(run, DataProduct.IMG16, frames_of(DataProduct.IMG16, 10))
    (tmp_path / "recording" / "hk.pff").write_bytes(b"{}")
    convert_run(run, tmp_path / "out")
    assert (tmp_path / "out" / f"{RUN_NAME}.panoseti-meta" / "hk.pff").read_bytes() == b"{}"
