"""Options of the ``pulse`` trigger."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from panoseti_daq.events.boxes import MAX_WIDTH


class PulseOptions(BaseModel):
    """Options of the trigger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    false_per_hour: float = Field(
        1.0, gt=0, le=1e9, description="Accepted false pulses per hour, of each module and data product."
    )
    max_width: int = Field(64, ge=1, le=MAX_WIDTH, description="Widest sum, frames; sums are 1, 2, 4 ... wide.")
    window: int = Field(4096, ge=1024, le=65536, description="Frames that baseline and noise are taken from.")
    window_s: float = Field(5.0, gt=0, description="Maximum length of the baseline, s; it has at least 4 chunks.")
    max_pixels: int = Field(16, ge=1, description="More pixels at once are no pulse.")
    max_per_pixel: int = Field(4, ge=1, description="A pixel with more pulses within 1024 frames is hot.")
    keep_vetoed: bool = Field(
        False, description="Report also what is no pulse, by its name, as cloud or satellite."
    )
