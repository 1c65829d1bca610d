"""Reader of small files (JSON, TOML, PEM, tokens): one size limit, one style of errors, no byte order mark."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Final, TypeAlias

from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenDict, OpenMapping

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError

MAX_FILE_BYTES: Final = 1 << 20  # a bundle of all public certificate authorities has a quarter of it

ConfigSource: TypeAlias = "str | Path | OpenMapping"
"""A path of a JSON or TOML file, or its content."""


def read_bytes(file: str | Path, allowed: str, key: str = "") -> bytes:
    """Return the content of a small file.

    Parameters
    ----------
    file
        What to read.
    allowed
        What the file may be, for the error.
    key
        Setting or argument that names the file, for the error; empty if the user gave the file itself.

    Raises
    ------
    ConfigError
        The file cannot be read or has more than `MAX_FILE_BYTES`.
    """
    try:
        with open(file, "rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: the path has a NUL
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{_where(file, key)} cannot be read: {why}; allowed: {allowed}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{_where(file, key)} has more than {MAX_FILE_BYTES} bytes; allowed: {allowed}")
    return content.removeprefix(codecs.BOM_UTF8)


def read_pem(file: str | Path, kind: str, key: str = "") -> bytes:
    """Return the content of a PEM file that holds a ``CERTIFICATE`` or ``PRIVATE KEY``; errors as `read_bytes`."""
    pem = read_bytes(file, "a PEM file", key)
    if b"-----BEGIN " not in pem or f"{kind}-----".encode() not in pem:
        raise ConfigError(f"{_where(file, key)} holds no {kind.lower()}; allowed: a PEM file")
    return pem


def _of_toml(text: str) -> OpenDict:
    import tomllib  # here: most clients read none

    values: OpenDict = tomllib.loads(text)
    return values


def read_object(file: Path, key: str = "") -> OpenDict:
    """Return the content of a TOML or JSON file: by its suffix, else by its first character.

    Raises
    ------
    ConfigError
        The file cannot be read, is neither, or does not hold an object.
    """
    import json  # as in `_of_toml`

    kind = {".json": "JSON", ".toml": "TOML"}.get(file.suffix, "TOML or JSON")
    content = read_bytes(file, f"a {kind} file", key)
    is_json = kind == "JSON" or (kind != "TOML" and content.lstrip().startswith(b"{"))
    try:
        text = content.decode("utf-8")
        values = json.loads(text) if is_json else _of_toml(text)
    except (ValueError, RecursionError) as error:  # not UTF-8 either, or too deep
        raise ConfigError(f"{_where(file, key)} is not {kind}: {error}; allowed: a {kind} file") from error
    if not isinstance(values, dict):
        text = f"{_where(file, key)} {short(values)} is not an object; allowed: an object with keys and values"
        raise ConfigError(text)
    return values


def content_of(source: ConfigSource | None, key: str) -> OpenMapping:
    """Return the content of a configuration: `source` itself, or that of the file that it names.

    Parameters
    ----------
    source
        A path, or the content itself.
    key
        Argument that it was given for, for the error.

    Raises
    ------
    ConfigError
        `source` is of another type, or the file cannot be read or does not hold an object.
    FileNotFoundError
        The file does not exist.
    """
    if isinstance(source, Mapping):
        return source
    if not isinstance(source, str | PathLike):
        raise ConfigError(f"{key} is not a str, Path, or dict: {source!r}")
    from pathlib import Path  # here, as clients need it for files alone

    path = Path(source)
    if "\0" not in str(path) and not path.exists():
        raise FileNotFoundError(f"{key} {str(path.absolute())!r} does not exist")
    return read_object(path, key)


def first_fault(error: ValidationError) -> str:
    """Return the first fault that pydantic found in a file or in options: key, value, and what is allowed."""
    fault = error.errors(include_url=False)[0]
    key, value = ".".join(map(str, fault["loc"])) or "options", short(fault["input"])
    match fault["type"]:
        case "missing":
            return f"{key} is missing"
        case "extra_forbidden":
            return f"{key}: {value} is under an unknown key"
        case "value_error":
            return f"invalid {key}: {value}: {fault['ctx']['error']}"
        case _:
            return f"invalid {key}: {value}; allowed: {fault['msg'].removeprefix('Input should be ')}"


def short(value: object) -> str:
    """Return `value` as errors quote it."""
    text = repr(str(value) if isinstance(value, PathLike) else value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _where(file: str | Path, key: str) -> str:
    return f"{key}: {file}" if key else f"{file}:"
