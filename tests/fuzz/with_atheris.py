"""One target under atheris: ``python -m fuzz.with_atheris TARGET N``; N inputs, guided by what they reach."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

# No types, and installed only in the session of the long form.
atheris: Any = importlib.import_module("atheris")

with atheris.instrument_imports(include=["panoseti_daq"]):
    from fuzz.targets import TARGETS
    from support.frames import frame_bytes

    from panoseti_daq.config.packaged import packaged_config, packaged_configs
    from panoseti_daq.pff import DataProduct

MAX_INPUT_BYTES: Final = 4096
LONGEST_S: Final = 60  # of one input; the machine may be busy


def make_corpus(directory: Path) -> None:
    """What is right, to begin with."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for i, product in enumerate(DataProduct):
        (directory / f"frame_{i}").write_bytes(bytes([i]) + frame_bytes(product))
        (directory / f"between_{i}").write_bytes(bytes([i, 1]) + b"garbage")
    for name in packaged_configs():
        (directory / name).write_bytes(packaged_config(name).read_bytes())


def main() -> None:
    name, n_inputs = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as made:
        corpus = Path(made) / name
        make_corpus(corpus)
        options = [
            f"-runs={n_inputs}",
            f"-max_len={MAX_INPUT_BYTES}",
            f"-timeout={LONGEST_S}",
            "-rss_limit_mb=1024",
        ]
        options += [f"-seed={os.environ.get('FUZZ_SEED', '1')}", "-print_final_stats=1", "-verbosity=0"]
        options += [f"-artifact_prefix={os.environ.get('FUZZ_ARTIFACTS', tempfile.gettempdir())}/{name}-"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
