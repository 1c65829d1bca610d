"""All checks of the project: `nox` runs them; `nox -l` lists them."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nox
from nox.virtualenv import HAS_UV, UV

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "uv|virtualenv"
os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # networks may have a certificate authority of their own
os.environ.setdefault("UV_COMPILE_BYTECODE", "1")  # once, and not at each of a thousand starts of a server
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a start of our command takes twice the time where it is set
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"  # what is not here is skipped at once, also without a network
nox.options.sessions = [
    "lint",
    "types",
    "imports",
    "proto",
    "docs",
    "tests",
    "notebook",
    "web",
    "interop",
    "fuzz",
    "soak",
]

GENERATED = Path("src/panoseti_daq/_proto")
COMPATIBILITY = Path("docs/compatibility.md")
LOCK = Path("examples/observatory/requirements.lock")
PYPFF = "pypff==1.0.4"  # the published reader of recorded files; of all that it requires it imports orjson
TESTS = f"tests-{sys.version_info.major}-{sys.version_info.minor}"  # what nox calls this environment
# Most tests wait for processes: one more at a time than there are cores.
SIDE_BY_SIDE = (f"--numprocesses={min(4, (os.cpu_count() or 1) + 1)}", "--dist=worksteal")
_PEER_IMPORTS = ("numpy", "pandas>=2.3", "psutil>=7", "redis", "rich>=14", "watchfiles>=1.1")
_UBLOX_IMPORTS = ("json5", "pyserial", "pyubx2")  # of its clients of GNSS receivers
# Of all that the peer requires, what its clients and its servers import.
PEER_IMPORTS = {
    "0.1.1.1": (
        *_PEER_IMPORTS,
        "grpcio>=1.73",
        "grpcio-reflection>=1.73",
        "protobuf>=6.30,<7",
        "netifaces",
    ),
    "0.3.5": (
        *_PEER_IMPORTS,
        *_UBLOX_IMPORTS,
        "grpcio==1.70.0",
        "grpcio-reflection==1.70.0",
        "protobuf>=5.26.1,<6",
    ),
    "0.4.21": (
        *_PEER_IMPORTS,
        *_UBLOX_IMPORTS,
        "grpcio>=1.78",
        "grpcio-health-checking>=1.78",
        "grpcio-reflection>=1.78",
        "protobuf>=6.31.1",
        "pydantic>=2.12",
        "python-dotenv",
        "anyio",
    ),
}
# What the tests of windows need beside Qt; the first of each pair is what is looked for.
DISPLAY_PACKAGES = {
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libfontconfig.so.1": "libfontconfig1",
    "libdbus-1.so.3": "libdbus-1-3",
}
TYPE_PARAMETERS = re.compile(r"^(def \w+)\[.*?\]\((?=\w)", re.MULTILINE)


def make_environment(session: nox.Session, directory: Path) -> Path:
    """Make an environment, unless it is there; return its interpreter."""
    how = (UV, "venv", "--quiet", "--python") if HAS_UV else (sys.executable, "-m", "virtualenv", "-q", "--python")
    if not (directory / "pyvenv.cfg").exists():
        session.run(*how, sys.executable, str(directory), external=True)
    return directory / "bin" / "python"


def install_into(session: nox.Session, python: Path, *what: str) -> None:
    """Install in an environment that nox does not know; uv takes seconds where pip takes a minute."""
    how = (UV, "pip", "install", "--python", str(python)) if HAS_UV else (str(python), "-m", "pip", "install")
    session.run(*how, "--quiet", *what, external=True)


def in_environment_of_tests(session: nox.Session, *more: str) -> Callable[..., object]:
    """Install what a session needs in the environment of `tests`; return what runs a command there.

    One environment less takes a quarter of a minute less to fill. What is installed here comes after the tests,
    which have been run with the extra `test` alone.
    """
    python = make_environment(session, nox_directory(session) / TESTS)
    install_into(session, python, "-e", ".[test]", *more)
    session.env["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"

    def run(command: str, *arguments: str, **options: Any) -> object:
        return session.run(str(python.parent / command), *arguments, external=True, **options)

    return run


def nox_directory(session: nox.Session) -> Path:
    """Where nox has the environments of all sessions."""
    return Path(session.cache_dir).resolve().parent


def install_peer(session: nox.Session, version: str) -> Path:
    """Install panoseti-grpc in an environment of its own, which all sessions share; return its interpreter."""
    directory = nox_directory(session) / f"peer-{version}"
    python = make_environment(session, directory)
    install_into(session, python, *PEER_IMPORTS[version])
    # 0.4 asks for Python 3.14; only the type parameters of three functions need more than 3.11.
    anyway = ("--python-version", "3.14") if HAS_UV else ("--ignore-requires-python",)
    install_into(session, python, "--no-deps", *anyway, f"panoseti-grpc=={version}")
    for file in directory.glob("lib/*/site-packages/panoseti_grpc/**/*.py"):
        text = file.read_text("utf-8")
        if text != (plain := TYPE_PARAMETERS.sub(r"\1(", text)):
            file.write_text(plain, "utf-8")
    return python


def install_system(session: nox.Session, packages: dict[str, str], of_what: str) -> None:
    """Install Debian packages whose command or library is missing; say so where that is not possible."""

    def is_there(name: str) -> bool:
        if ".so" not in name:
            return shutil.which(name) is not None
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    missing = [package for name, package in packages.items() if not is_there(name)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        session.warn(f"{of_what} will be skipped: not root, or no apt-get, to install {' '.join(missing)}")
        return
    wait, env = "DPkg::Lock::Timeout=300", {"DEBIAN_FRONTEND": "noninteractive"}
    for what in (("update",), ("install", "-y", "--no-install-recommends", *missing)):
        # Without a network there is nothing to install, and the tests say that they are skipped.
        session.run("apt-get", "-qq", "-o", wait, *what, env=env, external=True, success_codes=[0, 100])


@nox.session(allow_parallel=True)
def lint(session: nox.Session) -> None:
    """Style and common mistakes."""
    session.install("ruff==0.17.6")  # another one formats otherwise
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(allow_parallel=True)
def types(session: nox.Session) -> None:
    """Type-check the package and its tests."""
    session.install("-e", ".[dev]", "pillow")  # docs/make_pictures.py imports it
    session.run("mypy")
    session.run("mypy", "tests", "compat/src", "docs/make_pictures.py", "docs/make_settings.py", "noxfile.py")
    session.install("pyright>=1.1.400")  # brings its own node when there is none
    examples = [str(path) for path in sorted(Path("examples").rglob("*.py"))]
    session.run("mypy", *examples)
    session.run("mypy", "--disallow-any-explicit", "examples/newest_images.py")
    session.run("pyright", *examples)


@nox.session(allow_parallel=True)
def imports(session: nox.Session) -> None:
    """Check the arrows between the rooms (docs/architecture.md)."""
    session.install("import-linter>=2.5")  # reads the source; what that requires is not looked into
    session.run("lint-imports", env={"PYTHONPATH": "src"})


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Unit and integration tests."""
    install_system(session, DISPLAY_PACKAGES, "tests of windows on a display")
    install_system(session, {"redis-server": "redis-server"}, "tests of a real Redis")
    session.install("-e", ".[test]")
    session.run("pytest", *SIDE_BY_SIDE, *session.posargs)


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the tests reach, also in the processes that they start."""
    session.install("-e", ".[test]", "coverage>=7.10")  # the first that follows subprocesses by itself
    session.env["COVERAGE_FILE"] = str(Path(session.bin).resolve().parent / "coverage")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *SIDE_BY_SIDE, *session.posargs, success_codes=[0, 1])
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session(venv_backend="none")
def notebook(session: nox.Session) -> None:
    """Execute the notebooks of the examples in a kernel, that of a night on a real one."""
    run = in_environment_of_tests(session, "ipykernel", "matplotlib", "nbclient")
    peer = install_peer(session, "0.1.1.1").parents[1]  # it brings a recorded night
    (night,) = peer.glob("lib/*/site-packages/**/simulated_data_dir/obs_Lick*.pffd")
    run("pytest", "tests/notebook", *session.posargs, env={"PANOSETI_RUN": str(night)})


@nox.session(venv_backend="none")
def web(session: nox.Session) -> None:
    """Test the page of web in Chromium, and its decoder and painter in node."""
    install_system(session, {"chromium": "chromium", "node": "nodejs"}, "tests of the page in a browser, in node")
    run = in_environment_of_tests(session, "playwright>=1.50")  # drives the Chromium that is there
    run("pytest", "tests/page", *session.posargs)


@nox.session(allow_parallel=True)
def docs(session: nox.Session) -> None:
    """Build the documentation into site/; a broken link, or anything loaded from elsewhere, fails it."""
    session.install("-e", ".[docs,gui,zarr,xarray,parquet]")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-E", "-b", "html", "docs", "site", *session.posargs)
    session.run("python", "docs/check_offline.py", "site")


@nox.session(default=False)
def counts(session: nox.Session) -> None:
    """Print sizes and counts of the package."""
    session.install("import-linter>=2.5")
    session.run("python", "tests/counts.py")


@nox.session(default=False)
def pictures(session: nox.Session) -> None:
    """Make docs/images again, from simulated images and without a display."""
    session.install("-e", ".[gui,web,gnss]", "pillow", "playwright>=1.50")
    session.run("python", "docs/make_pictures.py", "docs/images")
    session.run("python", "docs/make_web_pictures.py", "docs/images")


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Choose the versions of the container, with their hashes: nox -s lock -- --upgrade takes the newest."""
    session.install("uv")
    # What builds the package is locked, too.
    build = Path(session.create_tmp()) / "build.txt"
    build.write_text("\n".join(tomllib.loads(Path("pyproject.toml").read_text())["build-system"]["requires"]))
    how = (
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--custom-compile-command",
        "nox -s lock",
    )
    inputs = ("pyproject.toml", str(build))
    session.run("uv", "pip", "compile", "--quiet", *how, *session.posargs, *inputs, "--output-file", str(LOCK))


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """The tests with the oldest versions that pyproject.toml allows."""
    session.install("uv")
    python = str(Path(session.bin, "python"))
    session.run("uv", "pip", "install", "--python", python, "--resolution", "lowest-direct", "-e", ".[test]")
    session.run("pytest", *SIDE_BY_SIDE, *session.posargs)


