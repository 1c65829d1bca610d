"""``panoseti-daq`` and ``python -m panoseti_daq``: the command line, by the interpreter that runs it."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line; nothing is searched for garbage until its command is imported."""
    gc.disable()
    from panoseti_daq.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
