"""One process of ``serve --workers``, started by its supervisor; not a command."""

from __future__ import annotations

import sys

from panoseti_daq.allocator import share_arenas
from panoseti_daq.cli.logs import LogFormat, LogLevel, log_to_stderr
from panoseti_daq.cli.loops import run_async
from panoseti_daq.cli.main import exit_code_of
from panoseti_daq.cli.serve import SWITCH_INTERVAL_S
from panoseti_daq.workers.messages import ProcessPlan
from panoseti_daq.workers.process import run


def _log_as(plan: ProcessPlan) -> None:
    level, log_format = plan.log
    log_to_stderr(LogLevel(level), LogFormat(log_format), limit_repeats=True, process=plan.name)


def _serve() -> int:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    share_arenas()
    run_async(run(_log_as))
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of(_serve))
