from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.frames import wider

from panoseti_daq.errors import HeaderError, PffError
from panoseti_daq.pff import DataProduct, Header, Layout, PffName, encode_frame, open_file, step
from panoseti_daq.pff.archive import run_files
from panoseti_daq.pff.step import n_in_step

each_product = pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)


def frame_of(product: DataProduct, i: int) -> bytes:
    n = 1 if product.one_quabo else 4
    clocks = ((529,) * n, (779007488,) * n, (1721882092,) * n, (778654,) * n)
    header = Header((i,) * n, *clocks, quabo_num=0 if product.one_quabo else None)
    return encode_frame(header, np.full(product.shape, i), product)


def write(folder: Path, name: PffName, data: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name.format()
    path.write_bytes(data)
    return path


@each_product
@pytest.mark.parametrize("as_path", [Path, str])
def test_file_opens_as_all_its_frames(product: DataProduct, as_path: type[Path | str], tmp_path: Path) -> None:
    path = write(tmp_path, PffName(product, 254), b"".join(frame_of(product, i) for i in range(5)))
    block = open_file(as_path(path))
    assert (block.product, block.module_id, block.file, len(block)) == (product, 254, path.name, 5)
    assert block.columns["pkt_num"][:, 0].tolist() == [0, 1, 2, 3, 4]
    assert block.images[:, -1, -1].tolist() == [0, 1, 2, 3, 4]
    assert [frame.header.pkt_num[0] for frame in block] == [0, 1, 2, 3, 4]


@each_product
@pytest.mark.parametrize("n_bytes", [1, 100, -1])
def test_partial_last_frame_is_left_out(product: DataProduct, n_bytes: int, tmp_path: Path) -> None:
    frame = frame_of(product, 1)
    block = open_file(write(tmp_path, PffName(product, 1), frame * 2 + frame[:n_bytes]))
    assert (len(block), block.images.shape[0], block.valid.tolist()) == (2, 2, [True, True])


@each_product
def test_images_of_a_file_are_read_only(product: DataProduct, tmp_path: Path) -> None:
    images = open_file(write(tmp_path, PffName(product, 1), frame_of(product, 1))).images
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0, 0] = 0


def test_images_outlive_their_block(tmp_path: Path) -> None:
    path = write(tmp_path, PffName(DataProduct.IMG16, 1), frame_of(DataProduct.IMG16, 7))
    images = open_file(path).images
    path.unlink()
    assert (images == 7).all()


@each_product
@pytest.mark.parametrize("n_bytes", [0, 1, 100, -1])
def test_file_without_a_whole_frame_is_refused_with_its_size(
    product: DataProduct, n_bytes: int, tmp_path: Path
) -> None:
    data = frame_of(product, 0)[:n_bytes]
    with pytest.raises(PffError, match=f"no whole {product.token} frame in its {len(data)} bytes"):
        open_file(write(tmp_path, PffName(product, 1), data))


def test_text_file_under_a_pff_name_is_refused_with_its_path(tmp_path: Path) -> None:
    path = write(tmp_path, PffName(DataProduct.IMG8, 1), b"Dear observer, this is not a frame.\n")
    with pytest.raises(HeaderError) as caught:
        open_file(path)
    assert str(path) in str(caught.value)
    assert "b'Dear obs'" in str(caught.value)


def test_file_whose_name_is_not_pff_is_refused(tmp_path: Path) -> None:
    (tmp_path / "obs_config.json").write_bytes(frame_of(DataProduct.IMG8, 0))
    with pytest.raises(PffError, match=r"does not end in \.pff"):
        open_file(tmp_path / "obs_config.json")


@pytest.mark.parametrize("name", [PffName(DataProduct.IMG8, 1).format(), "obs_config.json"])
def test_missing_file_is_not_found_whatever_its_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_file(tmp_path / name)


def test_run_files_come_by_product_module_and_seqno(tmp_path: Path) -> None:
    names = [
        PffName(DataProduct.IMG16, 1, 2),
        PffName(DataProduct.IMG16, 1, 10),
        PffName(DataProduct.IMG16, 12, 0),
        PffName(DataProduct.PH256, 2, 0),
    ]
    expected = [write(tmp_path, name, b"x") for name in reversed(names)][::-1]
    assert run_files(tmp_path) == expected


