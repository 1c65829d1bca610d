from __future__ import annotations

from pathlib import Path

import pytest

from panoseti_daq.client import Credentials
from panoseti_daq.errors import ConfigError


def test_without_anything_connections_are_plain_and_no_token_is_shown() -> None:
    loaded = Credentials().load()
    assert loaded.channel is None
    assert loaded.metadata is None


@pytest.mark.parametrize("option", ["tls_ca", "tls_certificate", "tls_server_name"])
def test_each_tls_option_implies_tls(option: str) -> None:
    options = {option: "x"} | ({"tls_key": "x"} if option == "tls_certificate" else {})
    assert Credentials(**options).uses_tls  # type: ignore[arg-type]


def test_a_token_is_not_in_the_text_of_credentials(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pdaq_secret\n")
    for credentials in (Credentials(token="pdaq_secret"), Credentials(token_file=tmp_path / "token")):
        loaded = credentials.load()
        assert loaded.metadata == (("authorization", "Bearer pdaq_secret"),)
        assert "pdaq_secret" not in f"{credentials} {credentials!r} {loaded} {loaded!r}"


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        Credentials(token="a", token_file="b")
    for half in (Credentials.from_environment, Credentials):
        with pytest.raises(ConfigError, match="belong together"):
            half(tls_key="a")


@pytest.mark.parametrize("content", [b"", b"two words", b"two\nlines", b"\xff\xfe", b"x" * 513])
def test_a_file_that_holds_no_token_is_refused_and_not_shown(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match="is not a token; allowed: one line") as error:
        Credentials(token_file=tmp_path / "token").load()
    assert "two" not in str(error.value)


@pytest.mark.parametrize("option", ["token_file", "tls_ca"])
def test_a_missing_file_is_named(option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option}: /nowhere cannot be read: No such file"):
        Credentials(**{option: "/nowhere"}).load()  # type: ignore[arg-type]


@pytest.mark.parametrize("content", ["", "nonsense", "-----BEGIN PRIVATE KEY-----"])
def test_a_file_without_certificates_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(ConfigError, match=r"tls_ca: .*ca.pem holds no certificate"):
        Credentials(tls_ca=tmp_path / "ca.pem").load()


def test_every_field_has_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "TOKEN_FILE": "/t",
        "TLS": "yes",
        "TLS_CA": "/ca",
        "TLS_CLIENT_CERTIFICATE": "/c",
        "TLS_CLIENT_KEY": "/k",
        "TLS_SERVER_NAME": "daq",
        "USE_PROXY": "1",
    }
    for name, text in texts.items():
        monkeypatch.setenv(f"PANOSETI_DAQ_{name}", text)
    assert Credentials.from_environment() == Credentials(
        token_file="/t",
        tls=True,
        tls_ca="/ca",
        tls_certificate="/c",
        tls_key="/k",
        tls_server_name="daq",
        use_proxy=True,
    )


def test_a_token_that_is_given_goes_before_any_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_TOKEN", "theirs")
    assert Credentials.from_environment(token=None).token == "theirs"
    given = Credentials.from_environment(token_file="/t")
    assert (given.token, given.token_file) == ("", "/t")


def test_a_flag_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, value in (("0", False), ("No", False), ("", False), ("1", True), ("ON", True)):
        monkeypatch.setenv("PANOSETI_DAQ_TLS", text)
        assert Credentials.from_environment().tls is value
    monkeypatch.setenv("PANOSETI_DAQ_TLS", "maybe")
    with pytest.raises(ConfigError, match="PANOSETI_DAQ_TLS: 'maybe' is neither"):
        Credentials.from_environment()
