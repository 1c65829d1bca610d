from __future__ import annotations

import subprocess
import sys
from pathlib import Path

# A signal at the worst moment: while the lock of the event that it sets is held.
SCRIPT = """
import os, pathlib, signal, sys, threading
from panoseti_daq.cli.simulate import _run
from panoseti_daq.simulator.schedule import Simulation
from panoseti_daq.simulator.simulator import Simulator

class Awkward(threading.Event):
    def wait(self, timeout=None):
        with self._cond:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().wait(timeout)

simulator = Simulator(pathlib.Path(sys.argv[1]), Simulation((1,)))
simulator._stopping = Awkward()
_run(simulator, 1000.0, clean=True)
print("ended")
"""


def test_a_signal_in_the_middle_of_a_wait_ends_a_simulation(tmp_path: Path) -> None:
    data_dir = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, data_dir], stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    assert done.stdout == "ended\n"
    assert not data_dir.exists()
