"""Known events in a simulation: pulses of pixels in movies, and pulse heights of several modules at known times.

A TOML file says which::

    [[pulse]]                    # a pixel is brighter
    module = 1
    product = "img16"            # the default
    at_s = 5.0                   # since the run began; the next frame is the first
    pixel = [20, 12]             # row and column in the image of the module
    width = 4                    # frames
    sigma = 10.0                 # of the whole pulse, of the noise of its sum; or adc = 70.0, of each frame

    [[pair]]                     # a pulse height in each module
    modules = [1, 3]
    at_s = 6.0                   # of the first
    dt_ns = 50                   # each further one this much later
    product = "ph256"            # the default
    quabo = 0
    pixel = [8, 8]               # row and column in the image of the product
    adc = 500
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from panoseti_daq.config.files import first_fault
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.pff.product import MAX_MODULE_ID

_NS: Final = 1_000_000_000
ModuleId = Annotated[int, Field(ge=0, le=MAX_MODULE_ID)]


class _Injected(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    at_s: float = Field(ge=0)
    pixel: tuple[int, int]
    product: str

    @model_validator(mode="after")
    def _is_in_image(self) -> _Injected:
        rows, columns = DataProduct.from_token(self.product).shape
        if not (0 <= self.pixel[0] < rows and 0 <= self.pixel[1] < columns):
            raise ValueError(f"pixel {list(self.pixel)} is not within {rows}x{columns}")
        return self

    @property
    def at_ns(self) -> int:
        """When it begins, ns since the run began."""
        return round(self.at_s * _NS)


class InjectedPulse(_Injected):
    """A pixel that is brighter for some frames."""

    module: ModuleId
    product: str = "img16"
    width: int = Field(1, ge=1)
    sigma: float | None = Field(None, gt=0)
    adc: float | None = None

    @field_validator("product")
    @classmethod
    def _is_movie(cls, token: str) -> str:
        return _of_kind(token, Kind.MOVIE)

    @model_validator(mode="after")
    def _has_height(self) -> InjectedPulse:
        if (self.sigma is None) == (self.adc is None):
            raise ValueError("exactly one of sigma and adc is required")
        return self


class InjectedPair(_Injected):
    """Pulse heights of several modules."""

    modules: tuple[ModuleId, ...] = Field(min_length=1)
    product: str = "ph256"
    dt_ns: int = Field(0, ge=0)
    quabo: int = Field(0, ge=0, le=3)
    adc: int = Field(500, ge=1, le=32767)

    @field_validator("product")
    @classmethod
    def _is_pulse_height(cls, token: str) -> str:
        return _of_kind(token, Kind.PULSE_HEIGHT)


def _of_kind(token: str, kind: Kind) -> str:
    if DataProduct.from_token(token).kind is not kind:
        raise ValueError(f"{token} is not a {kind.value.lower().replace('_', ' ')}")
    return token


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pulse: tuple[InjectedPulse, ...] = ()
    pair: tuple[InjectedPair, ...] = ()


@dataclass(frozen=True, slots=True)
class PulseHeight:
    """One pulse height of a pair: when, whose, and what."""

    at_ns: int  # since the run began
    module_id: int
    product: DataProduct
    quabo: int
    pixel: tuple[int, int]
    adc: int


@dataclass(frozen=True, slots=True)
class Injections:
    """All known events of a simulation."""

    pulses: tuple[InjectedPulse, ...] = ()
    pairs: tuple[InjectedPair, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Injections:
        """Read a file.

        Raises
        ------
        ConfigError
            It is not TOML, or a key or a value is invalid; the message says which.
        OSError
            It is missing or unreadable.
        """
        try:
            found = _File.model_validate(tomllib.loads(path.read_text("utf-8")))
        except ValidationError as error:
            raise ConfigError(f"{path}: {first_fault(error)}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
        return cls(found.pulse, found.pair)

    def pulse_heights(self) -> Iterator[PulseHeight]:
        """Return each pulse height of each pair."""
        for pair in self.pairs:
            product = DataProduct.from_token(pair.product)
            for i, module_id in enumerate(pair.modules):
                yield PulseHeight(
                    pair.at_ns + i * pair.dt_ns, module_id, product, pair.quabo, pair.pixel, pair.adc
                )

    def by_frame(self, period_ns: int) -> Mapping[tuple[int, DataProduct, int], list[InjectedPulse]]:
        """Pulses that a movie frame shows, by module, product and time of the frame since the run began, ns."""
        found: dict[tuple[int, DataProduct, int], list[InjectedPulse]] = {}
        for pulse in self.pulses:
            first = -(-pulse.at_ns // period_ns)
            for i in range(first, first + pulse.width):
                key = pulse.module, DataProduct.from_token(pulse.product), i * period_ns
                found.setdefault(key, []).append(pulse)
        return found
