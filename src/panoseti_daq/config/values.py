"""Values of settings: what each may be, checked, and in words for errors and the documentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.pff.product import MAX_MODULE_ID

MAX_COUNT: Final = 1_000_000  # gRPC counts in 32 bits, with what other calls add
SOCKET_PLACEHOLDERS: Final = ("{product}", "{dp_name}")  # of the data product; the second is the predecessor's


@dataclass(frozen=True, slots=True)
class Allowed:
    """Values that a setting may have, for errors and the documentation."""

    text: str


@dataclass(frozen=True, slots=True)
class Option:
    """Name of the option of ``serve``, where it is not that of the key, its former name, and another as good."""

    name: str = ""
    former: str = ""
    also: str = ""


def _product(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return DataProduct.from_token(value)
    except ValueError:
        raise ValueError("not a data product") from None


def _none(value: object) -> object:
    """None for ``none``: TOML and variables have no null."""
    return None if value == "none" else value


def _of_kind(kind: Kind) -> AfterValidator:
    def check(product: DataProduct) -> DataProduct:
        if product.kind is not kind:
            raise ValueError(f"not of the kind {kind.value}")
        return product

    return AfterValidator(check)


def _tokens(*kinds: Kind) -> str:
    return ", ".join(p.token for p in DataProduct if p.kind in kinds)


def _template(text: str) -> str:
    if text and not any(place in text for place in SOCKET_PLACEHOLDERS):
        raise ValueError("the same path for all data products")
    if text and not text.startswith("/"):
        raise ValueError("not absolute")
    return text


Product = Annotated[DataProduct, BeforeValidator(_product)]
MovieProduct = Annotated[Product, _of_kind(Kind.MOVIE), Allowed(_tokens(Kind.MOVIE))]
PulseHeightProduct = Annotated[Product, _of_kind(Kind.PULSE_HEIGHT), Allowed(_tokens(Kind.PULSE_HEIGHT))]
Products = Annotated[
    tuple[Product, ...], Field(min_length=1), Allowed(f"a list of one or more of {_tokens(*Kind)}")
]
ModuleIds = Annotated[
    tuple[Annotated[int, Field(ge=0, le=MAX_MODULE_ID)], ...],
    Field(min_length=1),
    Allowed(f"a list of one or more integers, 0 to {MAX_MODULE_ID}"),
]
Count = Annotated[int, Field(ge=1, le=MAX_COUNT), Allowed(f"an integer, 1 to {MAX_COUNT}")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), Allowed("a number of seconds above 0")]
SecondsOrNone = Annotated[
    float | None,
    Field(gt=0, allow_inf_nan=False),
    BeforeValidator(_none),
    Allowed("a number of seconds above 0, or none"),
]
GraceSeconds = Annotated[float, Field(ge=0, allow_inf_nan=False), Allowed("a number of seconds, 0 or more")]
PortOrNone = Annotated[int | None, Field(ge=0, le=65535), BeforeValidator(_none), Allowed("a TCP port, or none")]
FileOrNone = Annotated[Path | None, BeforeValidator(_none), Allowed("a path, or none")]
Flag = Annotated[bool, Allowed("true or false")]
SocketTemplate = Annotated[str, AfterValidator(_template), Allowed("an absolute path with {product}, or nothing")]


class SettingTable(BaseModel):
    """Settings of one table; the docstring of a setting is its help."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flat: ClassVar[str | None] = None
    """Prefix of the flat keys, which may stand outside the table, too; None where there are none."""
