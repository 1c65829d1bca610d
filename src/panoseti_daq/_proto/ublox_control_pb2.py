"""Messages of proto/ublox_control.proto, in the descriptor pool of `daq_data_pb2`, for the same reason."""

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message_factory import GetMessageClass

from panoseti_daq._proto import daq_data_pb2, files_of

_pool = daq_data_pb2.DESCRIPTOR.pool
for _file in files_of("ublox_control.binpb"):
    _pool.AddSerializedFile(_file)
DESCRIPTOR = _pool.FindFileByName("ublox_control.proto")

for _name, _message in DESCRIPTOR.message_types_by_name.items():
    globals()[_name] = GetMessageClass(_message)
    globals()[_name].__module__ = __name__  # so that messages can be pickled
for _name, _enum in DESCRIPTOR.enum_types_by_name.items():
    globals()[_name] = EnumTypeWrapper(_enum)
