"""Settings of the server and their checks; `panoseti_daq.config.load` collects them (SPEC 5)."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.pff.product import MAX_MODULE_ID

SIMULATION: Final = "simulate_daq_cfg"  # key of the settings that are themselves an object


class RunProbe(enum.StrEnum):
    """How the server finds out whether a run is active (SPEC 4.1)."""

    PROCESS = "process"
    """A process named hashpipe is there."""
    PID_FILE = "pid-file"
    """The process whose number stands in DATA_DIR/daq_hashpipe_pid is there."""
    GROWTH = "growth"
    """A PFF file grew within the last minute."""
    NONE = "none"
    """Always."""


def _product(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return DataProduct.from_token(value)
    except ValueError:
        raise ValueError("not a data product") from None


def _none(value: Any) -> Any:
    """``none``, for TOML and variables have no null."""
    return None if value == "none" else value


def _of_kind(kind: Kind) -> AfterValidator:
    def check(product: DataProduct) -> DataProduct:
        if product.kind is not kind:
            raise ValueError(f"not of the kind {kind.value}")
        return product

    return AfterValidator(check)


def _tokens(*kinds: Kind) -> str:
    return ", ".join(p.token for p in DataProduct if p.kind in kinds)


# The description of a field is what an error calls "allowed".
_Product = Annotated[DataProduct, BeforeValidator(_product)]
_MovieProduct = Annotated[_Product, _of_kind(Kind.MOVIE), Field(description=_tokens(Kind.MOVIE))]
_PulseHeightProduct = Annotated[
    _Product, _of_kind(Kind.PULSE_HEIGHT), Field(description=_tokens(Kind.PULSE_HEIGHT))
]
_Products = Annotated[
    tuple[_Product, ...], Field(min_length=1, description=f"a list of one or more of {_tokens(*Kind)}")
]
_ModuleIds = tuple[Annotated[int, Field(ge=0, le=MAX_MODULE_ID)], ...]
_Count = Annotated[int, Field(ge=1, description="an integer, 1 or more")]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number of seconds above 0")]
_SecondsOrNone = Annotated[
    float | None,
    Field(gt=0, allow_inf_nan=False, description="a number of seconds above 0, or none"),
    BeforeValidator(_none),
]
_FileOrNone = Annotated[Path | None, Field(description="a path, or none"), BeforeValidator(_none)]
_Flag = Annotated[bool, Field(description="true or false")]


class SimulationSettings(BaseModel):
    """What the server's own simulation plays; the predecessor's ``simulate_daq_cfg``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    movie_type: _MovieProduct = DataProduct.IMG16
    """Data product of the movie images."""
    ph_type: _PulseHeightProduct = DataProduct.PH256
    """Data product of the pulse-height images."""
    do_movie: _Flag = True
    """Simulate movie images."""
    do_ph: _Flag = True
    """Simulate pulse-height images."""
    frames_per_pff: _Count = 1000
    """Frames per file before the simulation goes on in the next one."""
    sim_module_ids: Annotated[
        _ModuleIds, Field(min_length=1, description=f"a list of one or more integers, 0 to {MAX_MODULE_ID}")
    ] = (224,)
    """Modules to simulate."""

    @model_validator(mode="after")
    def _has_products(self) -> Self:
        if not self.products:
            raise ValueError("without any data product")
        return self

    @property
    def products(self) -> tuple[DataProduct, ...]:
        """Data products to simulate."""
        chosen = ((self.movie_type, self.do_movie), (self.ph_type, self.do_ph))
        return tuple(product for product, wanted in chosen if wanted)


class ServerSettings(BaseModel):
    """What the server may and must do; keys that the predecessor has keep its names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_probe: Annotated[RunProbe, Field(description=", ".join(RunProbe))] = RunProbe.PROCESS
    """How an active run is recognised."""
    max_concurrent_rpcs: _Count = 100
    """Streams at the same time."""
    min_hp_io_update_interval_seconds: _Seconds = 0.001
    """Shortest interval that InitHpIo accepts."""
    stalled_client_timeout_seconds: _Seconds = 60.0
    """A client that takes nothing for so long is ended."""
    quiet_stream_timeout_seconds: _SecondsOrNone = None
    """A stream without a frame for so long is ended; None for never."""
    shutdown_grace_period: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="a number of seconds, 0 or more")
    ] = 5.0
    """Time that calls have to end at shutdown, s."""
    valid_data_products: _Products = tuple(DataProduct)
    """Data products to follow."""
    data_roots: Annotated[tuple[Path, ...], Field(description="a list of directories")] = ()
    """InitHpIo may follow these directories and what is below them; empty for any."""
    polling_interval_seconds: _SecondsOrNone = None
    """Look at the files this often instead of using inotify; None to use inotify where it works."""
    accept_uploads: _Flag = False
    """Take frames that clients push with UploadImages."""
    stalled_run_seconds: _SecondsOrNone = 60.0
    """A run that is active without a frame for so long makes the service NOT_SERVING; None for never."""
    metrics_port: Annotated[
        int | None, Field(ge=0, le=65535, description="a TCP port, or none"), BeforeValidator(_none)
    ] = None
    """Serve metrics for Prometheus at this port, 0 for any that is free; None for no metrics."""
    metrics_host: Annotated[str, Field(min_length=1, description="an address")] = "127.0.0.1"
    """Address at which they are served, to whoever reaches it."""
    tls_certificate: _FileOrNone = None
    """Certificate of the server and the chain above it, PEM; with it connections are encrypted."""
    tls_key: _FileOrNone = None
    """Private key of the certificate, PEM."""
    tls_client_ca: _FileOrNone = None
    """Only clients with a certificate that one of these signed may connect, PEM."""
    allowed_tokens_file: _FileOrNone = None
    """Only calls with a token of this file are answered; ``panoseti-daq token`` makes its lines."""
    init_from_default: _Flag = False
    """Follow what `default_hp_io_config_file` says as soon as the server starts."""
    default_hp_io_config_file: Annotated[
        Path, Field(description="a path of an hp_io_config file, or the name of one that comes with the package")
    ] = Path("hp_io_config_simulate.json")
    """What to follow at start; a bare name is a file that comes with the package."""
    simulate_daq_cfg: Annotated[
        SimulationSettings, Field(description="an object with do_movie or do_ph true, or both")
    ] = SimulationSettings()
    """What the server's own simulation plays."""
