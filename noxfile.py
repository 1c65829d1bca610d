"""All checks of the project: `nox` runs them; `nox -l` lists them."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "imports", "proto", "tests", "interop"]

GENERATED = Path("src/panoseti_daq/_proto")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and common mistakes."""
    session.install("ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Type-check the package and its tests."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("mypy", "tests", "noxfile.py")


@nox.session
def imports(session: nox.Session) -> None:
    """The arrows between the rooms (docs/architecture)."""
    session.install("-e", ".[dev]")
    session.run("lint-imports")


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Unit and integration tests."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(venv_backend="none")
def demo(session: nox.Session) -> None:
    """Show simulated images live: nox -s demo -- --duration 20."""
    session.notify("run_demo", session.posargs)


@nox.session(default=False)
def run_demo(session: nox.Session) -> None:
    """What `demo` runs."""
    session.install("-e", ".")
    session.run("panoseti-daq", "demo", *session.posargs)


@nox.session
def proto(session: nox.Session) -> None:
    """Generate the wire code; fails when it differs from what is committed."""
    # The oldest tools that the package supports: their output runs with every later protobuf 6 and 7.
    session.install("grpcio-tools==1.73.1", "setuptools<81")
    made = Path(session.create_tmp())
    session.run(
        "python",
        "-m",
        "grpc_tools.protoc",
        "-Iproto",
        f"--python_out={made}",
        f"--pyi_out={made}",
        "proto/daq_data.proto",
    )
    differs = False
    for file in sorted(made.glob("daq_data_pb2.py*")):
        committed = GENERATED / file.name
        if not committed.exists() or committed.read_bytes() != file.read_bytes():
            differs = True
            shutil.copy(file, committed)
    if differs:
        session.error(f"{GENERATED} differed from proto/daq_data.proto and was made anew: commit it")
