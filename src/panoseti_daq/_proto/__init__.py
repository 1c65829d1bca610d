"""The wire: what `nox -s proto` makes of proto/daq_data.proto, and the modules that load it."""

from collections.abc import Iterator
from pkgutil import get_data


def files_of(descriptor_set: str) -> Iterator[bytes]:
    """Yield the serialized files of a FileDescriptorSet that is here, which has no other field.

    Written by hand because every client would import descriptor_pb2 for this alone.
    """
    data = get_data(__name__, descriptor_set) or b""
    begin = 0
    while begin < len(data):
        size, shift, begin = 0, 0, begin + 1  # after the tag
        while True:
            size |= (data[begin] & 0x7F) << shift
            shift, begin = shift + 7, begin + 1
            if data[begin - 1] < 0x80:
                break
        yield data[begin : begin + size]
        begin += size
