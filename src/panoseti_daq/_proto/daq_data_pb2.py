"""Messages of proto/daq_data.proto, in a descriptor pool of their own.

A generated module registers its names in the default pool, and that of panoseti-grpc has the same names: the
second of the two could not be imported. `nox -s proto` makes what is loaded here, daq_data.binpb (with the
well-known types), and what a type checker reads instead, daq_data_pb2.pyi.
"""

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass

from panoseti_daq._proto import files_of

_pool = DescriptorPool()
for _file in files_of("daq_data.binpb"):
    _pool.AddSerializedFile(_file)
DESCRIPTOR = _pool.FindFileByName("daq_data.proto")

for _name, _enum in DESCRIPTOR.enum_types_by_name.items():
    globals()[_name] = EnumTypeWrapper(_enum)
    globals().update(globals()[_name].items())


def __getattr__(name: str) -> type:
    """Return a class of messages, made when it is first asked for: a client needs a few of them."""
    if name not in DESCRIPTOR.message_types_by_name:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    message = GetMessageClass(DESCRIPTOR.message_types_by_name[name])
    message.__module__ = __name__  # so that messages can be pickled
    globals()[name] = message
    return message
