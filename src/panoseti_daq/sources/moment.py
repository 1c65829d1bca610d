"""Place of a moment among all files of a module and product, in whatever run it is."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Position
from panoseti_daq.sources.places import ModuleFiles
from panoseti_daq.sources.when import frame_number_of


def position_at(
    module_dir: Path, module_id: int, product: DataProduct, since_ns: int, n_before: int = 0
) -> Position | None:
    """Return the position of the first frame not taken before a time, or of an earlier one.

    Parameters
    ----------
    module_dir, module_id, product
        Of the frames.
    since_ns
        UTC ns since 1970.
    n_before
        Frames to go back from there, over the borders of files and runs.

    Returns
    -------
    Position
        Where to begin; counts back from the end when all frames are earlier. None when there are no frames.
    """
    places = ModuleFiles.shared(module_dir, module_id).with_data(product)
    if not places:
        return None

    def look(i: int, since_ns: int | None) -> tuple[int, bool]:
        path = module_dir / places[i].run / places[i].file
        try:
            return frame_number_of(path, product, since_ns) or (0, False)
        except (PffError, OSError):  # gone meanwhile, or none of ours
            return 0, False

    # Bisected, too: the files of some nights are thousands.
    at = bisect_left(range(len(places)), True, key=lambda i: look(i, since_ns)[1])
    at = min(at, len(places) - 1)  # behind the last frame when all are earlier
    number = look(at, since_ns)[0]
    while n_before > number and at > 0:
        n_before -= number
        at -= 1
        number = look(at, None)[0]
    return Position(module_id, product, places[at].run, places[at].file, max(number - n_before, 0))
