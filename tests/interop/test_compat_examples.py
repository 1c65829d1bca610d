"""The examples that the peer documents, as they stand in the package, run with our compatibility package."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from interop.peers import Peer
from interop.table import Table
from support.rig import serving_process

from panoseti_daq.config.packaged import packaged_config

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(
        importlib.util.find_spec("daq_data") is None,
        reason="needs ./compat: run `nox -s interop`, which installs it",
    ),
]

SECTION: Final = "Documented examples of the peer with our compatibility package and our server"
RUNNER: Final = Path(__file__).parent / "compat_scripts" / "run_example.py"
WITHOUT_A_DISPLAY: Final = {
    name: value
    for name, value in os.environ.items()
    if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
}
PLACEHOLDERS: Final = {
    "path/to/your/daq_config.json": packaged_config("daq_config_grpc_simulate.json"),
    "path/to/your/network_config.json": packaged_config("network_config_grpc_simulate.json"),
    "path/to/hp_io_config.json": packaged_config("hp_io_config_simulate.json"),
}


@dataclass(frozen=True, slots=True)
class Example:
    """One block of Python in the documentation.

    Attributes
    ----------
    name
        What the table calls it.
    marks
        Texts that it alone has, to find it.
    output
        Regular expressions of lines that it must write, in this order.
    endless
        It streams until SIGINT.
    initialised
        It expects a server that follows something already.
    """

    name: str
    marks: tuple[str, ...]
    output: tuple[str, ...]
    endless: bool = False
    initialised: bool = False


IMAGE: Final = r"Image: Module 224, Type: (MOVIE|PULSE_HEIGHT), Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+"
WORKFLOW: Final = (r"Connected to: \{'localhost'\}", "All servers initialized for simulation", *[IMAGE] * 3)
EXAMPLES: Final = (
    Example("connect", ("Instantiate the client using",), (r"Successfully connected to: \{'localhost'\}",)),
    Example(
        "status check",
        ("reflect_services",),
        (r"Valid hosts: \{'localhost'\}", "daqdata.DaqData", "rpc StreamImages"),
    ),
    Example("init_hp_io", ("init_hp_io",), ("Successfully initialized hp_io on all DAQ nodes",)),
    Example("init_sim", ("init_sim", "Initialize the first valid host"), ("initialized simulation on localhost",)),
    Example(
        "stream",
        ("Process the first 10 images",),
        ("Starting image stream", *[r"Received image from Module 224 with shape \(16, 16\)"] * 10),
        endless=True,
        initialised=True,
    ),
    Example(
        "visualisation loop",
        ("previewer.update",),
        ("PanoImagePreviewer: there is no display",),
        endless=True,
        initialised=True,
    ),
    Example("full workflow", ("# 5. Listen to the stream",), WORKFLOW, endless=True),
    Example("full workflow, asynchronous", ("asyncio.run(main())",), WORKFLOW, endless=True),
)


@pytest.fixture(scope="module")
def documented(drop_in_peer: Peer) -> list[str]:
    """Every block of Python that could be run; one only shows a dict."""
    (metadata,) = drop_in_peer.package.parent.glob("panoseti_grpc-*.dist-info/METADATA")
    blocks = re.findall(r"^```python\n(.*?)^```$", metadata.read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in blocks if "DaqDataClient" in block]


def test_each_documented_example_is_one_of_these(documented: list[str]) -> None:
    assert len(documented) == len(EXAMPLES)
    assert {_text_of(example, documented) for example in EXAMPLES} == set(documented)


def _text_of(example: Example, documented: list[str]) -> str:
    (text,) = (text for text in documented if all(mark in text for mark in example.marks))
    return text


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name.replace(" ", "_"))
def test_a_documented_example_runs_as_it_stands(
    example: Example, documented: list[str], tmp_path: Path, table: Table
) -> None:
    text = _text_of(example, documented)
    for placeholder, path in PLACEHOLDERS.items():
        text = text.replace(placeholder, str(path))
    file = tmp_path / "example.py"
    file.write_text(text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    options = ["--simulate"] if example.initialised else []
    with serving_process("--run-probe", "none", *options) as (_, address):
        port = address.rpartition(":")[2]
        command = [sys.executable, "-u", str(RUNNER), str(file), port]
        with subprocess.Popen(
            command,
            cwd=elsewhere,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=WITHOUT_A_DISPLAY,
        ) as process:
            assert process.stdout is not None
            watchdog = threading.Timer(30, process.kill)
            watchdog.start()
            try:
                _read_until(process.stdout, example.output)
                if example.endless:
                    process.send_signal(signal.SIGINT)
                rest = process.stdout.read()
                code = process.wait(10)
            finally:
                watchdog.cancel()
                process.kill()
    if "except KeyboardInterrupt" in text:
        assert "Stream stopped." in rest
    if example.endless and "except KeyboardInterrupt" not in text:
        assert code == -signal.SIGINT  # ours lets Ctrl-C pass through; the peer's client swallows it
        assert rest.rstrip().endswith("KeyboardInterrupt")
    else:
        assert (code, "Traceback" in rest) == (0, False), rest
    table.write(SECTION, example.name, "works")


def _read_until(lines: Iterator[str], expected: tuple[str, ...]) -> None:
    """Read lines until each expression was found, one after the other."""
    seen = []
    remaining = list(expected)
    for line in lines:
        seen.append(line)
        if re.search(remaining[0], line):
            remaining.pop(0)
            if not remaining:
                return
    raise AssertionError(f"no line has {remaining[0]!r}:\n{''.join(seen)}")
