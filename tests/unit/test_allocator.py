from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Final

import pytest

HOLES: Final = """
import sys
from panoseti_daq.allocator import give_back_freed_memory
def resident(): return int(open("/proc/self/statm").read().split()[1])
kept = [bytes(1000) for _ in range(50_000)][::100]  # pages of holes between them
before = resident()
give_back_freed_memory()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc has holes")
def test_holes_between_what_is_used_go_back_to_the_kernel() -> None:
    found = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert int(found.stdout) * os.sysconf("SC_PAGE_SIZE") > 20e6
