"""Images and darks as NumPy files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.errors import PffError, ViewerError
from panoseti_daq.pff import DataProduct, Key
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.viewers.host.times import time_text
from panoseti_daq.viewers.images.pedestal import FloatImage
from panoseti_daq.viewers.modules import Source


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


def save_images(directory: Path, frames: Mapping[Source, ReceivedFrame]) -> None:
    """Write the image of each frame as ``KEY.TIME.npy``, as it came, into a directory, which is made.

    What has a host goes into a directory of this name in it.

    Raises OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for (host, key), frame in frames.items():
        taken = time_text(frame.time.unix_ns).replace(" ", "T").replace(":", "-")
        np.save(_place(directory, host) / f"{key_name(key)}.{taken}.npy", frame.image)


def save_darks(directory: Path, darks: Mapping[Source, FloatImage]) -> None:
    """Write each dark as ``KEY.npy``, else as `save_images`.

    Raises OSError: it cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for (host, key), dark in darks.items():
        np.save(_place(directory, host) / f"{key_name(key)}.npy", dark)


def _place(directory: Path, host: str) -> Path:
    place = directory / quote(host, safe="") if host else directory
    place.mkdir(exist_ok=True)
    return place


def load_darks(directory: Path) -> dict[Source, FloatImage]:
    """Read what `save_darks` wrote.

    Raises ViewerError: there is none, or a file is not the dark that its name says.
    """
    darks = {}
    for file in sorted([*directory.glob("module_*.npy"), *directory.glob("*/module_*.npy")]):
        try:
            key = parse_key_name(file.stem)
            dark = np.load(file, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError, PffError) as error:
            raise ViewerError(f"{file} is not a dark: {error}") from error
        if dark.shape != key.product.shape:
            raise ViewerError(f"{file} is not a dark of {key}: its shape is {dark.shape}")
        host = "" if file.parent == directory else unquote(file.parent.name)
        darks[Source(host, key)] = dark
    if not darks:
        raise ViewerError(f"{directory} holds no darks: no module_*.npy")
    return darks
