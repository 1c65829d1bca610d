from __future__ import annotations

import subprocess
import sys

import pytest

import panoseti_daq


def test_the_public_names_are_these() -> None:
    assert panoseti_daq.__all__ == [
        "AioDaqDataClient",
        "ConfigError",
        "Credentials",
        "DaqDataClient",
        "DaqError",
        "DataProduct",
        "Frame",
        "FrameBlock",
        "Gap",
        "HostChange",
        "HostError",
        "ImageDict",
        "Key",
        "Kind",
        "NewestFrames",
        "PffError",
        "ReceivedBlock",
        "ReceivedFrame",
        "Recording",
        "RpcError",
        "Run",
        "Selection",
        "SourceError",
        "StatusResponse",
        "TimeStatus",
        "__version__",
        "open_file",
        "open_run",
        "to_json",
    ]


def test_every_public_name_is_there() -> None:
    for name in panoseti_daq.__all__:
        assert name == "__version__" or getattr(panoseti_daq, name).__name__ == name


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, panoseti_daq; print({'grpc', 'numpy', 'pandas', 'pydantic'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_importing_the_client_imports_only_what_every_client_needs() -> None:
    heavy = {"pandas", "pydantic", "watchfiles", "PySide6", "tempfile", "zipfile", "tomllib"}
    heavy |= {"google.protobuf.struct_pb2", "google.protobuf.empty_pb2"}
    of_client = {"client.gnss", "client.lossless", "client.newest", "client.now", "client.upload"}
    of_files = {"config.hp_io", "config.packaged", "pff.block", "pff.flaws", "pff.layout", "pff.recording"}
    rare = {f"panoseti_daq.{name}" for name in of_client | of_files}
    assert not (heavy | rare) & imported_with("panoseti_daq.client")


@pytest.mark.parametrize("state", ["enable", "disable", "freeze"])
def test_importing_the_client_leaves_the_garbage_collector_as_it_was(state: str) -> None:
    found = "print(gc.isenabled(), gc.get_freeze_count() > 0)"
    code = f"import gc; gc.{state}(); {found}; import panoseti_daq.client; {found}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = result.stdout.splitlines()
    assert before == after


def test_importing_a_server_imports_nothing_that_its_settings_may_not_ask_for() -> None:
    rare = {"redis", "prometheus_client", "panoseti_daq.beside", "panoseti_daq.gnss", "panoseti_daq.service.ublox"}
    assert not rare & imported_with("panoseti_daq.service.server")


def imported_with(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())
