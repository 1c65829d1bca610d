from __future__ import annotations

import json
import logging
import operator
import os
from pathlib import Path
from typing import Any

import pytest

from panoseti_daq.config.files import read_object
from panoseti_daq.config.flat_keys import FLAT_KEYS
from panoseti_daq.config.hp_io import read_hp_io
from panoseti_daq.config.keys import allowed_keys
from panoseti_daq.config.load import check_values, load_settings
from panoseti_daq.config.nodes import targets_of
from panoseti_daq.config.packaged import packaged_config, packaged_configs
from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.choose_source import simulation_of

# The keys of the published server configurations, in our words: 0.1.1.1, then what 0.3.5 has instead or more.
PEER_FILE: dict[str, Any] = {
    "init_from_default": False,
    "default_hp_io_config_file": "hp_io_config_simulate.json",
    "max_concurrent_rpcs": 7,
    "max_read_queue_size": 50,
    "min_hp_io_update_interval_seconds": 0.01,
    "max_client_update_interval_seconds": 60,
    "max_reader_enqueue_timeouts": 2,
    "max_reader_dequeue_timeouts": 5,
    "reader_timeout": 10,
    "shutdown_grace_period": 5,
    "hp_io_stop_timeout": 5.0,
    "valid_data_products": ["img8", "img16", "ph256", "ph1024"],
    "simulate_daq_cfg": {
        "movie_type": "img8",
        "ph_type": "ph1024",
        "do_ph": True,
        "do_movie": True,
        "frames_per_pff": 100,
        "sim_module_ids": [224, 3],
        "real_module_id": 1,
        "files": {"data_dir": "somewhere"},
        "early_exit": {"do_exit": False, "nframes_before_exit": 125},
    },
}
HP_IO_KEYS = {"data_dir", "update_interval_seconds", "force", "simulate_daq", "module_ids"}
PEER_FILE_0_3_5: dict[str, Any] = {
    **PEER_FILE,
    "unix_domain_socket": "unix:///tmp/some.sock",
    "read_status_pipe_name": "some_pipe",
    "acquisition_methods": {"uds": {"enabled": True}},
    "simulate_daq_cfg": {
        "simulation_mode": "uds",
        "sim_module_ids": [224, 3],
        "movie_type": "img8",
        "ph_type": "ph1024",
        "source_data": {"real_module_id": 1},
        "filesystem_cfg": {"sim_data_dir": "somewhere"},
        "strategies": {"filesystem_poll": {"frames_per_pff": 100}},
    },
}


@pytest.fixture(autouse=True)
def no_variables_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("PANOSETI_DAQ_")]:
        monkeypatch.delenv(name)


