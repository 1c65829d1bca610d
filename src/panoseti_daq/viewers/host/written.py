"""Files that keys of a window wrote; the last one is taken back. No Qt."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path


def stamped(name: str, ending: str = "") -> Path:
    """Return a file or directory in the working directory, named after the time of now."""
    return Path(f"{name}_{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{ending}")


class Written:
    """Files and directories in the order in which they were written, by their absolute paths."""

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def add(self, path: Path) -> None:
        """Note what was written."""
        self._paths.append(path.absolute())

    def save(self, what: str, to: Path, write: Callable[[Path], object]) -> str:
        """Write something; return what there is to say, also when it cannot be written."""
        is_new, to = not to.exists(), to.absolute()
        try:
            write(to)
        except OSError as error:
            return f"{what} not saved: {error}"
        if is_new:
            self.add(to)
        return f"{what} saved in {to}; Ctrl+Z undoes it"

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
