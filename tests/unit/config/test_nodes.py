from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.config.nodes import address_of, head_node_of, targets_at, targets_of
from panoseti_daq.errors import ConfigError


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("daq1", "daq1:50051"),
        ("10.0.0.60:1234", "10.0.0.60:1234"),
        ("::1", "[::1]:50051"),
        ("[::1]", "[::1]:50051"),
        ("[fe80::1]:7", "[fe80::1]:7"),
        ("fe80::1%eth0", "[fe80::1%eth0]:50051"),
        ("daq_1.example.org", "daq_1.example.org:50051"),
        ("unix:///run/daq.sock", "unix:///run/daq.sock"),
    ],
)
def test_every_form_of_a_host_has_an_address(host: str, address: str) -> None:
    assert address_of(host) == address


@pytest.mark.parametrize("host", ["", ":1", "daq1:", "daq1:port", "daq1:0", "daq1:65536", "[::1]:x"])
def test_a_host_that_cannot_be_is_refused_with_the_forms_there_are(host: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        address_of(host)


# odd night 37
@pytest.mark.parametrize(
    "host", ["http://H:50051", "grpc://H", "dns:///H:1", "user@H", "A,B", "A B", "[H]:1", "H/path", "H:1:2"]
)
def test_a_url_a_user_and_a_list_are_no_hosts(host: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        address_of(host)


# odd night 34
def test_a_byte_order_mark_before_a_configuration_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "daq_config.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps({"daq_nodes": [{"ip_addr": "daq1"}]}).encode())
    assert list(targets_of(file)) == ["daq1"]


def test_nodes_behind_a_gateway_are_known_by_its_name() -> None:
    nodes = [{"ip_addr": "192.168.3.84", "data_dir": "/mnt/data10", "username": "x"}, {"ip_addr": "daq2"}]
    network = [
        {"ip_addr": "192.168.3.84", "port_forwarding": {"status": True, "gw_ip": "gate", "port": 22}},
        {"ip_addr": "daq2", "port_forwarding": {"status": False, "gw_ip": "other", "port": 22}},
    ]
    targets = targets_of({"daq_nodes": nodes}, {"daq_nodes": network})
    assert {host: target.address for host, target in targets.items()} == {
        "gate": "gate:50051",
        "daq2": "daq2:50051",
    }
    assert targets["gate"].data_dir == "/mnt/data10"


def test_a_forwarded_grpc_port_is_used() -> None:
    network = [{"ip_addr": "a", "port_forwarding": {"status": True, "gw_ip": "gate", "grpc_port": 50061}}]
    targets = targets_of({"daq_nodes": [{"ip_addr": "a"}]}, {"daq_nodes": network})
    assert targets["gate"].address == "gate:50061"


def test_a_node_that_is_not_behind_a_gateway_may_have_a_port_of_its_own() -> None:
    nodes = [
        {"ip_addr": "a", "grpc_port": 1},
        {"ip_addr": "b", "grpc_port": 2},
        {"ip_addr": "c:9", "grpc_port": 3},
    ]
    network = [
        {"ip_addr": "a", "grpc_port": 50061, "port_forwarding": {"status": False, "grpc_port": 50071}},
        {"ip_addr": "b"},
    ]
    targets = targets_of({"daq_nodes": nodes}, {"daq_nodes": network})
    assert [target.address for target in targets.values()] == ["a:50061", "b:2", "c:9"]


@pytest.mark.parametrize("port", [70000, "x", [1], -1, 1e400])
def test_a_port_that_cannot_be_is_named(port: Any) -> None:
    with pytest.raises(ConfigError, match="grpc_port .* of 'a'"):
        targets_of({"daq_nodes": [{"ip_addr": "a", "grpc_port": port}]})
    with pytest.raises(ConfigError, match="network_config: headnode: grpc_port .* of 'a'"):
        head_node_of({"head_node_ip_addr": "a"}, {"headnode": {"grpc_port": port}})


@pytest.mark.parametrize(
    ("network_config", "address"),
    [(None, "head:50051"), ({"daq_nodes": []}, "head:50051"), ({"headnode": {"grpc_port": 50061}}, "head:50061")],
)
def test_the_head_node_has_its_port_from_the_network(network_config: Any, address: str) -> None:
    assert head_node_of({"head_node_ip_addr": "head"}, network_config).address == address


@pytest.mark.parametrize("config", [{}, {"head_node_ip_addr": ""}, {"head_node_ip_addr": 3}])
def test_without_a_head_node_the_key_is_named(config: Any) -> None:
    with pytest.raises(ConfigError, match="invalid daq_config: head_node_ip_addr"):
        head_node_of(config)


def test_nodes_behind_one_gateway_are_told_apart_by_their_ports() -> None:
    network = [
        {"ip_addr": name, "port_forwarding": {"status": True, "gw_ip": "gate", "grpc_port": port}}
        for name, port in (("a", 50061), ("b", 50062))
    ]
    targets = targets_of({"daq_nodes": [{"ip_addr": "a"}, {"ip_addr": "b"}]}, {"daq_nodes": network})
    assert {host: target.address for host, target in targets.items()} == {
        "gate": "gate:50061",
        "gate:50062": "gate:50062",
    }


def test_two_nodes_on_one_address_are_reported_and_become_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        targets = targets_of({"daq_nodes": [{"ip_addr": "a"}, {"ip_addr": "a"}]})
    assert list(targets) == ["a"]
    assert "ends up on a:50051" in caplog.text


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (None, "cannot be None"),
        (3, "not a str, Path, or dict"),
        ({}, "daq_nodes is empty"),
        ({"daq_nodes": []}, "daq_nodes is empty"),
        ({"daq_nodes": None}, "daq_nodes is empty"),
        ({"daq_nodes": [{"data_dir": "/x"}]}, "does not have an 'ip_addr' key"),
    ],
)
def test_a_configuration_without_nodes_is_a_value_error(config: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        targets_of(config)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    good = tmp_path / "daq_config.json"
    good.write_text(json.dumps({"daq_nodes": [{"ip_addr": "a"}]}))
    with pytest.raises(FileNotFoundError, match="no_such_net.json"):
        targets_of(good, tmp_path / "no_such_net.json")
    with pytest.raises(FileNotFoundError, match="no_such_daq.json"):
        targets_of(str(tmp_path / "no_such_daq.json"))


@pytest.mark.parametrize("text", ["not json", "[1]"])
def test_a_file_that_is_not_a_json_object_is_a_value_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "daq_config.json").write_text(text)
    with pytest.raises(ConfigError, match="daq_config"):
        targets_of(tmp_path / "daq_config.json")


@pytest.mark.parametrize(
    ("hosts", "addresses"),
    [
        (("a", "b:50052"), ["a:50051", "b:50052"]),
        ((["a", "b"],), ["a:50051", "b:50051"]),
        (("a", 50053), ["a:50053"]),
        (("a", 50053, ("b",), "::1", 50054), ["a:50053", "b:50051", "[::1]:50054"]),
    ],
)
def test_hosts_may_be_names_lists_and_names_with_a_port(hosts: tuple[Any, ...], addresses: list[str]) -> None:
    assert [target.address for target in targets_at(hosts)] == addresses


@pytest.mark.parametrize("hosts", [(50051,), (None,), ([], 50051)])
def test_what_is_no_host_is_refused_with_what_is_allowed(hosts: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigError, match="invalid host: .*; allowed: a name|at least one host"):
        targets_at(hosts)


def test_a_host_in_place_of_a_configuration_says_what_to_write() -> None:
    with pytest.raises(FileNotFoundError, match=r"if it is a host, write AioDaqDataClient.connect\('daq1'\)"):
        AioDaqDataClient("daq1")
    with pytest.raises(FileNotFoundError, match=r"daq_config.json' does not exist$"):
        AioDaqDataClient("/nowhere/daq_config.json")