@nox.session(default=False)
def fast(session: nox.Session) -> None:
    """All tests under uvloop, the event loop of the extra `fast`."""
    session.install("-e", ".[test,fast]")
    env = {"PYTHONPATH": str(Path("tests").resolve())}  # a relative one ends Python where its directory is gone
    session.run("pytest", "-p", "support.on_uvloop", *SIDE_BY_SIDE, *session.posargs, env=env)


@nox.session(default=False)
def frames(session: nox.Session) -> None:
    """The long form of the test that no frame is lost: a million, while server and clients come and go."""
    session.install("-e", ".[test]")
    long_form = ("tests/integration/test_all_frames.py", "-k", "every_client")
    session.run("pytest", *long_form, *session.posargs, env={"ALL_FRAMES_N": "1000000"})


@nox.session(default=False)
def events(session: nox.Session) -> None:
    """Efficiency, false rates and accidentals of the triggers at length; draws the pictures of docs/events.md."""
    session.install("-e", ".[test]", "matplotlib")
    made = Path(session.create_tmp()).resolve()
    measured = made / "measured.jsonl"
    measured.unlink(missing_ok=True)
    session.run(
        *("pytest", *SIDE_BY_SIDE, "tests/event_study", *session.posargs), env={"EVENTS_MEASURED": str(measured)}
    )
    peer = install_peer(session, "0.1.1.1").parents[1]  # it brings the night
    (run_dir,) = peer.glob("lib/*/site-packages/**/simulated_data_dir/obs_Lick*.pffd")
    session.run("python", "docs/make_event_pictures.py", str(measured), str(run_dir))


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show simulated images live, in a window where there is a display: nox -s demo -- --duration 20."""
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    session.install("-e", ".[gui]" if has_display else ".")
    # Ctrl-C ends the demo too: nox gives it the time to put the terminal back in order.
    session.run("panoseti-daq", "demo", *session.posargs, interrupt_timeout=5)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure beside the peers and the bare floors: nox -s bench -- --quick --json FILE --markdown FILE."""
    session.install("-e", ".[test]", "orjson")
    session.install("--no-deps", PYPFF)
    pythons = {version: install_peer(session, version) for version in ("0.1.1.1", "0.3.5")}
    for python in pythons.values():  # what their commands import before they can say --help
        install_into(session, python, "matplotlib", "seaborn", "ipython")
    session.run(
        *("python", "-m", "benchmarks"),
        *("--peer-python-0111", str(pythons["0.1.1.1"]), "--peer-python-035", str(pythons["0.3.5"])),
        *("--pypff-python", str(Path(session.bin, "python"))),
        *session.posargs,
        env={"PYTHONPATH": "tests"},
    )


