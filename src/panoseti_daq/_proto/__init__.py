"""The wire: what `nox -s proto` makes of proto/daq_data.proto, and the modules that load it."""

from collections.abc import Iterator
from pkgutil import get_data

from panoseti_daq.varint import read_varint


def files_of(descriptor_set: str) -> Iterator[bytes]:
    """Yield the serialized files of a FileDescriptorSet that is here, which has no other field.

    Read by hand because every client would import descriptor_pb2 for this alone.
    """
    data = get_data(__name__, descriptor_set) or b""
    begin = 0
    while begin < len(data):
        size, begin = read_varint(data, begin + 1)  # after the tag
        yield data[begin : begin + size]
        begin += size
