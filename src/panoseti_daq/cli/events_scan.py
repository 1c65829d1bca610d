"""Output of ``events scan``: lines or a table on stdout, progress on stderr, clips."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from panoseti_daq.cli.events_live import print_reports
from panoseti_daq.events.candidate import Candidate, Tense, iso_ns
from panoseti_daq.events.scan import blocks_of
from panoseti_daq.events.sinks.clip import within

if TYPE_CHECKING:
    from panoseti_daq.events.engine import TriggerReport
    from panoseti_daq.events.scan import ScanProgress
    from panoseti_daq.pff import ModuleProduct

_PROGRESS_EVERY_S: Final = 0.2
_NS: Final = 1_000_000_000


class ScanOutput:
    """What a scan shows.

    Parameters
    ----------
    json
        JSON lines, without the images; else a line for people.
    streams
        Files of the run, for clips.
    clip_dir, clip_seconds
        Where clips go, None for no clips; how much before and after a candidate.
    """

    def __init__(
        self,
        json: bool,
        streams: Mapping[ModuleProduct, list[Path]],
        clip_dir: Path | None,
        clip_seconds: float,
    ) -> None:
        self._json = json
        self._streams = streams
        self._clip_dir = clip_dir
        self._around_ns = round(clip_seconds * _NS)
        self._begin = self._shown = time.monotonic()
        self._n_frames = self._n_bytes = 0
        self._shows_progress = sys.stderr.isatty()

    def add(self, candidate: Candidate) -> None:
        """Show a candidate, and write its clip."""
        if self._json:
            typer.echo(candidate.as_json(Tense.ARCHIVAL))
        else:
            frames = ", ".join(
                f"module {m.module_id} Q{m.quabo} #{m.frame_number} ({m.pixel[0]}, {m.pixel[1]}) {m.value} ADC"
                + (f" [{', '.join(m.flags)}]" if m.flags else "")
                for m in candidate.members
            )
            snr = "" if candidate.snr is None else f" {candidate.snr:.1f} sigma"
            typer.echo(
                f"{iso_ns(candidate.unix_ns)}  {candidate.trigger}  {candidate.shape.value}{snr}"
                f"  {candidate.duration_ns} ns  {candidate.false_per_hour:.2g}/h by chance  {frames}"
            )
        sys.stdout.flush()
        if self._clip_dir is not None:
            self._write_clip(candidate, self._clip_dir)

    def _write_clip(self, candidate: Candidate, clip_dir: Path) -> None:
        begin_ns = candidate.unix_ns - self._around_ns
        end_ns = candidate.unix_ns + candidate.duration_ns + self._around_ns
        out_dir = clip_dir / candidate.id
        out_dir.mkdir(parents=True, exist_ok=True)
        for key in {(member.module_id, member.product) for member in candidate.members}:
            for block in blocks_of(self._streams[key]):
                if (inside := within(block, begin_ns, end_ns)) is not None:
                    with (out_dir / inside.file).open("ab") as file:
                        file.write(inside.data)

    def show_progress(self, progress: ScanProgress) -> None:
        """Show how far the scan is."""
        self._n_frames, self._n_bytes = progress.n_frames, progress.n_bytes
        now = time.monotonic()
        if self._shows_progress and now - self._shown >= _PROGRESS_EVERY_S:
            self._shown = now
            done = 100 * progress.n_bytes / max(1, progress.total_bytes)
            typer.echo(f"\r{done:3.0f} %, at {iso_ns(progress.at_ns)[:19]} UTC ", nl=False, err=True)

    def end(self, reports: Iterable[TriggerReport]) -> None:
        """Show what the triggers counted."""
        took_s = max(1e-9, time.monotonic() - self._begin)
        begin = "\n" if self._shows_progress else ""  # after the line of the progress
        typer.echo(
            f"{begin}{self._n_frames} frames, {self._n_bytes / 1e6:.1f} MB in {took_s:.1f} s"
            f" ({self._n_bytes / 1e6 / took_s:.0f} MB/s)",
            err=True,
        )
        print_reports(reports)
