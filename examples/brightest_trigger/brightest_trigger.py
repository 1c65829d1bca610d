"""Pulse heights above a number of ADC counts: a trigger in 30 lines."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from panoseti_daq.events import PULSE_HEIGHTS, Candidate, Member, Shape, TriggerSpec
from panoseti_daq.pff import FrameBlock, TimeStatus


class Options(BaseModel):
    above: int = 2000


class Brightest:
    def __init__(self, options: Options) -> None:
        self.above = options.above

    def feed(self, block: FrameBlock) -> Iterator[Candidate]:  # consecutive frames of one module and product
        unix_ns, status = block.times
        for i in (block.images.max(axis=(1, 2)) > self.above).nonzero()[0]:
            row, column = divmod(int(block.images[i].argmax()), block.images.shape[2])
            value, time, frame_number = int(block.images[i].max()), int(unix_ns[i]), int(block.frame_numbers[i])
            where = block.module_id, block.product, block[i].key.quabo or 0, block.file, frame_number, time
            member = Member(*where, TimeStatus(status[i]), (row, column), value, 0.0)
            yield Candidate("brightest", time, 1, 0, Shape.POINT, (member,), None, 0.0)

    def flush(self, watermark_ns: int) -> tuple[Candidate, ...]:  # all frames before this time were fed
        return ()

    def counters(self) -> Mapping[str, int]:
        return {}


SPEC = TriggerSpec("brightest", "Pulse heights above a number of ADC counts.", Options, Brightest, PULSE_HEIGHTS)
