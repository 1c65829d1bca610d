from __future__ import annotations

import subprocess
import sys

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
    rare = {f"panoseti_daq.{name}" for name in ("client.gnss", "config.hp_io", "config.packaged", "pff.recording")}
    assert not (heavy | rare) & imported_with("panoseti_daq.client")


def test_importing_a_server_imports_nothing_that_its_settings_may_not_ask_for() -> None:
    rare = {"redis", "prometheus_client", "panoseti_daq.beside", "panoseti_daq.gnss", "panoseti_daq.service.ublox"}
    assert not rare & imported_with("panoseti_daq.service.server")


def imported_with(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())
