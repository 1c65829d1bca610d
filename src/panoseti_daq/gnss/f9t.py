"""Configuration of a ZED-F9T as clients of the predecessor write it, checked; messages that set and read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from panoseti_daq.errors import ConfigError
from panoseti_daq.gnss.messages import require_pyubx2
from panoseti_daq.open_types import OpenMapping

MODEL: Final = "ZED-F9T"  # and what begins with it, such as ZED-F9T-10B
SIGNALS: Final = "CFG_SIGNAL_"  # satellites and their signals: the receiver restarts its search

_MOST_KEYS: Final = 64  # of one message
_LAYERS: Final = {"RAM": (1, 0), "BBR": (2, 1), "FLASH": (4, 2)}  # bit to set it, number to read it
_ORDER: Final = ("CFG_TMODE_", "CFG_TP_", "CFG_MSGOUT_", "")  # position, pulses, messages, and all others
_KEYS: Final = frozenset(
    {"f9t_uid", "device", "apply_to_layers", "verify_layer", "cfg_key_settings", "position"}
    | {"baud", "register_csv", "host", "port"}  # of the predecessor's server; here `serve` knows them
)
_VALUE_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}  # by three bits of the number of a key


@dataclass(frozen=True, slots=True)
class F9tSetting:
    """A key of the receiver's database, and the value that it is to have.

    Attributes
    ----------
    name, key_id
        As u-blox has them, such as CFG_TP_TP1_ENA.
    value, encoded
        The value, and its bytes.
    """

    name: str
    key_id: int
    value: int | float | bytes
    encoded: bytes

    @classmethod
    def of(cls, name: str, value: object) -> Self:
        """Check a name and a value.

        Raises
        ------
        ConfigError
            There is no such key, or it does not hold this value.
        """
        ubx = require_pyubx2()
        name = name.strip().replace("-", "_").upper()
        try:
            key_id, kind = ubx.cfgname2key(name)
        except ubx.UBXMessageError:
            raise ConfigError(f"invalid key: {name}; allowed: a key of u-blox, such as CFG_TP_TP1_ENA") from None
        try:
            number = _number(value, kind)
            return cls(name, key_id, number, ubx.val2bytes(number, kind))
        except (TypeError, ValueError, OverflowError, ubx.UBXTypeError):
            raise ConfigError(f"invalid {name}: {value}; allowed: {_allowed(kind)}") from None

    def shown(self, encoded: bytes | None) -> str:
        """Return bytes of its kind for people."""
        if encoded is None:
            return "nothing: this receiver does not know it"
        ubx = require_pyubx2()
        return str(ubx.bytes2val(encoded, ubx.cfgname2key(self.name)[1]))


def _number(value: object, kind: str) -> int | float | bytes:
    size = int(kind[1:])
    if isinstance(value, str):
        value = int(value, 0)
    if not isinstance(value, int | float):
        raise TypeError(value)
    if kind[0] == "R":
        return float(value)
    if int(value) != value:
        raise ValueError(value)
    if kind[0] == "L" and value not in (0, 1):
        raise ValueError(value)
    return int(value).to_bytes(size, "little") if kind[0] == "X" else int(value)


def _allowed(kind: str) -> str:
    if kind[0] in "RL":
        return "a number" if kind[0] == "R" else "0 or 1"
    return f"a whole number of {int(kind[1:])} byte{'s' if int(kind[1:]) > 1 else ''}"


@dataclass(frozen=True, slots=True)
class F9tConfig:
    """What one receiver is to be.

    Attributes
    ----------
    unique_id
        Ten hexadecimal digits, as SEC-UNIQID has them.
    device
        Name or source of the receiver; empty for whichever has the unique id.
    layers
        Where the settings are written: RAM 1, BBR 2, FLASH 4, added.
    read_layer
        From where they are read back: RAM 0, BBR 1, FLASH 2.
    settings
        In the order in which they are written.
    """

    unique_id: str
    device: str
    layers: int
    read_layer: int
    settings: tuple[F9tSetting, ...]

    @classmethod
    def parse(cls, given: OpenMapping) -> Self:
        """Read what a client sends: the keys of one chip merged into the common ones.

        Raises
        ------
        ConfigError
            A key is unknown, missing or invalid; names it, its value and what is allowed.
        """
        if unknown := sorted(given.keys() - _KEYS):
            raise ConfigError(f"invalid key: {unknown[0]}; allowed: {', '.join(sorted(_KEYS))}")
        unique_id = str(given.get("f9t_uid", "")).upper()
        if len(unique_id) != 10 or set(unique_id) - set("0123456789ABCDEF"):
            raise ConfigError(f"invalid f9t_uid: {unique_id or 'missing'}; allowed: ten hexadecimal digits")
        layers = [str(name).upper() for name in given.get("apply_to_layers", ["RAM"])]
        if not layers or set(layers) - _LAYERS.keys():
            raise ConfigError(f"invalid apply_to_layers: {', '.join(layers)}; allowed: {', '.join(_LAYERS)}")
        read = str(given.get("verify_layer", layers[0])).upper()
        if read not in layers:
            raise ConfigError(f"invalid verify_layer: {read}; allowed: one of apply_to_layers")
        settings = dict(_settings(given.get("cfg_key_settings", [])))
        if position := given.get("position"):
            settings |= {setting.name: setting for setting in _fixed_at(position)}
        if not settings:
            raise ConfigError("cfg_key_settings and position are missing: there is nothing to set")
        layer_bits = sum({_LAYERS[name][0] for name in layers})
        in_order = tuple(sorted(settings.values(), key=_place))
        return cls(unique_id, str(given.get("device", "")), layer_bits, _LAYERS[read][1], in_order)

    def set_messages(self) -> Iterator[tuple[bytes, Sequence[F9tSetting]]]:
        """Yield the messages CFG-VALSET with what each sets: signals first, then the others.

        More than 64 keys are a transaction: the receiver takes all of them, or none.
        """
        signals = [one for one in self.settings if one.name.startswith(SIGNALS)]
        for group in (signals, self.settings[len(signals) :]):
            parts = in_parts(group)
            for i, part in enumerate(parts):
                transaction = 0 if len(parts) == 1 else 1 if i == 0 else 3 if i == len(parts) - 1 else 2
                pairs = [(one.key_id, one.value) for one in part]
                message = require_pyubx2().UBXMessage.config_set(self.layers, transaction, pairs)
                yield message.serialize(), part


def in_parts(settings: Sequence[F9tSetting]) -> list[Sequence[F9tSetting]]:
    """Return settings in as many parts as messages are needed."""
    return [settings[i : i + _MOST_KEYS] for i in range(0, len(settings), _MOST_KEYS)]


def get_message(settings: Sequence[F9tSetting], layer: int) -> bytes:
    """Return the message CFG-VALGET that asks for what a layer holds."""
    poll = require_pyubx2().UBXMessage.config_poll(layer, 0, [one.key_id for one in settings])
    data: bytes = poll.serialize()
    return data


def values_in(data: bytes) -> Mapping[int, bytes]:
    """Return the bytes of each key in an answer CFG-VALGET, which is whole and has its checksum."""
    payload, found, at = data[6:-2], {}, 4
    while at + 4 < len(payload):
        key_id = int.from_bytes(payload[at : at + 4], "little")
        size = _VALUE_SIZES.get(key_id >> 28 & 7, 1)
        found[key_id] = payload[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def _place(setting: F9tSetting) -> int:
    if setting.name.startswith(SIGNALS):
        return -1
    return next(i for i, prefix in enumerate(_ORDER) if setting.name.startswith(prefix))


def _settings(entries: Any) -> Iterator[tuple[str, F9tSetting]]:
    for entry in entries:
        if not isinstance(entry, Mapping) or not {"key", "value"} <= entry.keys():
            raise ConfigError(f"invalid cfg_key_settings: {entry}; allowed: objects with key and value")
        setting = F9tSetting.of(str(entry["key"]), entry["value"])
        yield setting.name, setting


def _fixed_at(position: OpenMapping) -> Iterator[F9tSetting]:
    """Yield the settings of a receiver that does not move, and so needs one satellite for the time."""
    form = str(position.get("format", "LLH")).upper()
    if form != "LLH":
        raise ConfigError(f"invalid position.format: {form}; allowed: LLH")
    numbers = {"acc_m": 0.05, **position}
    for name in ("lat_deg", "lon_deg", "height_m", "acc_m"):
        if not isinstance(numbers.get(name), int | float):
            raise ConfigError(f"invalid position.{name}: {numbers.get(name, 'missing')}; allowed: a number")
    yield F9tSetting.of("CFG_TMODE_MODE", 2)
    yield F9tSetting.of("CFG_TMODE_POS_TYPE", 1)
    yield F9tSetting.of("CFG_TMODE_FIXED_POS_ACC", round(numbers["acc_m"] * 10_000))  # 0.1 mm
    # 1e-7 degree and hundredths of it; cm, and hundredths of it.
    for key, name, fine_per_unit in (
        ("LAT", "lat_deg", 1e9),
        ("LON", "lon_deg", 1e9),
        ("HEIGHT", "height_m", 1e4),
    ):
        coarse, fine = divmod(round(numbers[name] * fine_per_unit), 100)
        yield F9tSetting.of(f"CFG_TMODE_{key}", coarse)
        yield F9tSetting.of(f"CFG_TMODE_{key}_HP", fine)
