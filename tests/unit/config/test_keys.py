from __future__ import annotations

import runpy
from pathlib import Path

from panoseti_daq.config.keys import BY_PATH, SETTINGS

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_of_the_settings_is_what_the_models_say() -> None:
    page = runpy.run_path(str(DOCS / "make_settings.py"))["page"]()
    assert (DOCS / "settings.md").read_text() == page, "run python docs/make_settings.py"


def test_every_setting_has_names_help_and_allowed_values_of_its_own() -> None:
    for names in ([s.key for s in SETTINGS], [s.variable for s in SETTINGS], [s.option for s in SETTINGS]):
        assert len(set(names)) == len(SETTINGS)
    assert all(setting.help.endswith(".") and setting.allowed for setting in SETTINGS)


def test_names_follow_from_the_key() -> None:
    authority = BY_PATH["tls", "client_ca"]
    assert authority.key == "tls_client_ca"
    assert authority.variable == "PANOSETI_DAQ_TLS_CLIENT_CA"
    assert authority.option == "--tls-client-ca"
    roots = BY_PATH[("data_roots",)]
    assert (roots.option, roots.default, roots.value_type) == ("--data-root", "none", tuple[Path, ...])
    modules = BY_PATH["simulate_daq_cfg", "sim_module_ids"]
    assert modules.variable == "PANOSETI_DAQ_SIMULATE_DAQ_CFG__SIM_MODULE_IDS"
    assert modules.option == "--sim-module-id"
