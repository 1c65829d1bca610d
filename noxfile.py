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
COMPATIBILITY = Path("docs/compatibility.md")
PYPFF = "pypff==1.0.4"  # the published reader of recorded files; of all that it requires it imports orjson
_PEER_IMPORTS = ("numpy", "pandas>=2.3", "psutil>=7", "redis", "rich>=14", "watchfiles>=1.1")
# Of all that the peer requires, what its clients and its servers import.
PEER_IMPORTS = {
    "0.1.1.1": (
        *_PEER_IMPORTS,
        "grpcio>=1.73",
        "grpcio-reflection>=1.73",
        "protobuf>=6.30,<7",
        "netifaces",
    ),
    "0.3.5": (*_PEER_IMPORTS, "grpcio==1.70.0", "grpcio-reflection==1.70.0", "protobuf>=5.26.1,<6"),
}


def install_peer(session: nox.Session, version: str) -> Path:
    """Install panoseti-grpc in an environment of its own; its interpreter."""
    environment = Path(session.create_tmp()).resolve() / f"peer_{version}"
    python = environment / "bin" / "python"
    session.run("virtualenv", "--quiet", str(environment))
    pip = (str(python), "-m", "pip", "install", "--quiet")
    session.run(*pip, *PEER_IMPORTS[version], external=True)
    session.run(*pip, "--no-deps", f"panoseti-grpc=={version}", external=True)
    return python


@nox.session
def lint(session: nox.Session) -> None:
    """Style and common mistakes."""
    session.install("ruff==0.17.6")  # another one formats otherwise
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Type-check the package and its tests."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("mypy", "tests", "compat/src", "noxfile.py")


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


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """The tests with the oldest versions that pyproject.toml allows."""
    session.install("uv")
    python = str(Path(session.bin, "python"))
    session.run("uv", "pip", "install", "--python", python, "--resolution", "lowest-direct", "-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def frames(session: nox.Session) -> None:
    """The long form of the test that no frame is lost: a million, while server and clients come and go."""
    session.install("-e", ".[test]")
    long_form = ("tests/integration/test_all_frames.py", "-k", "every_client")
    session.run("pytest", *long_form, *session.posargs, env={"ALL_FRAMES_N": "1000000"})


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show simulated images live: nox -s demo -- --duration 20."""
    session.install("-e", ".")
    session.run("panoseti-daq", "demo", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure latencies beside the bare floor and the peer: nox -s bench -- --quick --json bench.json."""
    session.install("-e", ".[test]", "virtualenv", "orjson")
    session.install("--no-deps", PYPFF)
    python = install_peer(session, "0.1.1.1")
    args = ("--peer-python", str(python), *session.posargs)
    session.run("python", "-m", "benchmarks.latency", *args, env={"PYTHONPATH": "tests"})
    quick = ("--quick",) if "--quick" in session.posargs else ()
    for benchmark in ("throughput", "follow_all", "archive"):
        session.run("python", "-m", f"benchmarks.{benchmark}", *quick, env={"PYTHONPATH": "tests"})


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


@nox.session
def interop(session: nox.Session) -> None:
    """Both ways with two versions of the peer, its examples, its recorded night; makes docs/compatibility.md."""
    session.install("-e", ".[test]", "-e", "./compat", "virtualenv", "orjson")
    session.install("--no-deps", PYPFF)
    made = Path(session.create_tmp()).resolve()
    seen = made / COMPATIBILITY.name
    pythons = {version: install_peer(session, version) for version in PEER_IMPORTS}
    session.run(
        "pytest",
        "tests/interop",
        f"--basetemp={made / 'pytest'}",  # 30 MB of recorded frames per test: not kept in /tmp
        *session.posargs,
        env={
            **{f"PEER_{version.replace('.', '_')}_PYTHON": str(python) for version, python in pythons.items()},
            "COMPATIBILITY_TABLE": str(seen),
        },
    )
    if session.posargs:
        return  # not every test
    if not COMPATIBILITY.exists() or COMPATIBILITY.read_bytes() != seen.read_bytes():
        shutil.copy(seen, COMPATIBILITY)
        session.error(f"{COMPATIBILITY} differed from what the tests have seen and was made anew: commit it")
