"""Selection of frames: which of them, and how often."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from operator import index
from typing import Final, Self, SupportsIndex

from panoseti_daq.errors import ConfigError
from panoseti_daq.former import with_former
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff.frame import Key
from panoseti_daq.pff.product import MAX_MODULE_ID, DataProduct, Kind
from panoseti_daq.pff.quabos import N_QUABOS


@with_former(module_ids="modules", update_interval_s="interval_s")
@dataclass(frozen=True, slots=True)
class Selection:
    """Selection of frames, and their least interval.

    Holds the keys of these frames: ``frame.key in selection``. An empty collection of modules, products or quabos
    stands for all of them; a selection without any kind holds nothing.

    Attributes
    ----------
    kinds
        Movie, pulse height or both.
    module_ids
        Telescope modules, 0-255.
    products
        Data products.
    quabos
        Quabos of ph256, 0-3. An image of any other product holds all four quabos, and belongs to every choice.
    update_interval_s
        Least time between two frames of one key, s, never negative; zero for as fast as they come.

    Raises
    ------
    ConfigError
        A value is invalid; says which key, which value and what is allowed.
    """

    kinds: Collection[Kind] = frozenset(Kind)
    module_ids: Collection[int] = frozenset()
    products: Collection[DataProduct] = frozenset()
    quabos: Collection[int] = frozenset()
    update_interval_s: float = 0.0

    def __post_init__(self) -> None:
        valid: OpenDict = {
            "kinds": frozenset(self.kinds),
            "module_ids": _numbers("module_ids", self.module_ids, MAX_MODULE_ID),
            "products": _products(self.products),
            "quabos": _numbers("quabos", self.quabos, N_QUABOS - 1),
            "update_interval_s": _seconds(self.update_interval_s),
        }
        # The dataclass is frozen; callers may pass lists and tokens, readers get sets.
        for name, value in valid.items():
            object.__setattr__(self, name, value)
        if self.products and not any(product.kind in self.kinds for product in self.products):
            chosen = ", ".join(product.token for product in DataProduct if product in self.products)
            allowed = ", ".join(product.token for product in DataProduct if product.kind in self.kinds)
            raise ConfigError(f"invalid products: {chosen}; allowed for these kinds: {allowed or 'none'}")

    @classmethod
    def of(
        cls,
        movie: bool = True,
        pulse_height: bool = True,
        module_ids: Iterable[int] | None = (),
        update_interval_s: float = 0.0,
        products: Iterable[DataProduct | str] | None = (),
        quabos: Iterable[int] | None = (),
    ) -> Self:
        """Return the selection that arguments of the clients or options of commands stand for.

        Parameters
        ----------
        movie, pulse_height
            Whether each of the kinds is wanted.
        module_ids, products, quabos
            Any iterable; None for all. Products may be tokens, such as ``"img16"``.
        update_interval_s
            Least time between two frames of one key, s.

        Raises
        ------
        ConfigError
            A value is invalid.
        """
        every: OpenDict = {"module_ids": module_ids, "products": products, "quabos": quabos}
        for key, values in every.items():
            try:
                every[key] = tuple(() if values is None else values)
            except TypeError:
                raise ConfigError(f"invalid {key}: {values!r}; allowed: a list") from None
        return cls(
            kinds_of(movie, pulse_height),
            every["module_ids"],
            every["products"],
            every["quabos"],
            update_interval_s,
        )

    def within(self, modules: Collection[int], products: Collection[DataProduct]) -> Selection:
        """Return what of it is of some modules, or of any if there are none, and of some data products."""
        both = (
            frozenset(self.module_ids) & frozenset(modules)
            if self.module_ids and modules
            else self.module_ids or modules
        )
        left = [
            product
            for product in products
            if product.kind in self.kinds and (not self.products or product in self.products)
        ]
        # An empty set would stand for all of them.
        if not left or (self.module_ids and not both):
            return Selection(kinds=())
        return replace(self, module_ids=both, products=left)

    def __contains__(self, key: Key) -> bool:
        return (
            key.product.kind in self.kinds
            and (not self.module_ids or key.module_id in self.module_ids)
            and (not self.products or key.product in self.products)
            and (not self.quabos or key.quabo is None or key.quabo in self.quabos)
        )

    def __str__(self) -> str:
        parts = [" and ".join(kind.value.lower().replace("_", " ") for kind in Kind if kind in self.kinds)]
        parts.append(
            f"modules {', '.join(map(str, sorted(self.module_ids)))}" if self.module_ids else "all modules"
        )
        if self.products:
            parts.append(", ".join(product.token for product in DataProduct if product in self.products))
        if self.quabos:
            parts.append(f"quabos {', '.join(map(str, sorted(self.quabos)))}")
        return f"{', '.join(parts)}, every {self.update_interval_s:g} s"


def kinds_of(movie: bool, pulse_height: bool) -> Collection[Kind]:
    """Return the kinds that two switches stand for."""
    return frozenset((Kind.MOVIE,) * bool(movie) + (Kind.PULSE_HEIGHT,) * bool(pulse_height))


def _numbers(key: str, values: Collection[SupportsIndex], highest: int) -> frozenset[int]:
    try:
        numbers = frozenset(map(index, values))
    except TypeError:
        raise ConfigError(f"invalid {key}: {values!r}; allowed: whole numbers from 0 to {highest}") from None
    for number in sorted(numbers):
        if not 0 <= number <= highest:
            raise ConfigError(f"invalid {key}: {number}; allowed: 0 to {highest}")
    return numbers


def _products(values: Collection[DataProduct | str]) -> frozenset[DataProduct]:
    try:
        return frozenset(v if isinstance(v, DataProduct) else DataProduct.from_token(v) for v in values)
    except (TypeError, ValueError):
        allowed = ", ".join(product.token for product in DataProduct)
        raise ConfigError(f"invalid products: {values!r}; allowed: {allowed}") from None


def _seconds(value: object) -> float:
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = math.nan
    if math.isnan(seconds):
        raise ConfigError(f"invalid update_interval_seconds: {value!r} is not a number")
    # Negative means as fast as they come, as it does with the predecessor.
    return max(0.0, seconds)


EVERYTHING: Final = Selection()
"""All frames, as fast as they come."""
