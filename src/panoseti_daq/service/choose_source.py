"""Choice of the source that a configuration names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import ConfigError
from panoseti_daq.sources.follow import RunSource
from panoseti_daq.sources.source import FrameSource, NoSource

if TYPE_CHECKING:
    from panoseti_daq.simulator.schedule import Simulation
    from panoseti_daq.sources.sockets import SocketSource


def source_of(config: HpIoConfig, settings: ServerSettings) -> FrameSource:
    """Return the source that a configuration names: the simulation, a data directory, sockets or both.

    A simulation or a replay has no sockets beside it: those show the sky of now.

    Raises
    ------
    ConfigError
        The settings leave nothing to simulate.
    """
    if config.simulate or config.replay:
        return _simulated(config, settings)
    if config.uploads_only:
        return NoSource()
    if config.sockets_only:
        return _sockets_of(config, settings, is_alone=True)
    files = RunSource(
        config.data_dir,
        module_ids=config.module_ids,
        products=settings.valid_data_products,
        polling_interval_s=settings.polling_interval_seconds,
        roots=settings.data_roots,
    )
    if not settings.socket.is_used:
        return files
    from panoseti_daq.service.both import FilesAndSockets

    return FilesAndSockets(files, _sockets_of(config, settings, is_alone=False))


def _simulated(config: HpIoConfig, settings: ServerSettings) -> FrameSource:
    from panoseti_daq.simulator.source import SimulatedSource  # which a server of files starts faster without

    if config.simulate:
        return SimulatedSource(simulation_of(settings), config.module_ids)
    return SimulatedSource(module_ids=config.module_ids, replay=Path(config.replay), speed=config.speed)


def _sockets_of(config: HpIoConfig, settings: ServerSettings, *, is_alone: bool) -> SocketSource:
    from panoseti_daq.sources.sockets import SocketSource

    sockets = settings.socket
    products = settings.valid_data_products
    return SocketSource(sockets.template, products, config.module_ids, sockets.group, is_alone=is_alone)


def simulation_of(settings: ServerSettings) -> Simulation:
    """Return the server's own simulation; old files are deleted, so that it can run for months.

    Raises
    ------
    ConfigError
        None of its data products is among those to follow.
    """
    from panoseti_daq.simulator.schedule import Simulation

    wanted, valid = settings.simulate_daq_cfg, settings.valid_data_products
    products = tuple(product for product in wanted.products if product in valid)
    if not products:
        simulated, allowed = (", ".join(p.token for p in some) for some in (wanted.products, valid))
        raise ConfigError(
            f"simulate_daq_cfg: {simulated} is not followed; allowed by valid_data_products: {allowed}"
        )
    return Simulation(wanted.sim_module_ids, products, max_file_frames=wanted.frames_per_pff, keep_files=2)
