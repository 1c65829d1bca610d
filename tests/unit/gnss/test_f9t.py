"""Configurations of a ZED-F9T: what is accepted, what is refused, and the messages."""

from __future__ import annotations

from typing import Any

import pytest
from pyubx2 import SET, UBXReader

from panoseti_daq.errors import ConfigError
from panoseti_daq.gnss.f9t import F9tConfig, F9tSetting, values_in

UID = "DF03A241BC"


def config(*pairs: tuple[str, object], **more: Any) -> F9tConfig:
    settings = [{"key": key, "value": value} for key, value in pairs]
    return F9tConfig.parse({"f9t_uid": UID, "cfg_key_settings": settings, **more})


def written(given: F9tConfig) -> list[Any]:
    return [UBXReader.parse(message, msgmode=SET) for message, _ in given.set_messages()]


def test_signals_come_first_then_position_pulses_and_messages() -> None:
    given = config(
        ("CFG_MSGOUT_UBX_TIM_TP_USB", 1.0),
        ("CFG-TP-ANT_CABLEDELAY", 10),
        ("CFG_RATE_MEAS", "0x3e8"),
        ("CFG_SIGNAL_GPS_ENA", True),
        position={"lat_deg": 37.42199991, "lon_deg": -122.08405754, "height_m": 12.3456},
    )
    signals, others = written(given)
    assert (signals.ram, signals.bbr, signals.CFG_SIGNAL_GPS_ENA) == (1, 0, 1)
    names = [name for name in vars(others) if name.startswith("CFG")]
    assert names[0] == "CFG_TMODE_MODE"
    assert names[-3:] == ["CFG_TP_ANT_CABLEDELAY", "CFG_MSGOUT_UBX_TIM_TP_USB", "CFG_RATE_MEAS"]
    assert (others.CFG_TMODE_LAT, others.CFG_TMODE_LAT_HP) == (374219999, 10)
    assert others.CFG_TMODE_LON * 100 + others.CFG_TMODE_LON_HP == -122084057540
    assert (others.CFG_TMODE_HEIGHT, others.CFG_TMODE_HEIGHT_HP) == (1234, 56)
    assert others.CFG_TMODE_FIXED_POS_ACC == 500
    assert others.CFG_RATE_MEAS == 1000


def test_more_than_64_keys_are_a_transaction() -> None:
    from pyubx2 import UBX_CONFIG_DATABASE

    names = [name for name in UBX_CONFIG_DATABASE if name.startswith("CFG_MSGOUT_UBX_NAV")][:130]
    messages = written(config(*((name, 1) for name in names), apply_to_layers=["RAM", "bbr"]))
    assert [message.action for message in messages] == [1, 2, 3]
    assert all((message.ram, message.bbr, message.flash) == (1, 1, 0) for message in messages)
    assert [sum(name.startswith("CFG") for name in vars(message)) for message in messages] == [64, 64, 2]


def test_of_a_key_that_is_there_twice_the_later_value_counts() -> None:
    assert [one.value for one in config(("CFG_RATE_MEAS", 1), ("CFG_RATE_MEAS", 2)).settings] == [2]


def test_the_values_of_an_answer_are_found_by_their_sizes() -> None:
    settings = [
        F9tSetting.of(*pair) for pair in (("CFG_TP_TP1_ENA", 1), ("CFG_TP_DUTY_TP1", 0.5), ("CFG_RATE_MEAS", 9))
    ]
    body = b"".join(one.key_id.to_bytes(4, "little") + one.encoded for one in settings)
    assert values_in(b"123456" + bytes(4) + body + b"ck") == {one.key_id: one.encoded for one in settings}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "invalid f9t_uid: missing; allowed: ten hexadecimal digits"),
        ({"f9t_uid": "12"}, "invalid f9t_uid: 12"),
        ({"f9t_uid": UID}, "there is nothing to set"),
        ({"f9t_uid": UID, "cfg_key_setting": []}, "invalid key: cfg_key_setting; allowed: apply_to_layers"),
        ({"f9t_uid": UID, "cfg_key_settings": [{"key": "CFG_RATE_MEAS"}]}, "allowed: objects with key and value"),
        ({"f9t_uid": UID, "cfg_key_settings": [1]}, "allowed: objects with key and value"),
        ({"f9t_uid": UID, "apply_to_layers": ["ROM"]}, "invalid apply_to_layers: ROM; allowed: RAM, BBR, FLASH"),
        ({"f9t_uid": UID, "verify_layer": "BBR"}, "invalid verify_layer: BBR; allowed: one of apply_to_layers"),
        ({"f9t_uid": UID, "position": {"format": "ECEF"}}, "invalid position.format: ECEF; allowed: LLH"),
        ({"f9t_uid": UID, "position": {"lat_deg": "x"}}, "invalid position.lat_deg: x; allowed: a number"),
    ],
)
def test_what_is_no_configuration_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        F9tConfig.parse(given)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("CFG_NONSENSE", 1, "invalid key: CFG_NONSENSE"),
        ("CFG_RATE_MEAS", 70000, "invalid CFG_RATE_MEAS: 70000; allowed: a whole number of 2 bytes"),
        ("CFG_RATE_MEAS", 1.5, "invalid CFG_RATE_MEAS: 1.5; allowed: a whole number of 2 bytes"),
        ("CFG_RATE_MEAS", -1, "invalid CFG_RATE_MEAS: -1"),
        ("CFG_RATE_MEAS", None, "invalid CFG_RATE_MEAS: None"),
        ("CFG_TP_TP1_ENA", 2, "invalid CFG_TP_TP1_ENA: 2; allowed: 0 or 1"),
        ("CFG_TP_DUTY_TP1", "half", "invalid CFG_TP_DUTY_TP1: half; allowed: a number"),
        ("CFG_RATE_MEAS", float("nan"), "invalid CFG_RATE_MEAS: nan"),
    ],
)
def test_a_value_that_a_key_does_not_hold_is_refused(key: str, value: object, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        F9tSetting.of(key, value)
