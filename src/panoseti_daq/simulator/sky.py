"""Sky of the simulated telescopes: background, stars, a flat field, and Cherenkov-like pulses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import DataProduct, Header, encode_frame
from panoseti_daq.pff.product import OpenArray
from panoseti_daq.pff.timing import TAI_MINUS_UTC_S

if TYPE_CHECKING:
    from panoseti_daq.simulator.injected import InjectedPulse

SIZE: Final = 32  # pixels along one side of a module
SKY_ADC: Final = 180.0  # night sky in one exposure
N_STARS: Final = 7
PSF_SIGMA_PIXELS: Final = 0.8  # 0.3 degree pixels: a star lights about four
DRIFT_PIXELS_PER_S: Final = 0.05  # faster than the sky's 0.014, so that one sees it move
PEDESTAL_SIGMA_ADC: Final = 6.0  # noise around the subtracted baseline: about half the pixels are negative
_N_NOISE: Final = 64  # noise images that are made once and drawn from
_REFRESH_NS: Final = 100_000_000  # interval between computations of the sky


class ModuleSky:
    """Maker of the frames of one module.

    Reproducible: the same module and seed see the same sky.

    Parameters
    ----------
    module_id
        Telescope module; each has its own stars and flat field.
    seed
        Of the random numbers.
    """

    def __init__(self, module_id: int, seed: int = 0) -> None:
        self._random = random = np.random.default_rng((seed, module_id))
        self._flat = 1.0 + 0.08 * random.standard_normal((SIZE, SIZE))
        # the four quabos differ in gain, and a few pixels are dim
        self._flat *= np.kron(random.uniform(0.9, 1.1, (2, 2)), np.ones((SIZE // 2, SIZE // 2)))
        self._flat[tuple(random.integers(0, SIZE, (2, 4)))] *= 0.3
        self._star_xy = random.uniform(0, SIZE, (2, N_STARS))
        self._star_adc = 60.0 + 900.0 * random.pareto(1.5, N_STARS).clip(0, 4) / 4
        self._noise = random.standard_normal((_N_NOISE, SIZE, SIZE))
        self._mean = np.zeros((SIZE, SIZE))
        self._sigma = np.zeros((SIZE, SIZE))
        self._sky_at_ns = -_REFRESH_NS
        first = random.integers(0, 1 << 16, 4)
        self._pkt_num = {product: first.copy() for product in DataProduct}  # a quabo counts each by itself

    def frame(self, product: DataProduct, unix_ns: int, pulses: Iterable[InjectedPulse] = ()) -> bytes:
        """Return one frame as it stands in a file.

        Parameters
        ----------
        product
            Data product.
        unix_ns
            Time of exposure or trigger, UTC ns since 1970.
        pulses
            Pulses that a movie frame shows.
        """
        if product.one_quabo:
            quabo_num = int(self._random.integers(4))
            return encode_frame(self._header(product, unix_ns, quabo_num), self._pulse(SIZE // 2), product)
        header = self._header(product, unix_ns)
        if product is DataProduct.PH1024:
            return encode_frame(header, self._pulse(SIZE), product)
        return encode_frame(header, self._movie(product, unix_ns, pulses), product)

    def pulse_height(
        self, product: DataProduct, unix_ns: int, quabo: int, pixel: tuple[int, int], adc: int
    ) -> bytes:
        """Return one pulse-height frame of known time, place and height, on the usual noise; the time is exact.

        Parameters
        ----------
        product
            ph256 or ph1024.
        unix_ns
            Time of the trigger, UTC ns since 1970.
        quabo
            Which one sends a ph256 frame.
        pixel, adc
            Row and column in the image, and value, ADC counts.
        """
        image = np.rint(PEDESTAL_SIGMA_ADC * self._random.standard_normal(product.shape))
        image[pixel] = adc
        header = self._header(product, unix_ns, quabo if product.one_quabo else None, jitter_ns=(0, 0, 0, 0))
        return encode_frame(header, image, product)

    def _movie(self, product: DataProduct, unix_ns: int, pulses: Iterable[InjectedPulse]) -> OpenArray:
        if unix_ns - self._sky_at_ns >= _REFRESH_NS:
            self._sky_at_ns = unix_ns
            self._mean = self._flat * (SKY_ADC + self._stars(unix_ns / 1e9))
            self._sigma = np.sqrt(self._mean)
        image = self._mean + self._sigma * self._noise[self._random.integers(_N_NOISE)]
        for pulse in pulses:
            sigma = float(self._sigma[pulse.pixel])
            image[pulse.pixel] += pulse.adc if pulse.sigma is None else pulse.sigma * sigma / pulse.width**0.5
        if product is DataProduct.IMG8:
            image = image / 4  # the quabo sends the upper bits
        return np.asarray(np.rint(image).clip(0, 2 ** (8 * product.bytes_per_pixel) - 1))

    def _stars(self, t_s: float) -> npt.NDArray[np.float64]:
        """Star light in ADC, shape (32, 32): stars drift to the right and come back on the left."""
        axis = np.arange(SIZE)
        x, y = self._star_xy
        x = (x + DRIFT_PIXELS_PER_S * (t_s % 86_400)) % SIZE
        along_x = np.exp(-0.5 * ((axis - x[:, None]) / PSF_SIGMA_PIXELS) ** 2)
        along_y = np.exp(-0.5 * ((axis - y[:, None]) / PSF_SIGMA_PIXELS) ** 2)
        return np.asarray((self._star_adc * along_y.T) @ along_x)

    def _pulse(self, size: int) -> OpenArray:
        """Return a shower: an elongated spot on baseline-subtracted noise, shape (size, size)."""
        random = self._random
        y, x = np.mgrid[:size, :size] - random.uniform(0.2, 0.8, 2)[:, None, None] * size
        angle = random.uniform(0, np.pi)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        length, width = random.uniform(1.0, 3.0), random.uniform(0.5, 1.0)
        spot = np.exp(-0.5 * ((along / length) ** 2 + (across / width) ** 2))
        peak_adc = min(120.0 * (1.0 + random.pareto(2.0)), 4000.0)
        return np.asarray(np.rint(peak_adc * spot + PEDESTAL_SIGMA_ADC * random.standard_normal((size, size))))

    def _header(
        self,
        product: DataProduct,
        unix_ns: int,
        quabo_num: int | None = None,
        jitter_ns: Sequence[int] = (0, -4, 4, -4),  # quabos hear White Rabbit through different fibers
    ) -> Header:
        """Header with White Rabbit time `unix_ns`, received by the host a few hundred microseconds later."""
        quabos = range(4) if quabo_num is None else (quabo_num,)
        pkt_num = self._pkt_num[product]
        pkt_num[list(quabos)] += 1
        sent_ns = [max(0, unix_ns + jitter_ns[q]) for q in quabos]
        host_us = [ns // 1000 + 340 + 9 * q for q, ns in zip(quabos, sent_ns, strict=True)]
        return Header(
            pkt_num=tuple(int(pkt_num[q]) & 0xFFFF for q in quabos),
            pkt_tai=tuple((ns // 1_000_000_000 + TAI_MINUS_UTC_S) % 1024 for ns in sent_ns),
            pkt_nsec=tuple(ns % 1_000_000_000 for ns in sent_ns),
            tv_sec=tuple(us // 1_000_000 for us in host_us),
            tv_usec=tuple(us % 1_000_000 for us in host_us),
            quabo_num=quabo_num,
        )
