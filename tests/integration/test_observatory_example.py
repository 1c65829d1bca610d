"""The files of examples/observatory are accepted, and a client sees both nodes with them."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.patience import PATIENCE_S
from support.rig import recording

from panoseti_daq import AioDaqDataClient
from panoseti_daq.config.hp_io import HpIoConfig, read_hp_io
from panoseti_daq.config.load import load_settings
from panoseti_daq.config.nodes import targets_of
from panoseti_daq.config.settings import RunProbe
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.server import running_server

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "observatory"
HEAD = EXAMPLE / "head"
MODULES = {"daq1": (1, 3), "daq2": (224, 225)}


def test_the_head_node_finds_both_nodes_the_second_behind_its_gateway() -> None:
    targets = targets_of(HEAD / "daq_config.json", HEAD / "network_config.json")
    assert {host: target.address for host, target in targets.items()} == {
        "192.0.2.11": "192.0.2.11:50051",
        "198.51.100.12": "198.51.100.12:50052",
    }
    assert [target.data_dir for target in targets.values()] == ["/data/daq1", "/data/daq2"]


@pytest.mark.parametrize("node", MODULES)
def test_the_settings_of_a_node_allow_its_data_directory_and_no_other(node: str) -> None:
    settings = load_settings(EXAMPLE / node / "server.toml")
    assert settings.data_roots == (Path("/data") / node,)
    assert settings.run_probe is RunProbe.PROCESS


def test_what_init_sends_leaves_the_data_directory_to_each_node() -> None:
    config = read_hp_io(HEAD / "hp_io_config.json")
    assert config.data_dir == ""
    assert config.module_ids == ()


def test_there_are_no_addresses_but_those_for_documentation_and_no_logins() -> None:
    texts = [path.read_text() for path in EXAMPLE.rglob("*") if path.suffix in (".json", ".toml", ".md", ".conf")]
    addresses = {address for text in texts for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text)}
    assert {address.rpartition(".")[0] for address in addresses - {"0.0.0.0"}} == {"192.0.2", "198.51.100"}
    nodes = json.loads((HEAD / "daq_config.json").read_text())["daq_nodes"]
    assert {node["username"] for node in nodes} == {""}


def test_the_lock_file_has_every_package_that_the_server_needs_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    entries = re.split(r"\n(?=\S)", (EXAMPLE / "requirements.lock").read_text())
    locked = {entry.partition("==")[0] for entry in entries if "--hash=sha256:" in entry}
    assert {re.split(r"[<>=~!;\[ ]", package)[0].lower() for package in needed} <= locked


def test_the_container_is_made_of_files_that_are_there_and_not_ignored() -> None:
    text = (EXAMPLE / "Containerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (?!--)(.*)", text, re.MULTILINE) for word in line.split()[:-1]]
    allowed = [line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")]
    assert copied and all((ROOT / name).exists() for name in copied)
    assert sorted(copied) == sorted(allowed)


# odd night 63
def test_the_health_check_is_kept_by_podman_and_is_told_of_tls() -> None:
    text = (EXAMPLE / "Containerfile").read_text()
    assert "podman build --format docker " in text
    variables = set(re.findall(r"-e (PANOSETI_DAQ_\w+)=", text))
    assert variables == {"PANOSETI_DAQ_TLS_CA", "PANOSETI_DAQ_TLS_SERVER_NAME"}


@asynccontextmanager
async def observatory(tmp_path: Path) -> AsyncIterator[tuple[Path, Path]]:
    """Servers with the example's settings but for directories and ports, and the head node's files for them."""
    changed = {"metrics_port": None, "run_probe": RunProbe.NONE}
    async with AsyncExitStack() as stack:
        ports = []
        for node in MODULES:
            roots = {"data_roots": [tmp_path / node]}
            settings = load_settings(EXAMPLE / node / "server.toml", {**changed, **roots})
            follow = HpIoConfig(str(tmp_path / node))
            server = await stack.enter_async_context(running_server(settings, follow=follow))
            ports.append(int(server.address.rpartition(":")[2]))

        def localise(config: dict[str, Any]) -> None:
            first, second = config["daq_nodes"]
            first["ip_addr"] = f"127.0.0.1:{ports[0]}"
            if "port_forwarding" in second:
                second["port_forwarding"].update(gw_ip="localhost", grpc_port=ports[1])
            else:
                first["data_dir"], second["data_dir"] = (str(tmp_path / node) for node in MODULES)

        yield edited("daq_config.json", tmp_path, localise), edited("network_config.json", tmp_path, localise)


def edited(name: str, directory: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    content = json.loads((HEAD / name).read_text())
    change(content)
    (directory / name).write_text(json.dumps(content))
    return directory / name


@pytest.mark.anyio
async def test_a_client_with_the_files_of_the_head_node_sees_every_module_of_both_nodes(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for node, module_ids in MODULES.items():
            for module_id in module_ids:
                recorder = stack.enter_context(recording(tmp_path / node, module_id))
                recorder.write(DataProduct.IMG16)
        async with observatory(tmp_path) as files, AioDaqDataClient(*files) as client:
            assert await client.get_valid_daq_hosts() == set(client.hosts)
            assert len(client.hosts) == 2
            assert await client.init_hp_io(None, HEAD / "hp_io_config.json")
            seen: set[int] = set()
            async with asyncio.timeout(PATIENCE_S):
                async for image in client.stream_images():
                    seen.add(image["module_id"])
                    if len(seen) == 4:
                        break
    assert seen == {module_id for module_ids in MODULES.values() for module_id in module_ids}