def _file(tmp_path: Path, content: str | dict[str, Any], name: str = "server.json") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def _error(file: Path | None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_source_everything_has_its_default() -> None:
    assert load_settings(None) == ServerSettings()


def test_an_option_beats_the_environment_which_beats_the_file_which_beats_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _file(tmp_path, "max_concurrent_rpcs = 1\nshutdown_grace_period = 1\nrun_probe = 'growth'", "s.toml")
    monkeypatch.setenv("PANOSETI_DAQ_MAX_CONCURRENT_RPCS", "2")
    monkeypatch.setenv("PANOSETI_DAQ_SHUTDOWN_GRACE_PERIOD", "2")
    settings = load_settings(file, {"max_concurrent_rpcs": 3})
    assert settings.limits.max_concurrent_rpcs == 3
    assert settings.limits.shutdown_grace_period == 2
    assert settings.run_probe is RunProbe.GROWTH
    assert settings.limits.stalled_client_timeout_seconds == 60


def test_sources_may_set_different_keys_of_the_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _file(tmp_path, {"simulate_daq_cfg": {"movie_type": "img8", "frames_per_pff": 10}})
    monkeypatch.setenv("PANOSETI_DAQ_SIMULATE_DAQ_CFG__FRAMES_PER_PFF", "20")
    monkeypatch.setenv("PANOSETI_DAQ_SIMULATE_DAQ_CFG__SIM_MODULE_IDS", "3, 4")
    simulation = load_settings(file).simulate_daq_cfg
    assert simulation.movie_type is DataProduct.IMG8
    assert simulation.frames_per_pff == 20
    assert simulation.sim_module_ids == (3, 4)


# odd night 33
def test_variables_of_kubernetes_are_no_settings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = "tcp://10.96.0.7:50051"
    for name, text in {
        "SERVICE_HOST": "10.96.0.7",
        "SERVICE_PORT": "50051",
        "SERVICE_PORT_GRPC": "50051",
        "PORT": address,
        "PORT_50051_TCP": address,
        "PORT_50051_TCP_PROTO": "tcp",
        "PORT_50051_TCP_PORT": "50051",
        "PORT_50051_TCP_ADDR": "10.96.0.7",
        "METRICS_PORT": address,
    }.items():
        monkeypatch.setenv(f"PANOSETI_DAQ_{name}", text)
    assert load_settings(None) == ServerSettings()
    assert "ignored, as set by Kubernetes for a service: PANOSETI_DAQ_METRICS_PORT, " in caplog.text
    monkeypatch.setenv("PANOSETI_DAQ_METRICS_PORT", "9000")
    assert load_settings(None).metrics.port == 9000


@pytest.mark.parametrize("key", allowed_keys())
def test_every_key_is_an_environment_variable(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "run_probe": "none",
        "valid_data_products": "ph256,img8",
        "data_roots": '["/a", "/b"]',
        "init_from_default": "true",
        "accept_uploads": "true",
        "gnss_allow_configuration": "true",
        "default_hp_io_config_file": "/etc/hp_io.json",
        "simulate_daq_cfg": '{"do_ph": false}',
        "socket_template": "/tmp/{product}",
        "gateway": '{"nodes": ["daq1=daq1:50051"]}',
    }
    monkeypatch.setenv(f"PANOSETI_DAQ_{key.upper()}", texts.get(key, "17"))
    path = FLAT_KEYS.get(key, (key,))
    value_of = operator.attrgetter(".".join(path))
    assert value_of(load_settings(None)) != value_of(ServerSettings())
    assert load_settings(None).model_dump(exclude_unset=True).keys() == {path[0]}


TABLES = """
[limits]
max_concurrent_rpcs = 7
[tls]
key = "server.key"
[metrics]
port = 9151
"""
FLAT = """
max_concurrent_rpcs = 7
tls_key = "server.key"
metrics_port = 9151
"""


def test_a_table_is_the_same_as_its_flat_keys(tmp_path: Path) -> None:
    settings = load_settings(_file(tmp_path, TABLES, "tables.toml"))
    assert settings == load_settings(_file(tmp_path, FLAT, "flat.toml"))
    assert (settings.limits.max_concurrent_rpcs, settings.metrics.port) == (7, 9151)
    assert settings.tls.key == tmp_path / "server.key"


def test_sources_may_write_a_key_inside_its_table_and_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _file(tmp_path, TABLES, "server.toml")
    monkeypatch.setenv("PANOSETI_DAQ_MAX_CONCURRENT_RPCS", "8")
    monkeypatch.setenv("PANOSETI_DAQ_METRICS__HOST", "::1")
    settings = load_settings(file, {"limits": {"shutdown_grace_period": 1.0}, "metrics_port": 1})
    assert settings.limits.max_concurrent_rpcs == 8
    assert settings.limits.shutdown_grace_period == 1.0
    assert (settings.metrics.host, settings.metrics.port) == ("::1", 1)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            "[limits]\nmax_concurrent_rpcs = 0",
            "limits.max_concurrent_rpcs: 0 is out of range; allowed: an integer",
        ),
        ("[tls]\nca = 1", "tls.ca: 1 is under an unknown key; allowed: certificate, key, client_ca"),
        ("tls = 1", "tls: 1 is of the wrong type; allowed: an object with certificate, key, client_ca"),
        ("tls_key = 1", "tls_key: 1 is of the wrong type; allowed: a path, or none"),
        ("tls_key = 'a'\n[tls]\nkey = 'b'", "tls_key and tls.key are the same setting; allowed: one of them"),
    ],
)
def test_an_error_names_a_key_as_it_was_written(content: str, text: str, tmp_path: Path) -> None:
    file = _file(tmp_path, content, "server.toml")
    assert _error(file).startswith(f"{file}: {text}")


