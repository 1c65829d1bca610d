"""Names on NATS: subjects, streams and keys of a site.

    pano.v1.SITE.img.MODULE.PRODUCT[.qN]   newest frame of a key, as in a StreamImagesResponse
    pano.v1.SITE.all.MODULE.PRODUCT        every frame, as in a StreamFramesResponse, and gaps in their place
    pano.v1.SITE.gap.MODULE.PRODUCT        gaps alone, for alerts
    pano.v1.SITE.wall.VIEW                 newest images of a view in one message (`wire.wall`), for browsers

A site is who publishes: one observatory, or one DAQ node.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.pff import DataProduct, Key, Kind, Selection
from panoseti_daq.pff.product import MAX_MODULE_ID

STATUS_BUCKET: Final = "panoseti_status"
WALL_KEYS: Final = "Panoseti-Keys"
"""Header of a wall: names of its keys, by number, with commas between them."""
EVERYTHING: Final = "all"
"""View of all that a bridge publishes."""
_KEY: Final = re.compile(r"([0-9]{1,3})\.(\w+)(?:\.q([0-3]))?", re.ASCII)
_SITE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LATEST: Final = "PANO_LATEST_"
_FRAMES: Final = {Kind.MOVIE: "PANO_MOVIE_", Kind.PULSE_HEIGHT: "PANO_PH_"}


def name_of_key(key: Key) -> str:
    """Return ``MODULE.PRODUCT[.qN]``."""
    quabo = "" if key.quabo is None else f".q{key.quabo}"
    return f"{key.module_id}.{key.product.token}{quabo}"


def key_of_name(name: str) -> Key:
    """Return the key of a `name_of_key`.

    Raises
    ------
    PffError
        It is none.
    """
    try:
        module_id, token, quabo = _KEY.fullmatch(name).groups()  # type: ignore[union-attr]
        key = Key(int(module_id), DataProduct.from_token(token), None if quabo is None else int(quabo))
    except (AttributeError, ValueError):
        raise PffError(f"invalid key: {name!r}; allowed: MODULE.PRODUCT or MODULE.PRODUCT.qN") from None
    if key.module_id > MAX_MODULE_ID or (key.quabo is not None) is not key.product.one_quabo:
        raise PffError(f"invalid key: {name!r}; there is no such module or quabo")
    return key


@dataclass(frozen=True, slots=True)
class Site:
    """Names of one site.

    Attributes
    ----------
    name
        Letters, digits, ``_`` and ``-``.

    Raises
    ------
    ConfigError
        The name is invalid.
    """

    name: str

    def __post_init__(self) -> None:
        if not _SITE.fullmatch(self.name):
            raise ConfigError(f"invalid site: {self.name!r}; allowed: letters, digits, '_' and '-'")

    @classmethod
    def of_stream(cls, stream: str) -> Site | None:
        """Return the site whose frames a stream holds; None for any other stream."""
        prefix = next((prefix for prefix in (_LATEST, *_FRAMES.values()) if stream.startswith(prefix)), None)
        return None if prefix is None else cls(stream.removeprefix(prefix))

    @property
    def latest(self) -> str:
        """Stream of the newest frames: one message per subject."""
        return _LATEST + self.name

    def frames(self, kind: Kind) -> str:
        """Stream of all frames of a kind."""
        return _FRAMES[kind] + self.name

    def _subject(self, *tokens: object) -> str:
        return ".".join(("pano.v1", self.name, *map(str, tokens)))

    def image(self, key: Key) -> str:
        """Subject of the newest frame of a key."""
        return self._subject("img", name_of_key(key))

    def all_of(self, module_id: object, product: object) -> str:
        """Subject of all frames of a module and product; each may be ``*``."""
        return self._subject("all", module_id, product)

    def gap(self, module_id: int, product: DataProduct) -> str:
        """Subject of gaps."""
        return self._subject("gap", module_id, product.token)

    def wall(self, view: str) -> str:
        """Subject of the newest images of a view."""
        return self._subject("wall", view)

    @property
    def of_latest(self) -> list[str]:
        """Subjects of the stream of newest frames."""
        return [self._subject("img", ">"), self._subject("wall", ">")]

    def of_frames(self, kind: Kind) -> list[str]:
        """Subjects of the stream of all frames of a kind."""
        return [self.all_of("*", product.token) for product in DataProduct if product.kind is kind]

    @property
    def of_gaps(self) -> str:
        """Subject of all gaps."""
        return self._subject("gap", ">")

    def images_in(self, selection: Selection) -> str:
        """Subject of the newest frames of a selection; also of other modules and products."""
        modules = sorted(selection.module_ids)
        return self._subject("img", *(modules if len(modules) == 1 else ()), ">")

    def frames_in(self, selection: Selection) -> Iterator[tuple[Kind, str]]:
        """Yield kind and subject of all frames of a selection; also of other products of its kinds."""
        for kind in Kind:
            products = [p for p in DataProduct if p.kind is kind and p in (selection.products or DataProduct)]
            if kind in selection.kinds and products:
                if not selection.module_ids:
                    yield kind, self.all_of("*", "*")
                # A server takes no pattern that has both more and less than a subject of the stream.
                for module_id in sorted(selection.module_ids):
                    yield from ((kind, self.all_of(module_id, product.token)) for product in products)

    def status_of(self, node: str) -> str:
        """Key of the status of a DAQ node in the bucket `STATUS_BUCKET`; ``*`` for all nodes."""
        return f"status.{self.name}.{node if node == '*' else re.sub('[^A-Za-z0-9_-]', '_', node)}"

    @property
    def bridge(self) -> str:
        """Key of the bridge that publishes, in the bucket `STATUS_BUCKET`."""
        return f"bridge.{self.name}"
