"""Reasons why a server does not answer, or refuses, as every command that connects says them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest
from support.certificates import Authority
from support.rig import serving_in_thread

from panoseti_daq.cli.main import COMMANDS, run
from panoseti_daq.config.hp_io import HpIoConfig

CONNECTING: Final = {
    "ping": (),
    "hosts": (),
    "reflect": (),
    "status": (),
    "init": ("--sim",),
    "stream": ("--json", "--count", "1", "--wait", "1"),
    "snapshot": ("--json", "now.json"),
    "record": ("out", "--count", "1", "--wait", "1"),
    "gnss": ("--json",),
}
"""Commands that call servers and end by themselves, with what they need."""
OTHERS: Final = {
    *("serve", "simulate", "demo", "convert", "token", "systemd-unit", "viewers", "web-share", "pff"),
    *("bridge", "web", "events", "plot"),  # they wait for servers: a page, a window, the log say what is wrong
}


class Refusal(NamedTuple):
    """A server that refuses.

    Attributes
    ----------
    settings
        Of the server.
    options
        Of the command.
    why
        What it says.
    """

    settings: dict[str, Path]
    options: tuple[object, ...]
    why: str


def _refusals(directory: Path) -> dict[str, Refusal]:
    (directory / "other").mkdir()
    trusted, other = Authority(directory), Authority(directory / "other", "other")
    pair = trusted.issue("daq1")
    allowed, wrong = directory / "allowed", directory / "wrong"
    allowed.write_text(f"somebody read sha256:{'0' * 64}\n")
    wrong.write_text("w" * 40)
    tls = {"tls_certificate": pair.certificate, "tls_key": pair.key}
    ca = ("--tls-ca", trusted.file)
    return {
        "no TLS": Refusal({}, ("--tls",), "it does not speak TLS"),
        "TLS": Refusal(tls, (), "does it require TLS"),
        "authority": Refusal(tls, ("--tls-ca", other.file), "its certificate is not trusted (tls_ca)"),
        "name": Refusal(tls, (*ca, "--tls-server-name", "daq9"), "for another name (tls_server_name)"),
        "own certificate": Refusal({**tls, "tls_client_ca": trusted.file}, ca, "or a certificate of ours"),
        "no token": Refusal({"allowed_tokens_file": allowed}, (), "requires a token"),
        "token": Refusal({"allowed_tokens_file": allowed}, ("--token-file", wrong), "requires a token"),
    }


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Refusal]:
    return _refusals(tmp_path_factory.mktemp("certificates"))


def test_every_command_that_connects_is_here() -> None:
    assert {name.partition(" ")[0] for name in CONNECTING} | OTHERS == COMMANDS.keys()


def said_by(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, *options: object
) -> tuple[int, str]:
    """Exit code of a command, and all that it writes, without line breaks."""
    monkeypatch.setenv("COLUMNS", "200")
    code = run([*name.split(), *CONNECTING[name], *map(str, options)])
    done = capfd.readouterr()
    assert "Traceback" not in done.err
    return code, " ".join((done.out + done.err).split())


# odd night 51
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, kind) for name in CONNECTING for kind in ("TLS", "no token")),
        *(("ping", kind) for kind in ("no TLS", "authority", "name", "own certificate", "token")),
    ],
)
def test_the_reason_is_said(
    name: str,
    kind: str,
    refusals: dict[str, Refusal],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    refusal = refusals[kind]
    monkeypatch.chdir(tmp_path)
    with serving_in_thread(HpIoConfig(simulate=True), **refusal.settings) as server:
        _, said = said_by(capfd, monkeypatch, name, "--host", server.address, "--timeout", 1.5, *refusal.options)
    assert refusal.why in said


# odd night 51
@pytest.mark.parametrize("name", CONNECTING)
def test_that_nobody_listens_is_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = said_by(capfd, monkeypatch, name, "--host", "localhost:1", "--timeout", 0.5)
    assert (code, "nothing listens there" in said) == (3, True), said
