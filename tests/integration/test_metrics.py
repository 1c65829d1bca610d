"""Metrics of a real server, and the example alerts and dashboard that use them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.hashpipe import Hashpipe, template_in
from support.rig import Recorder, recording, serving, until

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.monitor.metrics import serving_metrics
from panoseti_daq.service.server import Server
from panoseti_daq.simulator.faults import Faults

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).parents[2] / "examples"
IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
Samples = dict[tuple[str, ...], float]


async def ask(url: str, request: str | None = None) -> tuple[str, dict[str, str], str]:
    """Status line, headers and body that a server answers."""
    match = re.fullmatch(r"http://([^:]+):(\d+)(/\w+)", url)
    assert match
    reader, writer = await asyncio.open_connection(match[1], int(match[2]))
    writer.write((request or f"GET {match[3]} HTTP/1.1\r\nHost: x\r\n\r\n").encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    status, *lines = head.split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines if line), body


async def scrape(server: Server) -> dict[str, Samples]:
    """Values by name and labels, these in the order of their names."""
    status, _, body = await ask(server.metrics_address)
    assert status == "HTTP/1.1 200 OK"
    found: dict[str, Samples] = {}
    for family in text_string_to_metric_families(body):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[Server, Recorder]]:
    """A server that has found three img16 frames of module 1, the last with a missing quabo, and a ph256 frame."""
    with recording(tmp_path) as recorder:
        async with serving(tmp_path, metrics_port=0) as server:
            recorder.write(IMG16, 2)
            spoilt = Faults(missing_quabos=(2,)).written(recorder.frames[IMG16][-1], IMG16, 1)
            recorder.writer.write(IMG16, spoilt)
            recorder.write(PH256)
            await until(lambda: sum(state.n_frames for state in _hub(server).keys.values()) == 4)
            yield server, recorder


def _hub(server: Server) -> Any:
    return server.acquisition.hub


async def test_frames_are_counted_by_module_product_and_quabo(server: tuple[Server, Recorder]) -> None:
    found = await scrape(server[0])
    frames = found["panoseti_daq_frames_total"]
    assert frames["1", "img16", "all"] == 3
    (quabo,) = {labels[2] for labels in frames if labels[1] == "ph256"}
    assert quabo in set("0123")
    assert found["panoseti_daq_frame_bytes_total"]["1", "img16", "all"] == 3 * 2540
    assert found["panoseti_daq_frame_age_seconds"]["1", "img16", "all"] > 0


async def test_flaws_are_counted_by_flag(server: tuple[Server, Recorder]) -> None:
    found = await scrape(server[0])
    assert found["panoseti_daq_quality_frames_total"]["missing_quabo_2", "1", "img16", "all"] == 1
    assert found["panoseti_daq_flawed_frames_total"]["1", "img16", "all"] >= 1


async def test_room_on_the_disk_is_told(server: tuple[Server, Recorder]) -> None:
    found = await scrape(server[0])
    ((_, left_s),) = found["panoseti_daq_disk_left_seconds"].items()  # odd night 62
    assert left_s > 0


async def test_sockets_are_counted_by_product(tmp_path: Path) -> None:
    template = template_in(tmp_path)
    following = HpIoConfig(sockets_only=True)
    async with serving(following, metrics_port=0, socket_template=template) as server:
        with closing(Hashpipe(template)) as hashpipe:
            hashpipe.send(1)
            await until(lambda: bool(_hub(server).keys))
            hashpipe.socket.sendall(b"\xff" * 20)
            await asyncio.to_thread(hashpipe.is_closed)
        found = await scrape(server)
    assert found["panoseti_daq_socket_records_total"] == {
        ("img8",): 0, ("img16",): 1, ("ph256",): 0, ("ph1024",): 0
    }  # fmt: skip
    assert found["panoseti_daq_socket_bad_records_total"]["img16",] == 1
    assert found["panoseti_daq_socket_skipped_bytes_total"]["img16",] == 20
    assert found["panoseti_daq_socket_connected_total"]["img16",] == 1
    assert found["panoseti_daq_socket_listening"]["ph256",] == 1
    assert found["panoseti_daq_socket_age_seconds"]["img16",] >= 0
    assert found["panoseti_daq_snapshots_total"]["1", "img16", "all"] == 1
    assert found["panoseti_daq_frames_total"]["1", "img16", "all"] == 0


async def test_streams_are_counted_and_never_named(server: tuple[Server, Recorder]) -> None:
    async with AioDaqDataClient.connect(server[0].address) as client:
        async for _ in client.stream_frames():
            found = await scrape(server[0])
            break
    assert found["panoseti_daq_streams"] == {("newest",): 1, ("all",): 0}
    labels = {label for samples in found.values() for values in samples for label in values}
    assert not any("127.0.0.1" in label for label in labels)


async def test_what_ended_streams_got_stays_counted(server: tuple[Server, Recorder]) -> None:
    async with AioDaqDataClient.connect(server[0].address) as client:
        async for _ in client.stream_frames():
            break
    await until(lambda: not server[0].acquisition.streams)
    assert (await scrape(server[0]))["panoseti_daq_stream_messages_total"][()] >= 1


async def test_a_server_that_follows_nothing_has_metrics() -> None:
    async with serving(metrics_port=0) as server:
        found = await scrape(server)
    assert found["panoseti_daq_following"] == {(): 0}
    assert found["panoseti_daq_stalled"] == {(): 0}


async def test_other_paths_and_methods_are_refused_by_http() -> None:
    async with serving(metrics_port=0) as server:
        url = server.metrics_address
        assert (await ask(url, "GET / HTTP/1.1\r\n\r\n"))[0] == "HTTP/1.1 404 Not Found"
        status, headers, _ = await ask(url, "POST /metrics HTTP/1.1\r\n\r\n")
        assert (status, headers["Allow"]) == ("HTTP/1.1 405 Method Not Allowed", "GET, HEAD")
        status, headers, body = await ask(url, "HEAD /metrics HTTP/1.1\r\n\r\n")
        assert (status, body) == ("HTTP/1.1 200 OK", "")


async def test_a_client_that_says_nothing_or_too_much_is_sent_away() -> None:
    async def report() -> pb.StatusResponse:
        return pb.StatusResponse()

    async with serving_metrics(report, "127.0.0.1", 0, request_within_s=0.05) as url:
        assert (await ask(url, "GET"))[0] == ""
        assert (await ask(url, "x" * 100_000))[0] == ""
    async with serving_metrics(report, "127.0.0.1", 0) as url:
        assert (await ask(url, "\r\n\r\n"))[0] == "HTTP/1.1 404 Not Found"


async def test_there_are_no_metrics_unless_they_are_asked_for() -> None:
    async with serving() as server:
        assert server.metrics_address == ""


async def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    async with serving(metrics_port=0) as server:
        port = server.metrics_address.rpartition(":")[2].partition("/")[0]
        with pytest.raises(ExceptionGroup) as caught:
            async with serving(metrics_port=int(port)):
                pass
    assert caught.group_contains(ConfigError, match=f"cannot serve metrics at 127.0.0.1:{port}")


def alert_rules() -> list[dict[str, Any]]:
    content = yaml.safe_load((EXAMPLES / "prometheus/alerts.yml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:panoseti_daq|process)_\w+", expression))


def labels_in(expression: str) -> set[str]:
    of_selectors = re.findall(r"(\w+)=~?\"", expression)
    of_groups = [name for group in re.findall(r"by \(([^)]*)\)", expression) for name in group.split(", ")]
    return {*of_selectors, *of_groups} - {"job", "instance"}


async def test_the_example_alerts_use_metrics_and_labels_that_there_are(server: tuple[Server, Recorder]) -> None:
    _, _, body = await ask(server[0].metrics_address)
    found = await scrape(server[0])
    labels = set(re.findall(r"[{,](\w+)=\"", body))
    rules = alert_rules()
    for rule in rules:
        assert names_in(rule["expr"]) <= found.keys(), rule["alert"]
        assert labels_in(rule["expr"]) <= labels, rule["alert"]
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert named - {"instance"} <= labels, rule["alert"]
    assert len({rule["alert"] for rule in rules}) == len(rules)


# odd night 44
async def test_a_module_that_dies_raises_an_alert_for_hours(server: tuple[Server, Recorder]) -> None:
    (silent,) = (rule["expr"] for rule in alert_rules() if rule["alert"] == "PanosetiDaqModuleSilent")
    assert "increase(panoseti_daq_frames_total[30m])) == 0" in silent
    assert "increase(panoseti_daq_frames_total[12h])) > 0" in silent
    assert "frame_age" not in silent  # which is forgotten with the run


async def test_there_is_an_alert_about_everything_that_the_server_should_be_watched_for() -> None:
    expressions = " ".join(rule["expr"] for rule in alert_rules())
    for subject in (
        "up{",
        "frame_age",
        "rate(panoseti_daq_frames",
        "drops",
        "streams",
        "disk_left_seconds",
        "time_status",
    ):
        assert subject in expressions


async def test_the_example_dashboard_uses_metrics_that_there_are(server: tuple[Server, Recorder]) -> None:
    found = await scrape(server[0])
    dashboard = json.loads((EXAMPLES / "grafana/dashboard.json").read_text())
    titles = " ".join(panel["title"] for panel in dashboard["panels"])
    for subject in ("Frame age", "Frames per second", "Dropped", "Streams", "Hours until the disk"):
        assert subject in titles
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            assert names_in(target["expr"]) <= found.keys(), panel["title"]
            assert names_in(target["expr"])
