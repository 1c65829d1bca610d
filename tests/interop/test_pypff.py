"""Recordings of `panoseti-daq record`, read by pypff, the published reader, as our own reader reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.rig import recording, run_command, serving_process

from panoseti_daq.pff import DataProduct, FrameBlock, open_file
from panoseti_daq.pff.header import QUABO_FIELDS

pypff = pytest.importorskip("pypff", reason="needs pypff: run `nox -s interop`, which installs it")

pytestmark = pytest.mark.timeout(60)

N_FRAMES = 1100  # tv_sec changes, and numbers grow by a digit
each_product = pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)
Columns = dict[str, npt.NDArray[np.int64]]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[DataProduct, Path]:
    """Files that the record command wrote, of all products."""
    scratch = tmp_path_factory.mktemp("recorded")
    source, out = scratch / "source", scratch / "out"
    n_frames = N_FRAMES * len(DataProduct)
    with recording(source) as recorder:
        for product in DataProduct:
            recorder.write(product, N_FRAMES)
        with serving_process("--data-dir", source, "--run-probe", "none") as (_, address):
            arguments = (
                "record",
                out,
                "--host",
                address,
                "--from-start",
                "--count",
                n_frames,
                "--min-free-gb",
                0,
            )
            result = run_command(*arguments, timeout_s=50)
    assert result.returncode == 0, result.stderr
    return {product: next(out.rglob(f"*.dp_{product.token}.*.pff")) for product in DataProduct}


def columns_by_name(block: FrameBlock) -> Columns:
    """Our header fields, under the names that pypff has."""
    if block.product.one_quabo:
        return {name: column.reshape(len(block)) for name, column in block.columns.items()}
    return {f"quabo_{i}.{name}": block.columns[name][:, i] for i in range(4) for name in QUABO_FIELDS}


def assert_equal_columns(theirs: Columns, block: FrameBlock) -> None:
    ours = columns_by_name(block)
    assert theirs.keys() == ours.keys()
    for name, column in ours.items():
        np.testing.assert_array_equal(theirs[name], column, err_msg=name)


def flat(fields: dict[str, Columns] | Columns) -> Columns:
    """Columns by quabo and name as columns by "quabo_0.name"."""
    found: Columns = {}
    for name, value in fields.items():
        found |= (
            {f"{name}.{sub}": column for sub, column in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return found


@each_product
def test_its_reader_of_files_gives_the_same_images_and_header_fields(
    recorded: dict[DataProduct, Path], product: DataProduct
) -> None:
    block = open_file(recorded[product])
    assert len(block) == N_FRAMES
    images, fields = pypff.datapff(str(recorded[product])).readpff(metadata=True)
    assert images.dtype == block.images.dtype
    np.testing.assert_array_equal(images.reshape(block.images.shape), block.images)
    assert_equal_columns(flat(fields), block)


@each_product
def test_its_reader_of_runs_gives_the_same_images_header_fields_and_times(
    recorded: dict[DataProduct, Path], product: DataProduct
) -> None:
    block = open_file(recorded[product])
    run = pypff.PanosetiRun(recorded[product].parent)
    assert len(run.list_products()) == len(DataProduct)
    (name,) = (name for name in run.list_products() if f"dp_{product.token}." in name)
    with run.get_product(name) as sequence:
        images = sequence.read_images_range()
        assert images.dtype == block.images.dtype
        np.testing.assert_array_equal(images, block.images)
        assert_equal_columns(flat(sequence.get_all_metadata()), block)
        np.testing.assert_array_equal(sequence.timestamps(), block.times[0])
