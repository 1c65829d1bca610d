"""Example configuration of a NATS server for a site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from string import Template
from typing import Final

from panoseti_daq.wire.subjects import STATUS_BUCKET, Site

USERS: Final = ("bridge", "reader", "leaf", "admin")
_SERVER: Final = """\
host: $host
port: $port

# All frames of 45 modules at 1000 frames/s are 115 MB/s: ten minutes of movies take 69 GB.
jetstream {
  store_dir: "$directory/jetstream"
  domain: $domain
  max_mem: 1G
  max_file: ${max_file_gb}G
}

# Browsers and clients behind a proxy. Give it a certificate (tls { cert_file, key_file }) outside of the site.
websocket {
  host: $host
  port: $websocket_port
  no_tls: true
}
"""
_MAY_READ: Final = """permissions: {
          publish: { allow: [
            "$$JS.API.INFO", "$$JS.API.STREAM.NAMES", "$$JS.API.STREAM.INFO.>", "$$JS.API.STREAM.MSG.GET.>",
            "$$JS.API.CONSUMER.CREATE.>", "$$JS.API.CONSUMER.MSG.NEXT.>" ] }
          subscribe: { allow: ["_INBOX.>", "pano.v1.>"] } }"""
_SITE: Final = f"""\
# NATS server of site $site, for panoseti-daq bridge. Start: nats-server -c nats.conf
# Replace the passwords, or take them from the environment: NATS_BRIDGE_PASSWORD=... nats-server -c nats.conf
server_name: $site
{_SERVER}
accounts {{
  PANOSETI {{
    jetstream: enabled
    users: [
      # The bridge makes the streams and publishes.
      {{ user: bridge, password: $bridge_password }}
      # Servers elsewhere that copy the streams (panoseti-daq bridge --mirror $site): what comes back is dropped.
      {{ user: leaf, password: $leaf_password, permissions: {{
          publish: {{ deny: ["pano.v1.>", "$$KV.>"] }} }} }}
      # Readers of the site: newest frames, all frames, states.
      {{ user: reader, password: $reader_password, {_MAY_READ} }}
      # Everybody, without a password: the newest frames and the states, and nothing can be changed.
      {{ user: public, password: "", permissions: {{
          publish: {{ allow: [
            "$$JS.API.INFO", "$$JS.API.STREAM.NAMES", "$$JS.API.STREAM.INFO.PANO_LATEST_>",
            "$$JS.API.STREAM.INFO.PANO_LATEST_$site", "$$JS.API.STREAM.INFO.KV_$bucket",
            "$$JS.API.CONSUMER.CREATE.PANO_LATEST_$site", "$$JS.API.CONSUMER.CREATE.PANO_LATEST_$site.>",
            "$$JS.API.CONSUMER.MSG.NEXT.PANO_LATEST_$site.>",
            "$$JS.API.CONSUMER.CREATE.KV_$bucket", "$$JS.API.CONSUMER.MSG.NEXT.KV_$bucket.>" ] }}
          subscribe: {{ allow: ["_INBOX.>", "pano.v1.$site.img.>", "pano.v1.$site.wall.>"] }} }} }}
    ]
  }}
  SYS {{ users: [ {{ user: admin, password: $admin_password }} ] }}
}}
system_account: SYS
no_auth_user: public

# Public servers elsewhere dial in here; each frame crosses the uplink once, whatever the number of readers there.
leafnodes {{
  host: $host
  port: $leaf_port
}}
# The configuration of such a server: panoseti-daq bridge --example-nats-conf --mirror $site
"""
_LEAF: Final = f"""\
# NATS server for many readers of site $site: bridge --mirror $site copies the streams there.
# Readers need no password, and can only read. Each frame crosses the uplink once.
server_name: public_$site
{_SERVER}
accounts {{
  PANOSETI {{
    jetstream: enabled
    users: [
      {{ user: admin, password: $admin_password }}      # makes the copies
      {{ user: public, password: "", {_MAY_READ} }}
    ]
  }}
}}
no_auth_user: public

leafnodes {{
  remotes: [ {{ url: "nats-leaf://leaf:$leaf_password@$head", account: PANOSETI }} ]
}}
"""


@dataclass(frozen=True, slots=True)
class NatsPlaces:
    """Where a NATS server listens and keeps its streams.

    Attributes
    ----------
    host
        Address to listen at.
    port, websocket_port, leaf_port
        Ports for clients, browsers and servers elsewhere; -1 for any.
    head
        HOST:PORT where a server elsewhere finds that of the site.
    directory
        Of the streams on disk.
    max_file_gb
        How much of the disk they may take.
    """

    host: str = "127.0.0.1"
    port: int = 4222
    websocket_port: int = 9222
    leaf_port: int = 7422
    head: str = "HEAD:7422"
    directory: str = "/var/lib/nats"
    max_file_gb: int = 130


def _filled(text: str, site: Site, domain: str, places: NatsPlaces, passwords: Mapping[str, str]) -> str:
    users = {f"{user}_password": passwords.get(user, f"$NATS_{user.upper()}_PASSWORD") for user in USERS}
    more = {"site": site.name, "domain": domain, "bucket": STATUS_BUCKET}
    return Template(text).substitute(users | asdict(places) | more)


def example_conf(site: Site, places: NatsPlaces | None = None, passwords: Mapping[str, str] | None = None) -> str:
    """Return the configuration of the server of a site: accounts, leaf nodes, WebSocket.

    Parameters
    ----------
    site, places
        Whose, and where.
    passwords
        Of `USERS`; variables of the environment for those that are not given.
    """
    return _filled(_SITE, site, site.name, places or NatsPlaces(), passwords or {})


def leaf_conf(site: Site, places: NatsPlaces | None = None, passwords: Mapping[str, str] | None = None) -> str:
    """Return the configuration of a server elsewhere, which dials that of the site; see `example_conf`.

    The password of user ``leaf`` stands in a URL, where a NATS server puts in no variables.
    """
    return _filled(
        _LEAF, site, "public", places or NatsPlaces(host="0.0.0.0"), {"leaf": "PASSWORD", **(passwords or {})}
    )
