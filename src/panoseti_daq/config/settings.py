"""Settings of the server: the one place where a setting, its meaning, its default and its check are written.

The options of ``serve``, the variables and ``docs/settings.md`` are made from these models by
`panoseti_daq.config.keys`; `panoseti_daq.config.load` collects the values (SPEC 5).
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from panoseti_daq.config.values import (
    Allowed,
    Count,
    FileOrNone,
    Flag,
    GraceSeconds,
    ModuleIds,
    MovieProduct,
    Option,
    PortOrNone,
    Products,
    PulseHeightProduct,
    Seconds,
    SecondsOrNone,
    SettingTable,
    SocketTemplate,
)
from panoseti_daq.pff import DataProduct


class RunProbe(enum.StrEnum):
    """Probe that decides whether a run is active (SPEC 4.1)."""

    PROCESS = "process"
    """A process named hashpipe is there."""
    PID_FILE = "pid-file"
    """The process whose number stands in DATA_DIR/daq_hashpipe_pid is there."""
    GROWTH = "growth"
    """A PFF file grew within the last minute."""
    NONE = "none"
    """Always."""


class LimitSettings(SettingTable):
    """Limits on streams, intervals and times."""

    flat = ""

    max_concurrent_rpcs: Annotated[Count, Option(former="--max-streams")] = 100
    """Maximum number of simultaneous streams."""
    min_hp_io_update_interval_seconds: Seconds = 0.001
    """Shortest update interval that InitHpIo accepts."""
    stalled_client_timeout_seconds: Seconds = 60.0
    """End a client that takes nothing for this time."""
    quiet_stream_timeout_seconds: SecondsOrNone = None
    """End a stream without a frame for this time."""
    shutdown_grace_period: GraceSeconds = 5.0
    """Time for calls to end at shutdown, in seconds."""


class TlsSettings(SettingTable):
    """Certificates; connections are encrypted when there is one."""

    flat = "tls_"

    certificate: FileOrNone = None
    """Encrypt connections: PEM file of this server's certificate and its chain."""
    key: FileOrNone = None
    """PEM file of the certificate's private key."""
    client_ca: FileOrNone = None
    """Accept only clients with a certificate that one in this PEM file signed."""

    @property
    def is_used(self) -> bool:
        """Whether any of the files is given."""
        return any((self.certificate, self.key, self.client_ca))


class MetricsSettings(SettingTable):
    """Metrics for Prometheus, served as http://HOST:PORT/metrics."""

    flat = "metrics_"

    port: PortOrNone = None
    """Serve metrics for Prometheus at this port; 0 for any free one."""
    host: Annotated[str, Field(min_length=1), Allowed("an address")] = "127.0.0.1"
    """Address of the metrics."""


class SocketSettings(SettingTable):
    """Sockets that Hashpipe connects to, and sends live snapshots; also `[sources.socket]`."""

    flat = "socket_"

    template: SocketTemplate = ""
    """Listen for Hashpipe's snapshots at this path: {product} stands for img8, img16, ph256 or ph1024."""
    group: Annotated[str, Allowed("the name of a group")] = ""
    """Group whose members may connect to these sockets; without one, only the server's user."""

    @property
    def is_used(self) -> bool:
        """Whether there are sockets."""
        return bool(self.template)


class ContextSettings(SettingTable):
    """What stands beside the images: the Redis of the observatory, only read."""

    flat = "context_"

    url: Annotated[str, Allowed("redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH"), Option("--context")] = ""
    """Read housekeeping, mount and weather from this Redis: redis://HOST:PORT."""
    interval_seconds: Seconds = 2.0
    """Time between two readings."""


class GnssSettings(SettingTable):
    """GNSS receivers that are read."""

    flat = "gnss_"

    receivers: Annotated[tuple[str, ...], Allowed("a list of NAME=SOURCE"), Option("--gnss")] = ()
    """Read this receiver of u-blox: NAME=DEVICE, NAME=tcp://HOST:PORT or NAME=RECORDED_FILE."""
    baud: Annotated[Count, Option("--gnss-baud")] = 115200
    """Speed of serial devices, baud."""
    allow_configuration: Annotated[Flag, Option("--gnss-allow-configuration")] = False
    """Let clients with the role control configure receivers."""


