from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from support.frames import each_product
from support.runs import RUN_NAME, frames_of, write_run

from panoseti_daq.export import convert_headers
from panoseti_daq.pff import DataProduct, TimeStatus, open_file


@each_product
def test_a_table_has_a_row_for_every_frame_with_the_place_of_its_image(
    tmp_path: Path, product: DataProduct
) -> None:
    paths = write_run(tmp_path / RUN_NAME, product, frames_of(product, 300, n_flawed=20), n_files=3)
    (made,) = convert_headers(tmp_path / RUN_NAME, tmp_path / "out")
    table, blocks = pq.read_table(made), [open_file(path) for path in paths]
    assert table.num_rows == 300
    assert table["file"].to_pylist() == [block.file for block in blocks for _ in range(len(block))]
    assert table["frame_number"].to_pylist() == [number for block in blocks for number in range(len(block))]
    first = "pkt_num" if product.one_quabo else "quabo_0_pkt_num"
    np.testing.assert_array_equal(
        table[first], np.concatenate([block.columns["pkt_num"][:, 0] for block in blocks])
    )
    np.testing.assert_array_equal(table["quality"], np.concatenate([block.quality for block in blocks]))
    status = np.array(table["time_status"])
    assert table["unix_t_ns"].null_count == (status == TimeStatus.NO_TIME).sum()
    unix_ns = np.concatenate([block.times[0] for block in blocks])
    assert [time and time.value for time in table["unix_t_ns"].to_pylist()] == [
        ns or None for ns in unix_ns.tolist()
    ]
    assert str(table["unix_t_ns"].type) == "timestamp[ns, tz=UTC]"
