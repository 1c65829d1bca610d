"""``python -m panoseti_daq``: the command line, by the interpreter that runs it."""

from __future__ import annotations

from panoseti_daq.cli.main import main

if __name__ == "__main__":
    main()