class GatewaySettings(SettingTable):
    """Servers whose frames this one hands on, as on a head node; without any it serves its own."""

    nodes: Annotated[
        tuple[str, ...],
        Allowed("a list of NAME=HOST:PORT, HOST:PORT or nats://HOST/SITE"),
        Option("--node", also="--source"),
    ] = ()
    """Hand on the frames of this DAQ node, NAME=HOST:PORT, or of a site, nats://HOST/SITE."""
    daq_config: Annotated[FileOrNone, Option("--daq-config")] = None
    """Hand on the frames of the nodes of this daq_config.json, which is read again when it changes."""
    network_config: Annotated[FileOrNone, Option("--network-config", also="--net-config")] = None
    """The network_config.json that belongs to it, for nodes behind forwarded ports."""
    prefer: Annotated[str, Allowed("the name of a node"), Option("--prefer")] = ""
    """The node that a module comes from when several have it; the first that had it otherwise."""
    token_file: Annotated[FileOrNone, Option("--node-token-file")] = None
    """File with the token that nodes are shown; one with the role control only if init may go through."""
    tls: Annotated[Flag, Option("--node-tls")] = False
    """Encrypt connections to nodes; implied by the authorities, the certificate and the name."""
    tls_ca: Annotated[FileOrNone, Option("--node-tls-ca")] = None
    """PEM file with the authorities of the nodes' certificates; none for the public ones."""
    tls_certificate: Annotated[FileOrNone, Option("--node-tls-certificate")] = None
    """PEM file with the certificate that nodes are shown."""
    tls_key: Annotated[FileOrNone, Option("--node-tls-key")] = None
    """PEM file of its private key."""
    tls_server_name: Annotated[str, Allowed("a host name"), Option("--node-tls-server-name")] = ""
    """Name in the nodes' certificates, if not the one by which they are reached."""

    @property
    def is_used(self) -> bool:
        """Whether there are nodes."""
        return bool(self.nodes or self.daq_config)


class SimulationSettings(SettingTable):
    """What the server's own simulation plays; the predecessor's ``simulate_daq_cfg``."""

    movie_type: Annotated[MovieProduct, Option("--sim-movie-type")] = DataProduct.IMG16
    """Data product of simulated movie images."""
    ph_type: Annotated[PulseHeightProduct, Option("--sim-ph-type")] = DataProduct.PH256
    """Data product of simulated pulse-height images."""
    do_movie: Annotated[Flag, Option("--sim-do-movie", former="--sim-movie")] = True
    """Simulate movie images."""
    do_ph: Annotated[Flag, Option("--sim-do-ph", former="--sim-ph")] = True
    """Simulate pulse-height images."""
    frames_per_pff: Annotated[Count, Option("--sim-frames-per-pff", former="--sim-frames-per-file")] = 1000
    """Frames per file of the simulation."""
    sim_module_ids: Annotated[ModuleIds, Option("--sim-module-id")] = (224,)
    """Simulated modules."""

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


class ServerSettings(SettingTable):
    """What the server may and must do; keys that the predecessor has keep its names."""

    flat = ""

    run_probe: Annotated[RunProbe, Allowed(", ".join(RunProbe))] = RunProbe.PROCESS
    """How an active run is recognized."""
    limits: LimitSettings = LimitSettings()
    """Limits on streams, intervals and times."""
    valid_data_products: Products = tuple(DataProduct)
    """Data products to follow."""
    data_roots: Annotated[tuple[Path, ...], Allowed("a list of directories")] = ()
    """InitHpIo may follow only these directories and what is below them; none allows any."""
    polling_interval_seconds: SecondsOrNone = None
    """Check the files at this interval instead of using inotify."""
    stalled_run_seconds: SecondsOrNone = 600.0
    """Report a run as stalled when it is active and no frame arrived for this time, or for three known bursts."""
    accept_uploads: Flag = False
    """Accept frames that clients push with UploadImages."""
    allowed_tokens_file: FileOrNone = None
    """Answer only calls with a token of this file; panoseti-daq token makes its lines."""
    tls: TlsSettings = TlsSettings()
    """Certificates; connections are encrypted when there is one."""
    gateway: GatewaySettings = GatewaySettings()
    """Servers whose frames this one hands on."""
    socket: SocketSettings = SocketSettings()
    """Sockets that Hashpipe connects to."""
    context: ContextSettings = ContextSettings()
    """What stands beside the images."""
    gnss: GnssSettings = GnssSettings()
    """GNSS receivers."""
    workers: Count = 1
    """Serve clients from this many processes, beside one that follows the files; 1 for one that does all."""
    metrics: MetricsSettings = MetricsSettings()
    """Metrics for Prometheus."""
    init_from_default: Flag = False
    """Follow what default_hp_io_config_file says as soon as the server starts."""
    default_hp_io_config_file: Annotated[
        Path,
        Allowed("a path of an hp_io_config file, or the name of one that comes with the package"),
        Option(former="--hp-io-config"),
    ] = Path("hp_io_config_simulate.json")
    """What init_from_default follows: an hp_io_config file, or the name of a packaged one."""
    simulate_daq_cfg: Annotated[SimulationSettings, Allowed("an object with do_movie or do_ph true, or both")] = (
        SimulationSettings()
    )
    """What the server's own simulation plays."""
