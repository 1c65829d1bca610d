"""Requests of InitHpIo, both ways: what to follow."""

from __future__ import annotations

from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.config.hp_io import HpIoConfig

NODE_KEY: Final = "x-daq-node"  # of the metadata of InitHpIo: the one node of a gateway that it is for


def init_request(config: HpIoConfig, node_data_dir: str) -> pb.InitHpIoRequest:
    """Return the request to follow `config`; an empty ``data_dir`` means `node_data_dir`, that of daq_config."""
    return pb.InitHpIoRequest(
        data_dir=config.data_dir or node_data_dir,
        update_interval_seconds=config.update_interval_s,
        force=config.force,
        simulate_daq=config.simulate,
        module_ids=config.module_ids,
    )


def hp_io_of_request(request: pb.InitHpIoRequest) -> HpIoConfig:
    """Return what a request asks to follow; `HpIoConfig.check` validates it."""
    return HpIoConfig(
        request.data_dir,
        request.update_interval_seconds,
        tuple(sorted(set(request.module_ids))),
        request.simulate_daq,
        force=request.force,
    )