def test_run_files_are_found_below_a_data_directory(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"module_{i}" / "obs_a.pffd", PffName(DataProduct.IMG8, i), b"x") for i in range(3)]
    assert run_files(str(tmp_path)) == paths


def test_run_files_leave_out_what_is_empty_or_not_pff(tmp_path: Path) -> None:
    kept = write(tmp_path, PffName(DataProduct.IMG8, 1), b"x")
    write(tmp_path, PffName(DataProduct.PH1024, 1), b"")
    (tmp_path / "module_1.img16.seqno_0.pff").write_bytes(b"a snapshot")
    (tmp_path / "obs_config.json").write_text("{}")
    (tmp_path / PffName(DataProduct.PH256, 1).format()).mkdir()
    assert run_files(tmp_path) == [kept]


def test_run_directory_without_data_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, PffName(DataProduct.IMG8, 1), b"")
    with pytest.raises(PffError, match="no PFF file with data"):
        run_files(tmp_path)


def test_run_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="nowhere"):
        run_files(tmp_path / "nowhere")


def test_run_files_follow_a_module_directory_that_is_a_symlink(tmp_path: Path) -> None:
    write(tmp_path / "disk2", PffName(DataProduct.IMG8, 1), b"x")
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "module_1").symlink_to(tmp_path / "disk2")
    assert [path.name for path in run_files(data_dir)] == [PffName(DataProduct.IMG8, 1).format()]


# odd night 14
def test_link_of_the_control_software_is_opened_under_the_name_of_its_target(tmp_path: Path) -> None:
    path = write(tmp_path, PffName(DataProduct.IMG16, 1), frame_of(DataProduct.IMG16, 1))
    (tmp_path / "img").symlink_to(path.name)
    assert open_file(tmp_path / "img").product is DataProduct.IMG16


# odd night 14
def test_housekeeping_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "hk.pff").write_text("{}")
    with pytest.raises(PffError, match="housekeeping"):
        open_file(tmp_path / "hk.pff")


# odd night 10
@each_product
@pytest.mark.parametrize(("odd", "by"), [(50, 4), (99, 4), (99, -1), (0, 2), (51, -1)])
def test_frames_after_one_of_another_length_are_as_they_were_written(
    product: DataProduct, odd: int, by: int, tmp_path: Path
) -> None:
    parts = [frame_of(product, i) for i in range(100)]
    parts[odd] = wider(parts[odd], by)
    block = open_file(write(tmp_path, PffName(product, 1), b"".join(parts)))
    assert block.columns["pkt_num"][:, 0].tolist() == list(range(100))
    assert block.images[:, -1, -1].tolist() == list(range(100))
    assert [frame.header.pkt_num[0] for frame in block] == list(range(100))


# odd night 10
@each_product
def test_headers_of_varying_width_are_all_read(product: DataProduct, tmp_path: Path) -> None:
    parts = [wider(frame_of(product, i), i % 4) for i in range(40)]
    block = open_file(write(tmp_path, PffName(product, 1), b"".join(parts)))
    assert block.columns["pkt_num"][:, 0].tolist() == list(range(40))
    assert block.images[:, 0, 0].tolist() == list(range(40))


def test_a_file_of_many_lengths_is_not_compared_from_each_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [wider(frame_of(DataProduct.IMG16, i), i % 2) for i in range(200)]
    path, n_bytes = write(tmp_path, PffName(DataProduct.IMG16, 1), b"".join(parts)), 0

    def counted(data: bytes, layout: Layout) -> int:
        nonlocal n_bytes
        n_bytes += len(data)
        return n_in_step(data, layout)

    monkeypatch.setattr(step, "n_in_step", counted)
    assert len(open_file(path)) == 200
    assert n_bytes < 10 * path.stat().st_size


# odd night 10
@each_product
@pytest.mark.parametrize("n_bytes", [1, 100, -1])
def test_a_cut_frame_in_a_file_is_one_bad_frame(product: DataProduct, n_bytes: int, tmp_path: Path) -> None:
    parts = [frame_of(product, i) for i in range(20)]
    parts[7] = parts[7][:n_bytes]
    block = open_file(write(tmp_path, PffName(product, 1), b"".join(parts)))
    kept = [i for i in range(20) if i != 7]
    assert (block.columns["pkt_num"][block.valid, 0].tolist(), block.n_bad <= 1) == (kept, True)
