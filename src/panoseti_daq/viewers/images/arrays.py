"""Images and darks as NumPy files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from panoseti_daq.errors import PffError, ViewerError
from panoseti_daq.pff import DataProduct, Frame, Key
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.viewers.host.times import time_text
from panoseti_daq.viewers.images.pedestal import FloatImage


def key_name(key: Key) -> str:
    """How a key is written in a file name: ``module_224.ph256.Q3``."""
    quabo = "" if key.quabo is None else f".Q{key.quabo}"
    return f"module_{key.module_id}.{key.product.token}{quabo}"


def parse_key_name(name: str) -> Key:
    """The key of a file name that `key_name` made.

    Raises ValueError: it did not.
    """
    module, token, *quabo = name.split(".")
    product, module_id = DataProduct.from_token(token), int(module.removeprefix("module_"))
    key = Key(module_id, product, int(quabo[0].removeprefix("Q")) if quabo else None)
    if not 0 <= module_id <= MAX_MODULE_ID or (key.quabo in range(4)) is not product.one_quabo:
        raise ValueError(name)
    return key


def save_images(directory: Path, frames: Iterable[Frame]) -> None:
    """Write the image of each frame as ``KEY.TIME.npy``, as it came, into a directory, which is made.

    Raises OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        taken = time_text(frame.time.unix_ns).replace(" ", "T").replace(":", "-")
        np.save(directory / f"{key_name(frame.key)}.{taken}.npy", frame.image)


def save_darks(directory: Path, darks: Mapping[Key, FloatImage]) -> None:
    """Write each dark as ``KEY.npy`` into a directory, which is made.

    Raises OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for key, dark in darks.items():
        np.save(directory / f"{key_name(key)}.npy", dark)


def load_darks(directory: Path) -> dict[Key, FloatImage]:
    """Read what `save_darks` wrote.

    Raises ViewerError: there is none, or a file is not the dark that its name says.
    """
    darks = {}
    for file in sorted(directory.glob("module_*.npy")):
        try:
            key = parse_key_name(file.stem)
            dark = np.load(file, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError, PffError) as error:
            raise ViewerError(f"{file} is not a dark: {error}") from error
        if dark.shape != key.product.shape:
            raise ViewerError(f"{file} is not a dark of {key}: its shape is {dark.shape}")
        darks[key] = dark
    if not darks:
        raise ViewerError(f"{directory} holds no darks: no module_*.npy")
    return darks
