"""Position message: a place in the files of a module and product, both ways."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, PffName, Position
from panoseti_daq.pff.names import check_run_name
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.printable import sendable
from panoseti_daq.wire.names import check_name


def position_message(position: Position) -> pb.Position:
    """Return the message of a position."""
    return pb.Position(
        module_id=position.module_id,
        product=position.product.token,
        run=sendable(position.run),
        file=sendable(position.file),
        frame_number=position.frame_number,
    )


def position_of(message: pb.Position) -> Position:
    """Return the position of a message, from anybody.

    Raises
    ------
    PffError
        A name in it leads out of the data directory or is not that of a run or a file, or it has no such data
        product.
    """
    begin = _beginning(message.module_id, message.product, message.run, message.file)
    return replace(begin, frame_number=message.frame_number) if message.frame_number else begin


@lru_cache(maxsize=512)  # a stream names the same files again and again
def _beginning(module_id: int, token: str, run: str, file: str) -> Position:
    for name in (run, file):
        check_name(name)
    if module_id > MAX_MODULE_ID:
        raise PffError(f"module {module_id} is not within 0-{MAX_MODULE_ID}")
    if run or file:
        check_run_name(run)
    if file:
        PffName.parse(file)
    try:
        product = DataProduct.from_token(token)
    except ValueError as error:
        raise PffError(str(error)) from None
    return Position(module_id, product, run, file)
