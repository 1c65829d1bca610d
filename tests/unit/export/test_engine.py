from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from support.frames import each_product
from support.runs import PERIOD_NS, RUN_NAME, START_S, frames_of, write_run

from panoseti_daq.errors import PffError
from panoseti_daq.export import open_run
from panoseti_daq.export.time_index import LazyTimeIndex
from panoseti_daq.pff import DataProduct, open_file

pytestmark = pytest.mark.usefixtures("threads_of_zarr")

START = np.datetime64(START_S * 1_000_000_000, "ns")
PERIOD = np.timedelta64(PERIOD_NS, "ns")


def is_built(dataset: xr.Dataset) -> bool:
    index = dataset.xindexes["time"]
    assert isinstance(index, LazyTimeIndex)
    return index._built is not None


@each_product
def test_a_file_opens_as_what_our_reader_reads(tmp_path: Path, product: DataProduct) -> None:
    (path,) = write_run(tmp_path / RUN_NAME, product, frames_of(product, 300, n_flawed=20), torn=50)
    dataset, block = xr.open_dataset(path, engine="pff"), open_file(path)
    assert dict(dataset.sizes) == {"time": 300, "y": product.shape[0], "x": product.shape[1]} | (
        {} if product.one_quabo else {"quabo": 4}
    )
    assert dataset.images.dtype == product.dtype
    np.testing.assert_array_equal(dataset.images.values, block.images)
    for name, column in block.columns.items():
        if name != "quabo_num":
            np.testing.assert_array_equal(dataset[name].values, column.reshape(dataset[name].shape), err_msg=name)
    np.testing.assert_array_equal(dataset.quality.values, block.quality)
    np.testing.assert_array_equal(dataset.time_status.values, block.times[1])
    known = block.times[0] != 0
    np.testing.assert_array_equal(dataset.time.values[known], block.times[0][known].astype("M8[ns]"))
    assert np.isnat(dataset.time.values[~known]).all()
    assert dataset.module == 1
    np.testing.assert_array_equal(
        dataset.quabo.values, block.columns["quabo_num"] if product.one_quabo else np.arange(4)
    )
    assert dataset.images.attrs["units"] == "ADC"


def test_the_name_of_a_file_is_enough_to_find_the_engine(tmp_path: Path) -> None:
    (path,) = write_run(tmp_path, DataProduct.IMG8, frames_of(DataProduct.IMG8, 3))
    assert xr.open_dataset(path).sizes["time"] == 3
    with pytest.raises(PffError, match="no whole img8 frame"):
        path.write_bytes(path.read_bytes()[:40])
        xr.open_dataset(path, engine="pff")


def test_no_header_is_read_before_a_time_is_wanted(tmp_path: Path) -> None:
    (path,) = write_run(tmp_path, DataProduct.IMG16, frames_of(DataProduct.IMG16, 100))
    dataset = xr.open_dataset(path, engine="pff")
    assert dataset.isel(time=slice(10, 20)).images.shape == (10, 32, 32)
    assert dataset.images[5].mean() > 0
    assert "LazyTimeIndex" in repr(dataset)
    assert not is_built(dataset)
    assert dataset.sel(time=START + 7 * PERIOD).pkt_num[0] == 7
    assert is_built(dataset)


KEYS = [
    5,
    -1,
    slice(2, 9),
    slice(None, None, -7),
    slice(9, 2),
    slice(3, 8, 2),
    [7, 3, 3, -2],
    np.array([False, True] * 50),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_any_index_gives_what_numpy_gives_over_files_too(tmp_path: Path, key: Any) -> None:
    paths = write_run(tmp_path / RUN_NAME, DataProduct.IMG16, frames_of(DataProduct.IMG16, 100), n_files=3)
    dataset = open_run(tmp_path / RUN_NAME)["module_1/img16"].to_dataset()
    images = np.concatenate([open_file(path).images for path in paths])
    np.testing.assert_array_equal(dataset.images.isel(time=key).values, images[key])
    np.testing.assert_array_equal(dataset.images.isel(time=key, y=3, x=[5, 1]).values, images[key][..., 3, [5, 1]])
    np.testing.assert_array_equal(dataset.pkt_num.isel(time=key, quabo=2).values, (np.arange(100) + 2)[key])


def test_a_run_has_its_products_side_by_side_and_its_files_joined(tmp_path: Path) -> None:
    run_dir = tmp_path / RUN_NAME
    write_run(run_dir, DataProduct.IMG16, frames_of(DataProduct.IMG16, 100), n_files=3)
    write_run(run_dir, DataProduct.PH256, frames_of(DataProduct.PH256, 50))
    write_run(run_dir, DataProduct.PH256, frames_of(DataProduct.PH256, 60), module_id=7)
    run = open_run(run_dir)
    assert run.name == RUN_NAME
    assert {node.path: node.sizes["time"] for node in run.leaves} == {
        "/module_1/img16": 100,
        "/module_1/ph256": 50,
        "/module_7/ph256": 60,
    }
    movie = run["module_1/img16"]
    np.testing.assert_array_equal(movie.time.values, START + np.arange(100) * PERIOD)
    assert len(movie.attrs["source_pff_files"]) == 3


def test_several_files_open_as_one_dataset_whatever_their_order(tmp_path: Path) -> None:
    paths = write_run(tmp_path, DataProduct.IMG16, frames_of(DataProduct.IMG16, 100), n_files=3)
    with xr.open_mfdataset(paths[::-1], engine="pff") as dataset:
        np.testing.assert_array_equal(dataset.pkt_num[:, 0].values, np.arange(100))
        expected = np.concatenate([open_file(path).images for path in paths]).mean(axis=(1, 2))
        np.testing.assert_array_equal(dataset.images.mean(["y", "x"]).values, expected)


def test_times_select_resample_and_group_as_those_of_any_dataset(tmp_path: Path) -> None:
    write_run(tmp_path / RUN_NAME, DataProduct.IMG16, frames_of(DataProduct.IMG16, 2500), n_files=2)
    movie = open_run(tmp_path / RUN_NAME)["module_1/img16"].to_dataset()
    light = movie.images.mean(["y", "x"])
    assert light.sel(time=slice(START + 10 * PERIOD, START + 19 * PERIOD)).sizes["time"] == 10
    assert light.sel(time=START + PERIOD // 3, method="nearest") == light[0]
    assert light.resample(time="1s").mean().sizes["time"] == 3
    assert (light - light.rolling(time=5, min_periods=1).mean()).sizes["time"] == 2500
    first, second = light[:1500], light[1000:]
    assert (first - second).sizes["time"] == 500
    again = xr.concat([first[:1000], second], "time")
    np.testing.assert_array_equal(again.values, light.values)
    np.testing.assert_array_equal(again.time.values, movie.time.values)


def test_a_dataset_can_be_sent_to_another_process(tmp_path: Path) -> None:
    (path,) = write_run(tmp_path, DataProduct.PH256, frames_of(DataProduct.PH256, 20))
    dataset = xr.open_dataset(path, engine="pff", drop_variables="quality")
    again = pickle.loads(pickle.dumps(dataset))
    assert "quality" not in again
    np.testing.assert_array_equal(again.images.values, dataset.images.values)
    np.testing.assert_array_equal(again.time.values, dataset.time.values)
