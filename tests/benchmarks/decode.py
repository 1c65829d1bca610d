"""Time of decoding: ``python -m benchmarks.decode WHAT FILE``, in the python of a system, prints us.

From the bytes of a message, as gRPC hands them out, to what the user gets. Processor time,
so that other processes do not count.
"""

from __future__ import annotations

import importlib
import importlib.util
import statistics
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

N_BATCHES: Final = 15
N_PER_BATCH: Final = 200


def _decoder(what: str, data: bytes) -> Callable[[], Any]:
    if what == "peer":
        is_old = importlib.util.find_spec("panoseti_grpc") is None
        prefix = "daq_data" if is_old else "panoseti_grpc.daq_data"
        resources: Any = importlib.import_module(f"{prefix}.resources")
        generated = "daq_data" if is_old else "panoseti_grpc.generated"
        pb: Any = importlib.import_module(f"{generated}.daq_data_pb2")
        return lambda: resources.parse_pano_image(pb.StreamImagesResponse.FromString(data).pano_image)
    from panoseti_daq._proto import daq_data_pb2
    from panoseti_daq.client.images import image_dict, received_frame

    parse = daq_data_pb2.StreamImagesResponse.FromString
    read: dict[str, Callable[[], Any]] = {
        "dict": lambda: image_dict(received_frame(parse(data), "")),
        "keys": lambda: _read(image_dict(received_frame(parse(data), ""))),
        "frame": lambda: received_frame(parse(data), ""),
        "image": lambda: (frame := received_frame(parse(data), "")) and (frame.image, frame.time),
    }
    return read[what]


def _read(mapping: Any) -> None:
    for value in dict(mapping).values():
        if hasattr(value, "keys"):
            _read(value)


def main(what: str, file: str) -> None:
    timer = timeit.Timer(_decoder(what, Path(file).read_bytes()), timer=time.process_time)
    timer.timeit(N_PER_BATCH)
    print(1e6 * statistics.median(timer.repeat(N_BATCHES, N_PER_BATCH)) / N_PER_BATCH)


if __name__ == "__main__":
    sys.path.insert(0, "")
    main(*sys.argv[1:])
