"""The peer's clients of GNSS receivers: ublox_client.py ADDRESS DEVICE. The last line is a report in JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from panoseti_grpc.generated import ublox_control_pb2, ublox_control_pb2_grpc
from panoseti_grpc.ublox_control.client import AioUbloxControlClient, UbloxControlClient
from panoseti_grpc.ublox_control.resources import default_f9t_cfg

ADDRESS, DEVICE = sys.argv[1:]
PATTERNS = ["TIM-TP", "NAV-TIME"]
# As its scripts simple_client.py and save_raw_ubx.py make it: the keys of a chip merged into the common ones.
CHIP = {**default_f9t_cfg, **default_f9t_cfg["f9t_chips"][0], "device": DEVICE}
del CHIP["f9t_chips"]


def init_as_scripts_do(force: bool) -> str:
    with grpc.insecure_channel(ADDRESS) as channel:
        stub = ublox_control_pb2_grpc.UbloxControlStub(channel)
        request = ublox_control_pb2.InitF9tRequest(f9t_config=ParseDict(CHIP, Struct()), force_init=force)
        try:
            return str(stub.InitF9t(request, timeout=20).message)
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"


def sync() -> dict[str, Any]:
    with UbloxControlClient([ADDRESS]) as client:
        report: dict[str, Any] = {"ping": client.ping(ADDRESS)}
        captured = client.capture_ublox(ADDRESS, PATTERNS)
        report["messages"] = [next(captured) for _ in range(3)]
        captured.close()
        try:
            client.init_f9t([ADDRESS], CHIP)
        except ValueError as error:
            report["init_f9t"] = str(error)
    return report


async def aio() -> dict[str, Any]:
    async with AioUbloxControlClient([ADDRESS]) as client:
        report: dict[str, Any] = {"ping": await client.ping(ADDRESS), "messages": []}
        async for message in client.capture_ublox([ADDRESS], PATTERNS):
            report["messages"].append(message)
            if len(report["messages"]) == 3:
                break
        try:
            await client.init_f9t([ADDRESS], CHIP)
        except ValueError as error:
            report["init_f9t"] = str(error)
    return report


sys.stdout.write(
    json.dumps({"init": init_as_scripts_do(True), "sync": sync(), "async": asyncio.run(aio())}) + "\n"
)
