"""The commands that export recorded frames."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from support.pseudo_terminal import in_terminal
from support.rig import RUN, recording, run_command, serving_process
from support.runs import RUN_NAME, frames_of, write_run

from panoseti_daq.export.behind import LEVEL_DIR
from panoseti_daq.installation import how_to_get
from panoseti_daq.pff import DataProduct, open_file

pytestmark = pytest.mark.usefixtures("threads_of_zarr")


def test_a_recording_as_zarr_has_every_frame_in_both_formats(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    with recording(source) as recorder:
        for product in DataProduct:
            recorder.write(product, 30)
        with serving_process("--data-dir", source, "--run-probe", "none") as (_, address):
            where = ("record", out, "--host", address, "--from-start", "--min-free-gb", 0, "--frames", 120)
            result = run_command(*where, "--format", "zarr", timeout_s=50)
    assert result.returncode == 0, result.stderr
    stores = sorted((out / RUN / LEVEL_DIR).glob("*.zarr"))
    assert len(stores) == len(DataProduct)
    for path in out.glob("module_1/*/*.pff"):
        block = open_file(path)
        (store,) = (store for store in stores if f".dp_{block.product.token}." in store.name)
        with xr.open_zarr(store, consolidated=False) as dataset:
            np.testing.assert_array_equal(dataset.images.values, block.images)
            np.testing.assert_array_equal(dataset.unix_t_ns.values, block.times[0])
    manifest = json.loads((out / RUN / LEVEL_DIR / "manifest.json").read_bytes())
    assert [entry["n_frames"] for entry in manifest["stores"]] == [30] * 4
    # There is nothing left to do for whoever converts what was recorded.
    before = {path: path.stat().st_mtime_ns for store in stores for path in store.rglob("*")}
    result = run_command("convert", out / "module_1" / RUN, out / RUN / LEVEL_DIR, timeout_s=50)
    assert result.stdout.split() == [str(store) for store in stores]
    assert {path: path.stat().st_mtime_ns for store in stores for path in store.rglob("*")} == before


def test_convert_prints_what_it_has_made(tmp_path: Path) -> None:
    write_run(tmp_path / RUN_NAME, DataProduct.IMG16, frames_of(DataProduct.IMG16, 50))
    for options, suffix in ((("--codec", "zstd"), "zarr"), (("--headers-only", "--format", "parquet"), "parquet")):
        result = run_command("convert", tmp_path / RUN_NAME, tmp_path / suffix, *options, timeout_s=50)
        assert result.returncode == 0, result.stderr
        (line,) = result.stdout.splitlines()
        assert line == str(tmp_path / suffix / f"{RUN_NAME}.dp_img16.bpp_2.module_1.{suffix}")
        assert Path(line).exists()


def test_convert_shows_a_bar_in_a_terminal_and_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    write_run(tmp_path / RUN_NAME, DataProduct.PH256, frames_of(DataProduct.PH256, 700) * 300)
    arguments = ("convert", tmp_path / RUN_NAME, tmp_path / "out", "--time", "pypff", "--workers", 1)
    with in_terminal(*arguments) as terminal:
        terminal.read_until_text("%")
        terminal.press("\x03")
        terminal.wait()
        assert "Traceback" not in terminal.text
    with in_terminal(*arguments) as terminal:
        terminal.read_until_text("100%")
        assert terminal.wait() == 0
    (store,) = (tmp_path / "out").glob("*.zarr")
    with xr.open_zarr(store, consolidated=False) as dataset:
        assert dataset.sizes["time"] == 210_000
        assert dataset.unix_t_ns.attrs["time_rule"] == "pypff"


def test_convert_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    for arguments, text in (
        ((tmp_path / "none", tmp_path), f"run directory '{tmp_path / 'none'}' does not exist"),
        ((tmp_path, tmp_path), "holds no PFF file"),
        ((tmp_path, tmp_path, "--format", "parquet"), "--headers-only goes with --format parquet"),
    ):
        result = run_command("convert", *arguments, timeout_s=50)
        assert result.returncode != 0
        assert text in result.stderr
        assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("package", "extra", "arguments"),
    [
        ("numcodecs", "zarr", ("convert", "run", "out")),
        ("numcodecs", "zarr", ("record", "out", "--format", "zarr")),
        ("pyarrow", "parquet", ("convert", "run", "out", "--headers-only", "--format", "parquet")),
    ],
)
def test_a_command_without_its_extra_says_which_one_to_install(
    tmp_path: Path, package: str, extra: str, arguments: tuple[str, ...]
) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from panoseti_daq.cli.main import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == (f"panoseti-daq: {package} is not installed: {how_to_get(extra)}\n")


def test_opening_a_run_without_its_extra_says_which_one_to_install() -> None:
    code = "import sys; sys.modules['xarray'] = None; from panoseti_daq.export import open_run"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert how_to_get("xarray") in result.stderr