def test_a_bad_variable_of_a_table_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_LIMITS__MAX_CONCURRENT_RPCS", "many")
    assert "environment: PANOSETI_DAQ_LIMITS__MAX_CONCURRENT_RPCS: 'many' is of the wrong type" in _error(None)


def test_one_module_in_a_variable_is_a_list_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_SIMULATE_DAQ_CFG__SIM_MODULE_IDS", "3")
    assert load_settings(None).simulate_daq_cfg.sim_module_ids == (3,)


def test_the_variables_of_clients_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_TLS", "1")
    assert load_settings(None) == ServerSettings()


def test_none_in_the_environment_switches_a_timeout_of_the_file_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _file(tmp_path, {"quiet_stream_timeout_seconds": 50})
    assert load_settings(file).limits.quiet_stream_timeout_seconds == 50
    monkeypatch.setenv("PANOSETI_DAQ_QUIET_STREAM_TIMEOUT_SECONDS", "none")
    assert load_settings(file).limits.quiet_stream_timeout_seconds is None


def test_a_file_may_say_none_for_toml_has_no_null(tmp_path: Path) -> None:
    file = _file(tmp_path, "quiet_stream_timeout_seconds = 'none'", "server.toml")
    assert load_settings(file).limits.quiet_stream_timeout_seconds is None


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_MAX_CONCURRENT_RPCS", "")
    monkeypatch.setenv("PANOSETI_DAQ_NO_SUCH_KEY", "")
    assert load_settings(None) == ServerSettings()


