"""Streams of a site on a NATS server: made when they are missing, and checked when they are there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from panoseti_daq.client.nats_link import NO_STREAM, NatsAddress, NatsError, ask, connect
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Kind
from panoseti_daq.wire.subjects import STATUS_BUCKET, Site

if TYPE_CHECKING:
    from nats.aio.client import Client

_NS: Final = 1_000_000_000
_DAY_S: Final = 86400
DEDUP_S: Final = 120
STATUS_TTL_S: Final = 60


@dataclass(frozen=True, slots=True)
class Retention:
    """What a site keeps on NATS.

    Attributes
    ----------
    pulse_height_days, movie_minutes
        How long frames are kept.
    pulse_height_gb, movie_gb
        And how much of the disk they may take, 1e9 bytes.
    latest_mb
        Memory for the newest frames, 1e6 bytes.
    """

    pulse_height_days: float = 7.0
    pulse_height_gb: float = 50.0
    movie_minutes: float = 10.0
    movie_gb: float = 70.0
    latest_mb: float = 64.0


def configs_of(site: Site, retention: Retention, mirror: str = "") -> list[OpenDict]:
    """Return the configurations of the streams of a site, and of the bucket of states.

    Parameters
    ----------
    site, retention
        Whose streams, and what they keep.
    mirror
        JetStream domain of the server that they copy; empty for those that a bridge fills.
    """
    latest = {
        "name": site.latest,
        "subjects": site.of_latest,
        "storage": "memory",
        "max_msgs_per_subject": 1,
        "max_bytes": round(retention.latest_mb * 1e6),
    }
    status = {
        "name": f"KV_{STATUS_BUCKET}",
        "subjects": [f"$KV.{STATUS_BUCKET}.>"],
        "storage": "memory",
        "max_msgs_per_subject": 1,
        "max_age": STATUS_TTL_S * _NS,
        "max_bytes": 16_000_000,
        "deny_delete": True,
        "allow_rollup_hdrs": True,
    }
    frames = [_config_of_frames(site, retention, kind) for kind in Kind]
    always = {"retention": "limits", "discard": "old", "allow_direct": True, "num_replicas": 1}
    configs = [{**always, **config} for config in (*frames, latest, status)]
    return [_mirror_of(config, mirror) for config in configs] if mirror else configs


def _config_of_frames(site: Site, retention: Retention, kind: Kind) -> OpenDict:
    """Return what is particular to the stream of all frames of a kind."""
    if kind is Kind.MOVIE:
        seconds, size_gb = retention.movie_minutes * 60, retention.movie_gb
    else:
        seconds, size_gb = retention.pulse_height_days * _DAY_S, retention.pulse_height_gb
    return {
        "name": site.frames(kind),
        "subjects": site.of_frames(kind),
        "storage": "file",
        "max_age": round(seconds * _NS),
        "max_bytes": round(size_gb * 1e9),
        "duplicate_window": min(DEDUP_S, round(seconds)) * _NS,
    }


def _mirror_of(config: OpenDict, domain: str) -> OpenDict:
    """Return the configuration of a copy, which follows the stream of the same name whatever is restarted."""
    source = {"name": config["name"], "external": {"api": f"$JS.{domain}.API", "deliver": ""}}
    own = {key: value for key, value in config.items() if key not in ("subjects", "duplicate_window")}
    return {**own, "storage": "file", "mirror": source, "mirror_direct": True}  # is there after a restart


async def make_streams(
    client: Client, site: Site, retention: Retention, mirror: str = "", *, lossless: bool = True
) -> None:
    """Make what is missing, all streams or those of the newest frames and of states.

    Raises
    ------
    NatsError
        JetStream is off, has no room, or a stream of the name has other limits; the message says which.
    """
    for config in configs_of(site, retention, mirror):
        name = config["name"]
        if not lossless and name in map(site.frames, Kind):
            continue
        try:
            there = (await ask(client, f"STREAM.INFO.{name}", {}))["config"]
        except NatsError as error:
            if NO_STREAM not in str(error):
                raise
            await _make(client, name, config)
            continue
        for key, value in config.items():
            if there.get(key, type(value)()) != value:
                shown = json.dumps(there.get(key))
                raise NatsError(
                    f"stream {name} has other limits: {key} is {shown}, not {json.dumps(value)};"
                    " give the bridge its limits, or delete the stream",
                    is_final=True,
                )


async def _make(client: Client, name: str, config: OpenDict) -> None:
    try:
        await ask(client, f"STREAM.CREATE.{name}", config)
    except NatsError as error:
        is_full = "insufficient" in str(error)
        more = (
            "; give JetStream more, or the bridge smaller limits (--movie-gb, --pulse-height-gb)"
            if is_full
            else ""
        )
        raise NatsError(f"cannot make stream {name}: {error}{more}", is_final=is_full or error.is_final) from error


async def make_mirrors(
    address: NatsAddress, site: Site, retention: Retention, domain: str, *, lossless: bool = True
) -> None:
    """Make streams on a server that copy those of a site from another, once however many read there.

    Without `lossless`, those of the newest frames and of states, which are all that a public needs.

    Raises
    ------
    NatsError
        As `make_streams`, or the server is not there.
    """
    client = await connect(address, f"panoseti-daq mirror of {site.name}")
    try:
        await make_streams(client, site, retention, domain, lossless=lossless)
    finally:
        await client.close()
