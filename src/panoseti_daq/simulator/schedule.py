"""Schedule of the frames to write: simulated, or as recorded (SPEC 7)."""

from __future__ import annotations

import enum
import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct, FrameBlock, Kind
from panoseti_daq.pff.product import MAX_MODULE_ID
from panoseti_daq.simulator.injected import Injections
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.writer import Buffering

DEFAULT_MODULE_ID: Final = 224  # the published simulation's, which scripts expect
DEFAULT_PRODUCTS: Final = (DataProduct.IMG16, DataProduct.PH256)
HASHPIPE_BLOCK_PACKETS: Final = 16384  # SPEC 1.5
NO_INJECTIONS: Final = Injections()
_NS: Final = 1_000_000_000


class Output(enum.StrEnum):
    """Where frames go."""

    FILES = "files"
    SOCKETS = "socket"
    """To the sockets of a server, as snapshots."""
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to write.

    Attributes
    ----------
    module_ids
        Modules, 0-255.
    products
        Data products.
    rate_hz
        Movie frames per second, module and product.
    pulse_height_rate_hz
        Mean rate of triggers per module and product; they come at random.
    buffering
        When a frame reaches the file.
    block_packets
        With the buffering of Hashpipe: packets of all modules that its network thread gathers before it hands them
        on; 0 for none. None for as many as there (16384), or none with another buffering.
    max_file_frames
        Frames per file before it rotates; None for never.
    keep_files
        Files of a product to keep at rotation; None for all.
    seed
        Seed of the random numbers.
    injections
        Known events to put in.
    output
        Where the frames go.
    socket_template
        Paths of the sockets, with ``{product}`` in place of the data product; for an output to them.
    """

    module_ids: tuple[int, ...] = (DEFAULT_MODULE_ID,)
    products: tuple[DataProduct, ...] = DEFAULT_PRODUCTS
    rate_hz: float = 20.0
    pulse_height_rate_hz: float = 8.0
    buffering: Buffering = Buffering.FRAME
    block_packets: int | None = None
    max_file_frames: int | None = None
    keep_files: int | None = None
    seed: int = 0
    injections: Injections = NO_INJECTIONS
    output: Output = Output.FILES
    socket_template: str = ""

    def __post_init__(self) -> None:
        for module_id in self.module_ids:
            if not 0 <= module_id <= MAX_MODULE_ID:
                raise ConfigError(f"module_id {module_id} is not within 0-{MAX_MODULE_ID}")
        if self.block_packets and self.buffering is not Buffering.HASHPIPE:
            raise ConfigError(f"block_packets {self.block_packets} needs the buffering {Buffering.HASHPIPE}")
        if (self.output is not Output.FILES) is not bool(self.socket_template):
            raise ConfigError(
                f"invalid output: {self.output} with the socket_template {self.socket_template!r}; allowed:"
                f" {Output.FILES} without one, {Output.SOCKETS} and {Output.BOTH} with one"
            )
        if not self.module_ids or not self.products:
            raise ConfigError("a simulation needs at least one module and one data product")
        for name in ("rate_hz", "pulse_height_rate_hz"):
            if not 0 < getattr(self, name) <= 1e6:
                raise ConfigError(f"{name} {getattr(self, name):g} is not within 0-1000000 frames/s")

    @property
    def n_block_packets(self) -> int:
        """Packets of all modules that are gathered before they are written; 0 for none."""
        if self.block_packets is None:
            return HASHPIPE_BLOCK_PACKETS if self.buffering is Buffering.HASHPIPE else 0
        return self.block_packets


@dataclass(frozen=True, slots=True)
class Due:
    """One frame to write: when, where, and what."""

    at_ns: int  # since the run began
    module_id: int
    product: DataProduct
    frame: bytes


def synthetic(simulation: Simulation, start_ns: int) -> Iterator[Due]:
    """Frames of a simulation in the order of their time, without end; `start_ns` is the UTC time of the first."""
    skies = {module_id: ModuleSky(module_id, simulation.seed) for module_id in simulation.module_ids}
    random = np.random.default_rng(simulation.seed)
    injections, period_ns = simulation.injections, max(1, round(_NS / simulation.rate_hz))
    pulses = injections.by_frame(period_ns)
    extra = [found for found in injections.pulse_heights() if found.module_id in skies]
    # One heap entry per module and product: its next frame; and one per pulse height that is put in.
    n_products = len(simulation.products)
    queue = [(0, m, i) for m in skies for i in range(n_products)]
    queue += [(found.at_ns, found.module_id, n_products + j) for j, found in enumerate(extra)]
    heapq.heapify(queue)
    while queue:
        at_ns, module_id, i = queue[0]
        sky, unix_ns = skies[module_id], start_ns + at_ns
        if i >= n_products:
            found = extra[i - n_products]
            heapq.heappop(queue)
            frame = sky.pulse_height(found.product, unix_ns, found.quabo, found.pixel, found.adc)
            yield Due(at_ns, module_id, found.product, frame)
            continue
        product = simulation.products[i]
        if product.kind is Kind.MOVIE:
            shown = pulses.get((module_id, product, at_ns), ())
            yield Due(at_ns, module_id, product, sky.frame(product, unix_ns, shown))
            pause_ns = period_ns
        else:
            yield Due(at_ns, module_id, product, sky.frame(product, unix_ns))
            pause_ns = max(1, round(random.exponential(1 / simulation.pulse_height_rate_hz) * _NS))
        heapq.heapreplace(queue, (at_ns + pause_ns, module_id, i))


def _never_earlier(unix_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Times at which to write frames one after the other; one without a time goes with its neighbour."""
    unix_ns = np.maximum.accumulate(unix_ns)
    known = unix_ns[unix_ns > 0]
    return np.maximum(unix_ns, known[0]) if len(known) else unix_ns


def recorded(files: Collection[FrameBlock], speed: float) -> Iterator[Due]:
    """Frames of recorded files, byte for byte, in the order of their time.

    Parameters
    ----------
    files
        Files of one run, see `open_file`.
    speed
        How much faster than they were taken; infinite for as fast as possible.
    """
    times = [_never_earlier(f.times[0]) for f in files]
    begin_ns = min((int(t[0]) for t in times if t[0]), default=0)

    def one(block: FrameBlock, unix_ns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Iterator[Due]:
        size = block.layout.frame_size_bytes
        for i, at_ns in enumerate(((unix_ns - begin_ns).clip(0) / speed).astype(np.int64)):
            frame = bytes(block.data[i * size : (i + 1) * size])
            yield Due(int(at_ns), block.module_id, block.product, frame)

    streams = [one(f, t) for f, t in zip(files, times, strict=True)]
    return heapq.merge(*streams, key=lambda due: due.at_ns)
