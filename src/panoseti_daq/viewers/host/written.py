"""Files that keys of a window wrote; the last one is taken back. No Qt."""

from __future__ import annotations

import shutil
from pathlib import Path


class Written:
    """Files and directories in the order in which they were written, by their absolute paths."""

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def add(self, path: Path) -> None:
        """Note what was written."""
        self._paths.append(path.absolute())

    def undo(self) -> str:
        """Delete what was written last; return what there is to say."""
        if not self._paths:
            return "nothing was saved"
        last = self._paths.pop()
        try:
            if last.is_dir():
                shutil.rmtree(last)
            else:
                last.unlink()
        except OSError as error:
            return f"{last} not deleted: {error}"
        return f"{last} deleted"
