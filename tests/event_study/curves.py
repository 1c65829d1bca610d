"""Efficiency of the triggers for pulses put in, and their rate in pure noise.

Many frames: the noise is Poisson or Gaussian with the mean of a moonless night at Lick (200 ADC counts), made in
blocks of 4096 frames. S/N is that of the best possible filter, which knows start and width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from support.events import NS, engine_of, movie, ph256

from panoseti_daq.events import Candidate, Engine
from panoseti_daq.pff import FrameBlock

SKY_ADC: Final = 200.0
SIGMA_ADC: Final = SKY_ADC**0.5
BLOCK: Final = 4096
RATE_HZ: Final = 1000
SPACING: Final = 192  # frames between two pulses that are put in
N_SKIES: Final = 4
WIDTHS: Final = (1, 4, 16, 64)

Noise = Literal["poisson", "gaussian"]
Images = npt.NDArray[np.uint16]


def noise(kind: Noise, random: np.random.Generator, n_frames: int = BLOCK) -> Images:
    """Frames of pure noise."""
    shape = n_frames, 32, 32
    if kind == "poisson":
        return np.asarray(random.poisson(SKY_ADC, shape), np.uint16)
    values = random.standard_normal(shape, dtype=np.float32)
    return np.asarray(np.rint(SKY_ADC + SIGMA_ADC * values), np.uint16)


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Share of pulses that were found."""

    width: int
    snr: float
    n: int
    n_found: int

    @property
    def value(self) -> float:
        return self.n_found / self.n


def search(blocks: Iterator[FrameBlock], **options: Any) -> tuple[list[Candidate], Engine]:
    engine = engine_of([], "pulse", **options)
    found = [candidate for block in blocks for candidate in engine.feed(block)]
    found += engine.finish()
    return found, engine


def efficiency(width: int, snr: float, n: int, kind: Noise = "poisson", seed: int = 0) -> Efficiency:
    """Put a pulse in every 192 frames, at a random moment and in a random pixel; count those that are found."""
    random = np.random.default_rng((seed, width, round(10 * snr)))
    skies = [noise(kind, random) for _ in range(N_SKIES)]
    truth: list[tuple[int, int]] = []

    def blocks() -> Iterator[FrameBlock]:
        for i in range(2 + -(-n * SPACING // BLOCK)):
            # The same noise again, in other pixels.
            images = skies[i % N_SKIES].reshape(BLOCK, -1)[:, random.permutation(1024)].reshape(BLOCK, 32, 32)
            for begin in range(0, BLOCK - SPACING, SPACING) if i >= 2 else ():  # two blocks to learn the noise
                if len(truth) < n:
                    start, pixel = begin + int(random.integers(SPACING - width)), int(random.integers(1024))
                    height = round(snr * SIGMA_ADC / width**0.5)
                    images[start : start + width, pixel // 32, pixel % 32] += np.uint16(height)
                    truth.append((i * BLOCK + start, pixel))
            yield movie(images, first=i * BLOCK)

    found, _ = search(blocks())
    seen = [
        (member.frame_number, member.pixel[0] * 32 + member.pixel[1])
        for candidate in found
        for member in candidate.members
    ]
    n_found = sum(any(pixel == p and start - 64 < f < start + width for f, p in seen) for start, pixel in truth)
    return Efficiency(width, snr, n, n_found)


@dataclass(frozen=True, slots=True)
class FalseRate:
    """Pulses found in pure noise."""

    kind: Noise
    n_samples: float
    expected: float
    n_found: int


def false_rate(kind: Noise, n_samples: float, expected: float, seed: int = 0) -> FalseRate:
    """Search pure noise with a threshold from which this number of false pulses is expected in all."""
    random = np.random.default_rng((seed, len(kind)))
    n_blocks = max(2, round(n_samples / 1024 / BLOCK))
    hours = n_blocks * BLOCK / RATE_HZ / 3600
    blocks = (movie(noise(kind, random), first=i * BLOCK) for i in range(n_blocks))
    found, engine = search(blocks, false_per_hour=expected / hours)
    return FalseRate(kind, n_blocks * BLOCK * 1024, engine.reports()[0].counters["accidentals"], len(found))


@dataclass(frozen=True, slots=True)
class Accidentals:
    """Coincidences of two modules by chance."""

    window_ns: int
    expected: float
    shifted: float
    n_found: int


def accidentals(window_ns: int, rate_hz: float = 20.0, duration_s: float = 1000.0, seed: int = 0) -> Accidentals:
    """Count coincidences of two modules with random events."""
    random = np.random.default_rng((seed, window_ns))
    n_events = random.poisson(rate_hz * duration_s, 2)
    times = [np.sort(random.integers(0, int(duration_s * NS), n)).tolist() for n in n_events]
    blocks = [ph256(module_id, of_module) for module_id, of_module in zip((1, 3), times, strict=True)]
    engine = engine_of(blocks, window_ns=window_ns, dead_time_ns=0, hot_fraction=1)
    n_found = sum(len(engine.feed(block)) for block in blocks) + len(engine.finish())
    expected = 2 * window_ns / NS * rate_hz**2 * duration_s
    return Accidentals(window_ns, expected, engine.reports()[0].counters["accidentals"], n_found)
