"""An index over time for xarray that costs nothing until something is selected by time."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex

if TYPE_CHECKING:
    from xarray.core.indexing import IndexSelResult
    from xarray.core.types import JoinOptions


class LazyTimeIndex(xr.Index):
    """Index over time that is built when it is first used, since that reads every header.

    Parameters
    ----------
    time
        The times, not read yet.
    """

    def __init__(self, time: xr.Variable) -> None:
        self._time = time
        self._built: PandasIndex | None = None

    @property
    def built(self) -> PandasIndex:
        """What xarray makes of times that are read."""
        if self._built is None:
            self._built = PandasIndex(self._time.values, self._time.dims[0])
        return self._built

    @classmethod
    def concat(
        cls, indexes: Sequence[Self], dim: Hashable, positions: Iterable[Iterable[int]] | None = None
    ) -> Any:
        """Return the index of several datasets joined."""
        return PandasIndex.concat([index.built for index in indexes], dim, positions)

    def create_variables(self, variables: Mapping[Any, xr.Variable] | None = None) -> dict[Any, xr.Variable]:
        """Return the coordinate."""
        return {self._time.dims[0]: self._time}

    def to_pandas_index(self) -> pd.Index:
        """Return the index as pandas has it."""
        return self.built.index

    def isel(self, indexers: Mapping[Any, Any]) -> Self | None:
        """Return the index of a part, not built either."""
        part = self._time.isel(indexers)
        return type(self)(part) if part.dims == self._time.dims else None

    def sel(self, labels: dict[Any, Any], *args: object, **options: object) -> IndexSelResult:
        """Find times."""
        return self.built.sel(labels, *args, **options)

    def equals(self, other: xr.Index, **options: Any) -> bool:
        """Return whether another index has the same times."""
        if isinstance(other, LazyTimeIndex):
            return self._time is other._time or self.built.equals(other.built, **options)
        return False

    def join(self, other: Self, how: JoinOptions = "inner") -> Any:
        """Return the index of the times of both."""
        return self.built.join(other.built, how)

    def reindex_like(self, other: Self | PandasIndex) -> dict[Hashable, object]:
        """Find the times of another index, or of the one that `join` made."""
        return self.built.reindex_like(other.built if isinstance(other, LazyTimeIndex) else other)

    def rename(self, name_dict: Mapping[Any, Hashable], dims_dict: Mapping[Any, Hashable]) -> Any:
        """Return the index of the coordinate under another name."""
        renamed: xr.Index = self.built.rename(name_dict, dims_dict)  # type: ignore[no-untyped-call]
        return renamed
