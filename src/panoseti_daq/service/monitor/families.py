"""Families of metrics for Prometheus, their page, and those of what stands beside the images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.wire.context import read_context

PREFIX: Final = "panoseti_daq_"
_Samples = Iterable[tuple[tuple[str, ...], float]]


def gauge(name: str, text: str, samples: _Samples, labels: tuple[str, ...] = (), prefix: str = PREFIX) -> Metric:
    """Return a gauge with these samples, each the values of its labels and a number."""
    family = GaugeMetricFamily(prefix + name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family


def counter(name: str, text: str, samples: _Samples, labels: tuple[str, ...] = (), prefix: str = PREFIX) -> Metric:
    """Return a counter, likewise."""
    family = CounterMetricFamily(prefix + name, text, labels=labels)
    for values, value in samples:
        family.add_metric(values, float(value))
    return family


class _Found(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def page_of(metrics: Iterable[Metric], accept: str = "") -> tuple[bytes, str]:
    """Return body and content type of an answer with these metrics and those of this process.

    Takes milliseconds when there are many: call it in a thread.
    """
    registry = CollectorRegistry()
    registry.register(_Found(metrics))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


_PLACE: Final = ("module", "quabo")


def of_context(context: pb.Context) -> Iterator[Metric]:
    """Metrics of what the observatory's Redis says; the numbers of an old instrument are left out."""
    found = read_context(context)
    yield gauge("context_read", "1 while the observatory's Redis is read.", [((), not found.trouble)])
    instruments = found.instruments.values()
    ages = [((one.name,), one.age_s) for one in instruments]
    yield gauge("context_age_seconds", "Since the daemon of an instrument wrote.", ages, ("instrument",))
    levels = [((one.name,), one.severity) for one in instruments if not one.is_old]
    yield gauge("context_severity", "0 ok, 8 info, 16 warning, 32 critical.", levels, ("instrument",))
    quabos = [
        ((str(m), str(q)), one) for one in instruments if not one.is_old and one.place for m, q in (one.place,)
    ]
    for name, text, field in (
        ("quabo_detector_celsius", "Temperature of the detectors.", "TEMP1"),
        ("quabo_fpga_celsius", "Temperature of the FPGA.", "TEMP2"),
        ("quabo_shutter_open", "1 when the shutter is open.", "SHUTTER_STATUS"),
    ):
        samples = [(place, one.numbers[field]) for place, one in quabos if field in one.numbers]
        yield gauge(name, text, samples, _PLACE)
    volts = [((*place, str(i)), volt) for place, one in quabos for i, volt in enumerate(one.hv_volts)]
    yield gauge("quabo_hv_volts", "High voltage of the detectors.", volts, (*_PLACE, "detector"))


def of_receivers(receivers: Iterable[pb.Receiver]) -> Iterator[Metric]:
    """Metrics of GNSS receivers."""
    found = {(one.name,): one for one in receivers}
    connected = [(name, one.connected) for name, one in found.items()]
    yield gauge("gnss_connected", "1 while a receiver is read.", connected, ("receiver",))
    for field, text in (
        ("age_seconds", "Since its last message."),
        ("satellites", "Satellites in use."),
        ("time_accuracy_ns", "Accuracy of its time, ns."),
        ("qerr_ps", "Quantization error of the next pulse, ps."),
        ("utc_valid", "1 when its UTC is valid."),
        ("leap_second_ahead", "+1 or -1 when a leap second is announced."),
    ):
        samples = [(name, getattr(one, field)) for name, one in found.items() if one.HasField(field)]
        yield gauge(f"gnss_{field}", text, samples, ("receiver",))