@pytest.mark.parametrize("content", [PEER_FILE, PEER_FILE_0_3_5], ids=["0.1.1.1", "0.3.5"])
def test_the_predecessors_file_is_accepted_and_one_line_names_what_is_ignored(
    content: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = _file(tmp_path, content)
    with caplog.at_level(logging.INFO):
        settings = load_settings(file)
    assert settings.limits.max_concurrent_rpcs == 7
    assert settings.limits.min_hp_io_update_interval_seconds == 0.01
    assert settings.simulate_daq_cfg.products == (DataProduct.IMG8, DataProduct.PH1024)
    assert settings.simulate_daq_cfg.sim_module_ids == (224, 3)
    [record] = caplog.records
    assert record.getMessage().startswith(f"{file}: ignored")
    simulation = content["simulate_daq_cfg"]
    not_ours = content.keys() - set(allowed_keys())
    not_ours |= simulation.keys() - type(settings.simulate_daq_cfg).model_fields.keys()
    assert all(key in record.getMessage() for key in not_ours)


def test_the_predecessors_reader_timeout_does_not_end_quiet_streams(tmp_path: Path) -> None:
    assert load_settings(_file(tmp_path, PEER_FILE)).limits.quiet_stream_timeout_seconds is None


def test_a_variable_of_the_predecessor_is_ignored_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_READER_TIMEOUT", "10")
    assert load_settings(None) == ServerSettings()
    assert "environment: ignored" in caplog.text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            '{"max_concurrent_rpcs": "lots"}',
            "max_concurrent_rpcs: 'lots' is of the wrong type; allowed: an integer",
        ),
        ('{"max_concurrent_rpcs": "5"}', "max_concurrent_rpcs: '5' is of the wrong type; allowed: an integer"),
        ('{"max_concurrent_rpcs": true}', "max_concurrent_rpcs: True is of the wrong type; allowed: an integer"),
        ('{"max_concurrent_rpcs": 1.5}', "max_concurrent_rpcs: 1.5 is of the wrong type; allowed: an integer"),
        ('{"max_concurrent_rpcs": null}', "max_concurrent_rpcs: None is of the wrong type; allowed: an integer"),
        (
            '{"max_concurrent_rpcs": 0}',
            "max_concurrent_rpcs: 0 is out of range; allowed: an integer, 1 to 1000000",
        ),
        ('{"init_from_default": 1}', "init_from_default: 1 is of the wrong type; allowed: true or false"),
        ('{"shutdown_grace_period": -1}', "shutdown_grace_period: -1 is out of range; allowed: a number of"),
        (
            '{"shutdown_grace_period": NaN}',
            "shutdown_grace_period: nan is not a finite number; allowed: a number of seconds, 0 or more",
        ),
        (
            '{"min_hp_io_update_interval_seconds": Infinity}',
            "min_hp_io_update_interval_seconds: inf is not a finite number; allowed: a number of seconds above 0",
        ),
        ('{"max_streams": 5}', "max_streams: 5 is under an unknown key; allowed: run_probe, max_concurrent_rpcs,"),
        (
            '{"valid_data_products": ["img16", "img32"]}',
            "valid_data_products[1]: 'img32' is not a data product; "
            "allowed: a list of one or more of img8, img16, ph256, ph1024",
        ),
        ('{"valid_data_products": []}', "valid_data_products: [] is empty; allowed: a list of one or more of"),
        (
            '{"run_probe": "guess"}',
            "run_probe: 'guess' is none of these; allowed: process, pid-file, growth, none",
        ),
        ('{"data_roots": "/a"}', "data_roots: '/a' is of the wrong type; allowed: a list of directories"),
        ('{"simulate_daq_cfg": 3}', "simulate_daq_cfg: 3 is of the wrong type; allowed: an object"),
        (
            '{"simulate_daq_cfg": {"movie_type": "ph256"}}',
            "simulate_daq_cfg.movie_type: 'ph256' is not of the kind MOVIE; allowed: img8, img16",
        ),
        (
            '{"simulate_daq_cfg": {"sim_module_ids": [224, 256]}}',
            "simulate_daq_cfg.sim_module_ids[1]: 256 is out of range; allowed: a list of one or more integers",
        ),
        (
            '{"simulate_daq_cfg": {"frames": 1}}',
            "simulate_daq_cfg.frames: 1 is under an unknown key; allowed: movie_type,",
        ),
        (
            '{"simulate_daq_cfg": {"do_movie": false, "do_ph": false}}',
            "is without any data product; allowed: an object with do_movie or do_ph true, or both",
        ),
        ('{"max_concurrent_rpcs": 0, "run_probe": 1}', "(and 1 more)"),
    ],
)
def test_an_error_names_file_key_value_and_what_is_allowed(content: str, text: str, tmp_path: Path) -> None:
    file = _file(tmp_path, content)
    error = _error(file)
    assert error.startswith(f"{file}: ")
    assert text in error


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("s.json", "{", "is not JSON: "),
        ("s.json", "max_concurrent_rpcs = 1", "is not JSON: "),
        ("s.json", "[1]", "[1] is not an object; allowed: an object"),
        ("s.json", '{"run_probe": "\\ud800"}', "; allowed: whole characters"),
        ("s.toml", "{}", "is not TOML: "),
        ("s.toml", "shutdown_grace_period = nan", "shutdown_grace_period: nan is not a finite number"),
        ("s.toml", "run_probe = 2026-01-01", "run_probe: '2026-01-01' is none of these"),
        ("s.conf", "what is this", "is not TOML or JSON: "),
    ],
)
def test_what_is_neither_json_nor_toml_is_one_line(name: str, content: str, text: str, tmp_path: Path) -> None:
    file = _file(tmp_path, content, name)
    error = _error(file)
    assert error.startswith(f"{file}: ")
    assert text in error


def test_bytes_that_are_no_text_a_missing_file_and_a_directory_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
    assert "is not JSON" in _error(tmp_path / "bytes.json")
    assert "nowhere.toml: cannot be read: No such file" in _error(tmp_path / "nowhere.toml")
    assert "cannot be read: Is a directory" in _error(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("MAX_CONCURRENT_RPCS", "lots", "'lots' is of the wrong type; allowed: an integer, 1 to 1000000"),
        ("MAX_CONCURRENT_RPCS", "0", "'0' is out of range; allowed: an integer, 1 to 1000000"),
        (
            "STALLED_CLIENT_TIMEOUT_SECONDS",
            "nan",
            "'nan' is not a finite number; allowed: a number of seconds above",
        ),
        ("VALID_DATA_PRODUCTS", "img8,img9", "'img9' is not a data product; allowed: a list of one or more of"),
        ("SIMULATE_DAQ_CFG", "yes", "'yes' is of the wrong type; allowed: an object"),
        ("SIMULATE_DAQ_CFG__PH_TYPE", "img8", "'img8' is not of the kind PULSE_HEIGHT; allowed: ph256, ph1024"),
        ("SIMULATE_DAQ_CFG__FRAMES", "8", "8' is under an unknown key; allowed: movie_type"),
        ("MAX_STREAMS", "8", "'8' is under an unknown key; allowed: run_probe"),
    ],
)
def test_an_error_names_the_variable(
    variable: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PANOSETI_DAQ_{variable}", value)
    error = _error(None)
    assert error.startswith(f"environment: PANOSETI_DAQ_{variable}: ")
    assert text in error


def test_a_bad_value_of_the_file_is_an_error_even_if_an_option_overrides_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="max_concurrent_rpcs: 0 is out of range"):
        load_settings(_file(tmp_path, {"max_concurrent_rpcs": 0}), {"max_concurrent_rpcs": 3})


