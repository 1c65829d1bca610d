"""Flat keys of settings: ``tls_key`` outside of its table is ``key`` inside of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic.fields import FieldInfo

from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.config.values import SettingTable
from panoseti_daq.open_types import OpenDict, OpenMapping


def into_tables(values: OpenMapping) -> OpenDict:
    """Return `values` with each flat key, such as ``tls_key``, moved into its table.

    Raises
    ------
    ValueError
        A key stands both inside and outside its table.
    """
    nested = dict(values)
    match nested.get("sources"):
        case {"socket": Mapping() as socket, **others} if not others and "socket" not in nested:
            del nested["sources"]
            nested["socket"] = socket
    for flat, (table, name) in FLAT_KEYS.items():
        if flat in nested:
            inside = nested.get(table, {})
            if not isinstance(inside, Mapping):
                continue  # another error, which the model reports
            if name in inside:
                raise ValueError(f"{flat} and {table}.{name} are the same setting; allowed: one of them")
            nested[table] = {**inside, name: nested.pop(flat)}
    return nested


def table_of(field: FieldInfo) -> type[SettingTable] | None:
    """Return the model of a field that is a table itself; None for another."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, SettingTable) else None


FLAT_KEYS: Final = {
    f"{table.flat}{name}": (key, name)
    for key, field in ServerSettings.model_fields.items()
    if (table := table_of(field)) is not None and table.flat is not None
    for name in table.model_fields
}
"""Table and name of each key that may also stand outside its table."""
