"""The four data products of the PANOSETI data acquisition (SPEC 1.2)."""

from __future__ import annotations

import enum
from typing import Any, Final

import numpy as np

MAX_MODULE_ID: Final = 255  # module_id is one byte in the quabo packets

PixelType = np.uint8 | np.uint16 | np.int16
"""Type of the pixels of img8, of img16, and of ph256 and ph1024."""
ImageArray = np.ndarray[tuple[int, int], np.dtype[PixelType]]
"""One image in ADC counts, shape (rows, columns)."""
OpenArray = np.ndarray[Any, np.dtype[Any]]
"""An array of any shape and type of number, as its docstring says."""
ImageStack = np.ndarray[tuple[int, int, int], np.dtype[PixelType]]
"""n images in ADC counts, shape (n, rows, columns)."""


class Kind(enum.StrEnum):
    """Kind of a data product: continuous images or single triggers."""

    MOVIE = "MOVIE"
    PULSE_HEIGHT = "PULSE_HEIGHT"


class DataProduct(enum.Enum):
    """One of img8, img16, ph256, ph1024.

    Attributes
    ----------
    token
        The value of ``dp_`` in file names.
    kind
        Movie or pulse height.
    shape
        Rows and columns of one image.
    dtype
        Type of the pixels, on disk and delivered. Pulse heights are stored as two little-endian bytes
        and are signed after baseline subtraction: 65535 is -1.
    n_quabos
        Quabos that one image holds: 1 (ph256) or 4.
    """

    IMG8 = ("img8", Kind.MOVIE, (32, 32), "|u1")
    IMG16 = ("img16", Kind.MOVIE, (32, 32), "<u2")
    PH256 = ("ph256", Kind.PULSE_HEIGHT, (16, 16), "<i2")
    PH1024 = ("ph1024", Kind.PULSE_HEIGHT, (32, 32), "<i2")

    def __init__(self, token: str, kind: Kind, shape: tuple[int, int], dtype: str) -> None:
        self.token: Final = token
        self.kind: Final = kind
        self.shape: Final = shape
        self.dtype: Final[np.dtype[np.generic]] = np.dtype(dtype)
        self.bytes_per_pixel: Final = self.dtype.itemsize
        self.image_size_bytes: Final = shape[0] * shape[1] * self.dtype.itemsize
        self.one_quabo: Final = shape == (16, 16)
        self.n_quabos: Final = 1 if self.one_quabo else 4

    __hash__ = object.__hash__  # there is one of each; that of Enum is a function of Python, and keys hold one

    @classmethod
    def from_token(cls, token: str) -> DataProduct:
        """Data product of a ``dp_`` token.

        Raises
        ------
        ValueError
            There is no such product; the message lists the valid ones.
        """
        for product in cls:
            if product.token == token:
                return product
        raise ValueError(f"data product {token!r} not found; there are: {', '.join(p.token for p in cls)}")


ModuleProduct = tuple[int, DataProduct]
"""Module id and data product: whose frames follow one another in files."""
