"""``hp_io_config`` as a request (SPEC 5.1)."""

from __future__ import annotations

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.config.hp_io import HpIoConfig


def init_request(config: HpIoConfig, node_data_dir: str) -> pb.InitHpIoRequest:
    """Return the request; an empty ``data_dir`` means `node_data_dir`, the node's own in daq_config."""
    return pb.InitHpIoRequest(
        data_dir=config.data_dir or node_data_dir,
        update_interval_seconds=config.update_interval_s,
        force=config.force,
        simulate_daq=config.simulate,
        module_ids=config.module_ids,
    )
