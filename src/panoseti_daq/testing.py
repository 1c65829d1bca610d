"""Fixtures for the tests of your own scripts: a server on simulated data, and a writer of frames.

Name the module in your top ``conftest.py``; it needs pytest and starts nothing before a test asks for it::

    pytest_plugins = ["panoseti_daq.testing"]
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pytest

from panoseti_daq.client.portal import PORTALS
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.load import check_values
from panoseti_daq.config.settings import RunProbe
from panoseti_daq.pff import DataProduct, RunName
from panoseti_daq.service.server import running_server
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.writer import RunWriter

PERIOD_NS: Final = 1_000_000  # between two frames of one call of `DataWriter.write`


class DataWriter:
    """Writes the files of a run as Hashpipe does: one run, any number of modules and data products.

    A frame is in its file when `write` returns. Keeps the files open until `close` or until its ``with`` block is
    left. For one thread.

    Parameters
    ----------
    data_dir
        Data directory; made when it is not there.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._run = RunName("Test", datetime.now(UTC), "sci-data").format()
        self._modules: dict[int, tuple[ModuleSky, RunWriter]] = {}
        self._files = ExitStack()
        data_dir.mkdir(parents=True, exist_ok=True)

    def write(
        self,
        product: DataProduct | str = "img16",
        image: npt.ArrayLike | None = None,
        *,
        module_id: int = 1,
        n_frames: int = 1,
        unix_ns: int | None = None,
    ) -> None:
        """Append frames.

        Parameters
        ----------
        product
            Data product or its name: ``img8``, ``img16``, ``ph256``, ``ph1024``.
        image
            Pixels of every frame, ADC counts: shape (32, 32), of ph256 (16, 16), or one number for all; None for
            a simulated sky or pulse.
        module_id
            Telescope module, 0-255.
        n_frames
            How many.
        unix_ns
            Time of the first, UTC ns since 1970, the others 1 ms apart; None for now.

        Raises
        ------
        ValueError
            There is no such product, or `image` has another shape.
        """
        product = DataProduct.from_token(product) if isinstance(product, str) else product
        sky, files = self._module(module_id)
        first_ns = time.time_ns() if unix_ns is None else unix_ns
        for i in range(n_frames):
            frame = sky.frame(product, first_ns + i * PERIOD_NS)
            if image is not None:
                pixels = np.broadcast_to(np.asarray(image), product.shape).astype(product.dtype)
                frame = frame[: -product.image_size_bytes] + pixels.tobytes()
            files.write(product, frame)

    def _module(self, module_id: int) -> tuple[ModuleSky, RunWriter]:
        if module_id not in self._modules:
            files = RunWriter(self.data_dir / f"module_{module_id}" / self._run, module_id)
            self._files.callback(files.close)
            self._modules[module_id] = ModuleSky(module_id), files
        return self._modules[module_id]

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def serving(data_dir: Path | None = None, **settings: Any) -> Iterator[str]:
    """Run a server in a thread as long as the block, and give its address ``127.0.0.1:PORT``.

    Parameters
    ----------
    data_dir
        Follow this data directory; None for the server's own simulation: movie and pulse-height frames of module
        224.
    **settings
        Keys of the server's configuration, as in the file of ``serve --config``.

    Raises
    ------
    ConfigError
        A setting is invalid.
    """
    follow = HpIoConfig(simulate=True) if data_dir is None else HpIoConfig(str(data_dir))
    chosen = check_values({"run_probe": RunProbe.NONE, **settings})
    with PORTALS as portal, portal.entered(running_server(chosen, follow=follow)) as server:
        yield server.address


@pytest.fixture
def daq_writer(tmp_path: Path) -> Iterator[DataWriter]:
    """Return what writes frames into ``tmp_path / "daq_data"``; see `DataWriter`."""
    with DataWriter(tmp_path / "daq_data") as writer:
        yield writer


@pytest.fixture
def daq_server(daq_writer: DataWriter) -> Iterator[str]:
    """Return the address of a server that follows what `daq_writer` writes."""
    with serving(daq_writer.data_dir) as address:
        yield address


@pytest.fixture
def simulated_daq_server() -> Iterator[str]:
    """Return the address of a server that simulates module 224: 20 movie and about 8 pulse-height frames per s."""
    with serving() as address:
        yield address
