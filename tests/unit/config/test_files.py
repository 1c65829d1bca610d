from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from panoseti_daq.config.files import MAX_FILE_BYTES, content_of, read_bytes, read_object, read_pem
from panoseti_daq.errors import ConfigError


@pytest.mark.parametrize(("name", "text"), [("a.json", '{"b": 1}'), ("a.toml", "b = 1"), ("a", '{"b": 1}')])
def test_a_byte_order_mark_is_ignored(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_object(file) == {"b": 1}


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    file.write_bytes(b" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match=f"{file}: has more than {MAX_FILE_BYTES} bytes; allowed: a JSON file"):
        read_object(file)


def test_an_error_names_the_key_that_names_the_file() -> None:
    with pytest.raises(ConfigError, match="tls_key: /nowhere cannot be read: No such file.*; allowed: a PEM file"):
        read_pem(Path("/nowhere"), "PRIVATE KEY", "tls_key")


@pytest.mark.parametrize("path", ["/tmp/\0", "/" + "x" * 5000])
def test_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_bytes(Path(path), "anything")


def test_a_pem_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----\n")
    assert read_pem(file, "PRIVATE KEY").startswith(b"-----BEGIN")
    with pytest.raises(ConfigError, match="a.pem: holds no certificate; allowed: a PEM file"):
        read_pem(file, "CERTIFICATE")


@pytest.mark.parametrize("source", [None, 3, ["a"]])
def test_a_configuration_of_another_type_is_refused(source: Any) -> None:
    with pytest.raises(ConfigError, match="hp_io_cfg is not a str, Path, or dict"):
        content_of(source, "hp_io_cfg")
