r"""Records: what Hashpipe sends through one connection of its sockets, one frame each.

::

    module, 2 bytes, big-endian | header, H bytes of JSON | "\n\n*" | pixels, little-endian | the next module ...

There is no length and no checksum (Hashpipe's ``snapshot.c``, commit ce70e500). All headers of a connection have
one length, which the first one shows. It is not that of files: a 32x32 header has 478 characters here, 489 there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from panoseti_daq.errors import DaqError, HeaderError
from panoseti_daq.pff import DataProduct, Layout
from panoseti_daq.pff.layout import END_OF_HEADER, MAX_HEADER_BYTES
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.pff.quabos import N_QUABOS

_MODULE_BYTES: Final = 2
_BRACE: Final = ord("{")


class BadRecordError(DaqError):
    """Bytes that are not a record: what follows them cannot be trusted either."""


class Record(NamedTuple):
    """One frame as Hashpipe sent it.

    Attributes
    ----------
    module_id
        Telescope module, 0-255.
    quabo
        Which quabo a ph256 frame comes from; None for the other products.
    frame
        Header, blank line, ``*`` and pixels, as in a file.
    """

    module_id: int
    quabo: int | None
    frame: bytes


class RecordReader:
    """Reader of the records of one connection, of any pieces of its bytes.

    Holds less than one record and the header's limit, whatever is sent.

    Parameters
    ----------
    product
        Data product of the socket.

    Attributes
    ----------
    layout
        Layout of the headers; None before the first whole one.
    """

    def __init__(self, product: DataProduct) -> None:
        self.layout: Layout | None = None
        self._product = product
        self._held = b""

    @property
    def n_held_bytes(self) -> int:
        """Bytes of a record that is not whole yet."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[Record]:
        """Yield the records that are whole now.

        Raises
        ------
        BadRecordError
            Bytes break a rule; what is held from there on is not read any more.
        """
        data = self._held + data if self._held else data
        begin = 0
        try:
            while (end := self._end_of_record(data, begin)) is not None:
                record = self._read(data[begin + 1], data[begin + _MODULE_BYTES : end])
                begin = end
                yield record
        finally:
            self._held = data[begin:]

    def _end_of_record(self, data: bytes, begin: int) -> int | None:
        """Return where the record that begins at `begin` ends; None while that is not known, or not here."""
        if len(data) <= begin:
            return None
        # The first byte of the module is zero: the earliest sign that the stream is out of step.
        if data[begin]:
            raise BadRecordError(f"a module above {MAX_MODULE_ID}: {data[begin : begin + 8]!r}")
        if len(data) > begin + _MODULE_BYTES and data[begin + _MODULE_BYTES] != _BRACE:
            raise BadRecordError(f"no header: {data[begin : begin + 8]!r}")
        # One record shows the length for all: the writer does not change it within a connection.
        if self.layout is None:
            self.layout = self._discover(data[begin + _MODULE_BYTES : begin + _MODULE_BYTES + MAX_HEADER_BYTES])
        if self.layout is None:
            return None
        end = begin + _MODULE_BYTES + self.layout.frame_size_bytes
        return end if len(data) >= end else None

    def _discover(self, head: bytes) -> Layout | None:
        if not head:
            return None
        try:
            layout = Layout.discover(head, self._product)
        except HeaderError as error:
            raise BadRecordError(str(error)) from None
        if layout is not None and not layout.is_standard:
            raise BadRecordError(f"not a header of {self._product.token}: {head[: layout.header_size_bytes]!r}")
        return layout

    def _read(self, module_id: int, frame: bytes) -> Record:
        layout = self.layout
        assert layout is not None
        if not frame.startswith(END_OF_HEADER, layout.header_size_bytes):
            raise BadRecordError(f"a header of another length than {layout.header_size_bytes} bytes")
        try:
            header = layout.parse(frame[: layout.header_size_bytes])
        except HeaderError as error:
            raise BadRecordError(str(error)) from None
        # A quabo that does not exist would become a key of its own.
        if header.quabo_num is not None and header.quabo_num >= N_QUABOS:
            raise BadRecordError(f"quabo {header.quabo_num}; there are 0 to {N_QUABOS - 1}")
        return Record(module_id, header.quabo_num, frame)
