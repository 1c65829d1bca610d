"""Newest frames by key, as `latest` returns them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from panoseti_daq.client.images import ReceivedFrame
from panoseti_daq.pff import Key

if TYPE_CHECKING:
    import pandas as pd


class NewestFrames(dict[Key, ReceivedFrame]):
    """Newest frame of each key: a dict that also becomes a table."""

    def to_pandas(self) -> pd.DataFrame:
        """Headers as a table of one row per frame, indexed by host, module, product, quabo and frame number.

        The columns are those of `Frame.to_pandas`; where products differ in theirs, cells are missing. Without
        frames the table is empty. The quabo is -1 for images that hold all four.

        Raises
        ------
        HeaderError
            The header of a frame does not parse.
        """
        import pandas as pd

        tables = {}
        for (module_id, product, quabo), frame in self.items():
            tables[frame.host, module_id, product.token, -1 if quabo is None else quabo] = frame.to_pandas()
        names = ["host", "module_id", "product", "quabo"]
        return pd.concat(tables, names=names) if tables else pd.DataFrame()
