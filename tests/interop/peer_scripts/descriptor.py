"""The peer's wire: prints the FileDescriptorProto of its generated module, in hexadecimal digits."""

from __future__ import annotations

import importlib
import sys

from peer import IS_0_1

module = importlib.import_module("daq_data.daq_data_pb2" if IS_0_1 else "panoseti_grpc.generated.daq_data_pb2")
sys.stdout.write(f"\n{module.DESCRIPTOR.serialized_pb.hex()}\n")
