"""The commands of docs/security.md do what the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from panoseti_daq.client.credentials import VARIABLES
from panoseti_daq.config.environment import CLIENT_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text()


def _free_ports(n: int) -> list[str]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    try:
        return [str(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the page uses openssl")
def test_the_commands_of_the_page_run_one_after_the_other(tmp_path: Path) -> None:
    commands = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    for port, free in zip(("50123", "50124"), _free_ports(2), strict=True):
        commands = commands.replace(port, free)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    shell = subprocess.Popen(
        ["bash", "-e"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        # The servers have the output of the shell: they are ended at its end.
        out, errors = shell.communicate(f"{commands}\nkill $(jobs -p)\n", timeout=100)
    except BaseException:
        os.killpg(shell.pid, signal.SIGKILL)
        raise
    assert shell.returncode == 0, errors
    images = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    assert [image["module_id"] for image in images] == [224, 224]
    assert "initialized: localhost" in out
    assert "without" not in errors  # no warning at start
    for name in ("ca.key", "daq1.key", "observer.token", "allowed_tokens"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_the_page_has_every_variable_and_option_of_a_client() -> None:
    assert set(VARIABLES.values()) == CLIENT_KEYS
    for field, key in VARIABLES.items():
        assert f"`PANOSETI_DAQ_{key.upper()}`" in PAGE.replace("` (1 or 0)", "`")
        if field != "token":
            assert f"`--{field.replace('_', '-')}`" in PAGE