@nox.session(allow_parallel=True)
def proto(session: nox.Session) -> None:
    """Make the wire code; fails when it differs from what is committed, or when what is frozen changes."""
    # The oldest tools that the package supports: what they make runs with every later protobuf 6 and 7.
    session.install("grpcio-tools==1.73.1", "setuptools<81")
    made = Path(session.create_tmp()).resolve()
    binary = made / "daq_data.binpb"
    session.run(
        *("python", "-m", "grpc_tools.protoc", "-Iproto", "--include_imports"),
        *(f"--descriptor_set_out={binary}", f"--pyi_out={made}", "proto/daq_data.proto"),
    )
    session.run(  # its imports are in the pool already
        *("python", "-m", "grpc_tools.protoc", "-Iproto", f"--descriptor_set_out={made}/ublox_control.binpb"),
        *(f"--pyi_out={made}", "proto/ublox_control.proto"),
    )
    frozen = ("python", "-m", "support.descriptors", str(binary), "proto/frozen.txt")
    session.run(*frozen, env={"PYTHONPATH": "tests"})
    differs = False
    for file in sorted([*made.glob("daq_data*"), *made.glob("ublox_control*")]):
        committed = GENERATED / file.name
        if not committed.exists() or committed.read_bytes() != file.read_bytes():
            differs = True
            shutil.copy(file, committed)
    if differs:
        session.error(f"{GENERATED} differed from proto/daq_data.proto and was made again: commit it")