def test_sources_that_are_wrong_only_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _file(tmp_path, {"simulate_daq_cfg": {"do_movie": False}})
    monkeypatch.setenv("PANOSETI_DAQ_SIMULATE_DAQ_CFG__DO_PH", "false")
    assert _error(file).startswith("settings of all sources together: simulate_daq_cfg: ")


def test_paths_of_a_file_are_relative_to_it_and_others_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    content = {"data_roots": ["data", "/mnt"], "default_hp_io_config_file": "mine.json"}
    file = _file(tmp_path / "etc", content)
    monkeypatch.chdir(tmp_path)
    settings = load_settings(Path("etc/server.json"))
    assert settings == load_settings(file)
    assert settings.data_roots == (tmp_path / "etc" / "data", Path("/mnt"))
    assert settings.default_hp_io_config_file == tmp_path / "etc" / "mine.json"
    settings = load_settings(file, {"default_hp_io_config_file": Path("other.json")})
    assert settings.default_hp_io_config_file == tmp_path / "other.json"


def test_a_file_beside_the_configuration_goes_before_the_packaged_one_of_its_name(tmp_path: Path) -> None:
    file = _file(tmp_path, {"default_hp_io_config_file": "hp_io_config_lick.json"})
    packaged = load_settings(file).default_hp_io_config_file
    assert read_hp_io(packaged).data_dir == "/mnt/data10"
    _file(tmp_path, {"data_dir": "/mine"}, "hp_io_config_lick.json")
    assert read_hp_io(load_settings(file).default_hp_io_config_file).data_dir == "/mine"


def test_the_simulation_plays_what_is_configured_and_followed() -> None:
    settings = check_values(
        {
            "valid_data_products": ["img8", "ph256"],
            "simulate_daq_cfg": {"movie_type": "img8", "ph_type": "ph1024", "sim_module_ids": [5]},
        }
    )
    simulation = simulation_of(settings)
    assert simulation.products == (DataProduct.IMG8,)
    assert simulation.module_ids == (5,)
    assert simulation.max_file_frames == 1000


def test_a_simulation_of_products_that_are_not_followed_is_refused() -> None:
    settings = check_values({"valid_data_products": ["img8"]})
    with pytest.raises(ConfigError, match="img16, ph256 is not followed; allowed by valid_data_products: img8"):
        simulation_of(settings)


def test_the_packaged_files_are_usable_from_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert set(packaged_configs()) == {
        "daq_config_grpc_simulate.json",
        "daq_data_server_config.json",
        "hp_io_config_lick.json",
        "hp_io_config_simulate.json",
        "network_config_grpc_simulate.json",
    }
    nodes = targets_of(
        packaged_config("daq_config_grpc_simulate.json"), packaged_config("network_config_grpc_simulate.json")
    )
    assert [node.address for node in nodes.values()] == ["localhost:50051"]
    for name in ("hp_io_config_lick.json", "hp_io_config_simulate.json"):
        content = read_object(packaged_config(name))
        assert read_hp_io(Path(name)).simulate == ("simulate" in name)
        assert content.keys() == HP_IO_KEYS | {"comments"}


def test_the_packaged_server_configuration_lists_every_key_with_its_default() -> None:
    file = packaged_config("daq_data_server_config.json")
    settings = load_settings(file)
    assert read_object(file).keys() == set(allowed_keys())
    assert settings.model_fields_set == ServerSettings.model_fields.keys()
    assert settings.model_copy(update={"default_hp_io_config_file": Path("hp_io_config_simulate.json")}) == (
        ServerSettings()
    )


def test_an_unknown_packaged_file_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"there are .*hp_io_config_lick\.json"):
        packaged_config("../config.py")
