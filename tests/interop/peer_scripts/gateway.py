"""The gateway of 0.4 in front of servers: gateway.py PORT DIRECTORY [HOST ...]. It says where it listens."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import grpc
from panoseti_grpc.daq_data.aggregator import DaqDataGatewayServicer
from panoseti_grpc.daq_data.config import DaqDataServerConfig
from panoseti_grpc.generated.daq_data_pb2_grpc import add_DaqDataServicer_to_server
from panoseti_grpc.grpc_utils.health import register_health


async def main(edge_port: int, directory: Path, hosts: list[str]) -> None:
    daq_config = directory / "daq_config.json"
    daq_config.write_text(json.dumps({"daq_nodes": [{"ip_addr": host} for host in hosts]}))
    gateway = {"daq_config_path": str(daq_config), "edge_port": edge_port}
    servicer = DaqDataGatewayServicer(DaqDataServerConfig.model_validate({"role": "gateway", "gateway": gateway}))
    server = grpc.aio.server()
    add_DaqDataServicer_to_server(servicer, server)
    servicer.health_toggle = register_health(server, ["daqdata.DaqData"])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await servicer.startup()
    sys.stderr.write(f"listening on 127.0.0.1:{port}\n")
    sys.stderr.flush()
    await server.wait_for_termination()


asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or ["127.0.0.1"]))
