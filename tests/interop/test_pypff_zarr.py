"""Zarr stores of `convert`, equal to those of pypff, the published converter: arrays, and bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from support.runs import RUN_NAME, frames_of, write_run

from panoseti_daq.export import convert_run
from panoseti_daq.export.choices import Codec, TimeRule
from panoseti_daq.pff import DataProduct, TimeStatus

pytest.importorskip("pypff", reason="needs pypff: run `nox -s interop`, which installs it")
pypff_io = pytest.importorskip("pypff.io2")
pypff_zarr = pytest.importorskip("pypff.zarr")

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("threads_of_zarr")]

OURS_ALONE = {"time_status", "quality"}
each_product = pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)


def converted(run: Path, out: Path, chunk: int | None = None, **options: Any) -> list[tuple[Path, Path]]:
    """Stores of a run as pypff makes them, and ours of the same names."""
    theirs = pypff_zarr.convert_run(pypff_io.PanosetiRun(run), out / "theirs", time_chunk=chunk)
    ours = convert_run(run, out / "ours", chunk=chunk, **options)
    assert sorted(path.name for path in ours) == sorted(path.name for path in theirs)
    return [(path, out / "ours" / path.name) for path in theirs]


def assert_equal_arrays(theirs: Path, ours: Path, *, where_clocks_agree: bool = False) -> None:
    expected, found = (xr.open_zarr(path, consolidated=False) for path in (theirs, ours))
    assert set(found.variables) - set(expected.variables) == OURS_ALONE
    assert set(expected.variables) <= set(found.variables)
    agree = found.time_status.values == TimeStatus.WHITE_RABBIT
    for name, array in expected.variables.items():
        assert found[name].dtype == array.dtype
        assert found[name].dims == array.dims
        rows = agree if where_clocks_agree and name == "unix_t_ns" else slice(None)
        np.testing.assert_array_equal(found[name].values[rows], array.values[rows], err_msg=str(name))
    for name, value in expected.attrs.items():
        assert name == "run_configs" or found.attrs[name] == value


@each_product
@pytest.mark.parametrize(("n_files", "torn"), [(1, 0), (3, 300)], ids=["one file", "rotated and truncated"])
def test_every_array_of_every_product_is_equal(
    tmp_path: Path, product: DataProduct, n_files: int, torn: int
) -> None:
    run = tmp_path / RUN_NAME
    write_run(run, product, frames_of(product, 1100, n_flawed=40), n_files=n_files, torn=torn)
    ((theirs, ours),) = converted(run, tmp_path, 250, time=TimeRule.PYPFF)
    assert_equal_arrays(theirs, ours)
    assert xr.open_zarr(ours, consolidated=False).sizes["time"] == 1100


@each_product
def test_the_chunks_are_those_of_pypff(tmp_path: Path, product: DataProduct) -> None:
    run = tmp_path / RUN_NAME
    write_run(run, product, frames_of(product, 20))
    ((theirs, ours),) = converted(run, tmp_path)
    for path in theirs.glob("*/zarr.json"):
        expected, found = (
            json.loads((store / path.parent.name / path.name).read_bytes()) for store in (theirs, ours)
        )
        assert found["chunk_grid"] == expected["chunk_grid"]


def test_with_its_codec_and_its_time_rule_every_file_has_the_bytes_of_its_own(tmp_path: Path) -> None:
    run = tmp_path / RUN_NAME
    for product in DataProduct:
        write_run(run, product, frames_of(product, 600, n_flawed=20), n_files=2)
    n_compared = 0
    for theirs, ours in converted(run, tmp_path, 256, time=TimeRule.PYPFF, codec=Codec.ZSTD):
        for path in theirs.rglob("*"):
            same = ours / path.relative_to(theirs)
            if path.is_file() and path.name != "zarr.json":
                assert same.read_bytes() == path.read_bytes()
                n_compared += 1
            elif path.is_file() and path.parent != theirs:
                expected, found = json.loads(path.read_bytes()), json.loads(same.read_bytes())
                found["attributes"].pop("time_rule", None)
                assert found == expected
        names = {path.relative_to(store).parts[0] for store in (theirs, ours) for path in store.iterdir()}
        assert {path.name for path in ours.iterdir()} == names
    assert n_compared > 80


def test_the_real_night_is_equal(tmp_path: Path, lick_run: Path) -> None:
    pairs = converted(lick_run, tmp_path)
    assert len(pairs) == 3
    for theirs, ours in pairs:
        assert_equal_arrays(theirs, ours)


@each_product
def test_our_times_are_those_of_pypff_where_the_clocks_agree_and_the_host_clock_where_they_do_not(
    tmp_path: Path, product: DataProduct
) -> None:
    run = tmp_path / RUN_NAME
    write_run(run, product, frames_of(product, 400))
    write_run(run, product, frames_of(product, 400, n_flawed=40), module_id=2)
    for theirs, ours in converted(run, tmp_path):
        if ".module_1." in ours.name:
            assert_equal_arrays(theirs, ours)
            continue
        dataset = xr.open_zarr(ours, consolidated=False).load()
        host = dataset.time_status.values == TimeStatus.HOST_CLOCK
        assert 0 < host.sum() < 40
        prefix = "" if product.one_quabo else "quabo_0_"
        clock_ns = dataset[f"{prefix}tv_sec"] * 1_000_000_000 + dataset[f"{prefix}tv_usec"] * 1000
        np.testing.assert_array_equal(dataset.unix_t_ns.values[host], clock_ns.values[host])


def test_its_reader_of_stores_and_of_their_configurations_opens_ours(tmp_path: Path, lick_run: Path) -> None:
    convert_run(lick_run, tmp_path)
    run = pypff_zarr.PanosetiZarrRun(tmp_path)
    assert len(run.list_products()) == 3
    store = run.get_product("dp_img16.bpp_2.module_1")
    assert len(store) == 4128
    assert store.timestamps()[0] == 1_721_882_092_691_007_488
    assert set(run.configs) == {path.stem for path in lick_run.glob("*.json")}
    assert set(store.run_configs) == set(run.configs)
    assert [path.name for path in run.list_sidecars()].count("recording_ended") == 1