@nox.session(venv_backend="none")
def interop(session: nox.Session) -> None:
    """Test both ways with three versions of the peer, a recorded night; make docs/compatibility.md."""
    run = in_environment_of_tests(session, "-e", "./compat", "orjson")
    python = nox_directory(session) / TESTS / "bin" / "python"
    install_into(session, python, "--no-deps", PYPFF)
    made = Path(session.create_tmp()).resolve()
    seen = made / COMPATIBILITY.name
    pythons = {version: install_peer(session, version) for version in PEER_IMPORTS}
    of_suite = made / "of_suite"  # not where our own tests run, which have no loops of this plugin
    install_into(session, python, "--no-deps", "--target", str(of_suite), "pytest-asyncio")
    run(
        "pytest",
        *SIDE_BY_SIDE,
        "tests/interop",
        f"--basetemp={made / 'pytest'}",  # 30 MB of recorded frames per test: not kept in /tmp
        *session.posargs,
        env={
            **{f"PEER_{version.replace('.', '_')}_PYTHON": str(python) for version, python in pythons.items()},
            "COMPATIBILITY_TABLE": str(seen),
            "PEER_SUITE_PACKAGES": str(of_suite),
        },
    )
    if session.posargs:
        return  # not every test
    if not COMPATIBILITY.exists() or COMPATIBILITY.read_bytes() != seen.read_bytes():
        shutil.copy(seen, COMPATIBILITY)
        session.error(f"{COMPATIBILITY} differed from what the tests have seen and was made again: commit it")


@nox.session(venv_backend="none")
def soak(session: nox.Session) -> None:
    """Test faults of every kind; the long form by SOAK_MINUTES=10 SOAK_FRAMES=1000000 SOAK_CONNECTIONS=10000."""
    run = in_environment_of_tests(session)
    made = Path(session.create_tmp()).resolve()
    run("pytest", "tests/soak", f"--basetemp={made / 'pytest'}", *session.posargs)


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Feed random bytes to everything that reads bytes; the long form, under atheris, by FUZZ_INPUTS=1000000."""
    n_inputs = int(os.environ.get("FUZZ_INPUTS", "0"))
    run = in_environment_of_tests(
        session, *(["atheris==3.0.0"] if n_inputs else [])
    )  # has wheels for 3.11 to 3.13
    run("pytest", *SIDE_BY_SIDE, "tests/fuzz", *session.posargs)
    if not n_inputs:
        return
    listed = "from fuzz.targets import TARGETS; print(*TARGETS)"
    env = {"PYTHONPATH": "tests"}
    names = str(run("python", "-c", listed, env=env, silent=True)).split()
    for name in names:
        run("python", "-m", "fuzz.with_atheris", name, str(-(-n_inputs // len(names))), env=env)
