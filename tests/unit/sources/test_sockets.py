"""The source of what Hashpipe sends to sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Coroutine
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.frames import each_product, frame_bytes
from support.hashpipe import Hashpipe, template_in
from support.patience import PATIENCE_S

from panoseti_daq.errors import ConfigError, SourceError
from panoseti_daq.pff import DataProduct, FrameBlock
from panoseti_daq.simulator.sockets import format_record
from panoseti_daq.sources.inlet import Inlet, _Connection
from panoseti_daq.sources.sockets import SocketSource, path_of
from panoseti_daq.sources.source import SocketStatus

IMG8, IMG16, PH256, PH1024 = DataProduct


def run(main: Coroutine[Any, Any, None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await main

    asyncio.run(within())


async def take(source: SocketSource, n: int) -> list[FrameBlock]:
    blocks = []
    async for block in source:
        blocks.append(block)
        if len(blocks) == n:
            break
    return blocks


async def comes_through(source: SocketSource, template: str, i: int = 0) -> FrameBlock:
    """Send frame `i` through a connection of its own, and take it from the source."""
    with closing(Hashpipe(template)) as hashpipe:
        hashpipe.send(i)
        [block] = await take(source, 1)
    assert block[0].header.pkt_num[0] == i
    return block


async def until_counted(source: SocketSource, product: DataProduct = IMG16, **counts: object) -> SocketStatus:
    """Wait until the counts of a socket have these values."""
    while True:
        found = of_product(source, product)
        if all(getattr(found, name) == value for name, value in counts.items()):
            return found
        await asyncio.sleep(0.002)


def of_product(source: SocketSource, product: DataProduct = IMG16) -> SocketStatus:
    return next(socket for socket in source.status().sockets if socket.product is product)


@each_product
def test_records_become_snapshots(tmp_path: Path, product: DataProduct) -> None:
    async def main() -> None:
        template = template_in(tmp_path)
        async with SocketSource(template) as source:
            with closing(Hashpipe(template, product)) as hashpipe:
                for i in range(3):
                    sent = hashpipe.send(i, module_id=200, quabo=2)
                    [block] = await take(source, 1)
                    [frame] = block
                    assert bytes(block.data) == sent
                    assert frame.key == (200, product, 2 if product is PH256 else None)
                    assert (frame.file, frame.frame_number) == (f"uds_{product.token}", i)
                    assert frame.is_snapshot
                    assert frame.detected_unix_ns > frame.time.unix_ns
            assert source.status().modules == (200,)

    run(main())


def test_the_newest_of_each_key_waits_and_the_connection_never_does(tmp_path: Path) -> None:
    async def main() -> None:
        template = template_in(tmp_path)
        async with SocketSource(template) as source:
            with closing(Hashpipe(template, PH256)) as hashpipe:
                n = 1000  # several times what the kernel holds
                for i in range(n):
                    await asyncio.to_thread(hashpipe.send, i, i % 3, i % 4)
                await until_counted(source, PH256, n_records=n)
                blocks = await take(source, 12)
                assert sorted(b.first_frame_number for b in blocks) == list(range(n - 12, n))

    run(main())


def test_connections_come_and_go_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        template = template_in(tmp_path)
        async with SocketSource(template) as source:
            for i in range(5):
                block = await comes_through(source, template, i)
                assert block.first_frame_number == 0
            found = await until_counted(source, n_connections=5, connections=())
            assert (found.n_records, found.n_bad, found.reason) == (5, 0, "")

    run(main())
    assert not caplog.records


@pytest.mark.parametrize("what", ["garbage", "module 300", "a part"])
def test_what_is_no_record_is_counted_and_ends_its_connection(tmp_path: Path, what: str) -> None:
    bad = {
        "garbage": b"\xff" * 100,
        "module 300": b"\1" + b"\x2c" * 99,
        "a part": b"\0\1" + frame_bytes(IMG16)[:98],
    }

    async def main() -> None:
        template = template_in(tmp_path)
        async with SocketSource(template) as source:
            with closing(Hashpipe(template)) as hashpipe:
                hashpipe.send()
                await take(source, 1)
                hashpipe.socket.sendall(bad[what])
                if what == "a part":
                    hashpipe.socket.shutdown(socket.SHUT_WR)
                assert await asyncio.to_thread(hashpipe.is_closed)
            found = await until_counted(source, n_bad=1, connections=())
            assert (found.n_records, found.n_skipped_bytes) == (1, 100)
            assert found.last_fault.startswith("connection 1: ")
            await comes_through(source, template, 8)

    run(main())


def test_only_the_modules_that_are_wanted(tmp_path: Path) -> None:
    async def main() -> None:
        template = template_in(tmp_path)
        async with SocketSource(template, module_ids=[3]) as source:
            with closing(Hashpipe(template)) as hashpipe:
                hashpipe.send(1, module_id=2)
                hashpipe.send(2, module_id=3)
                [block] = await take(source, 1)
                assert (block.module_id, source.status().modules) == (3, (3,))

    run(main())


def test_status_names_each_connection(tmp_path: Path) -> None:
    async def main() -> None:
        template = template_in(tmp_path)
        async with SocketSource(template, [IMG16]) as source:
            assert of_product(source).age_s is None
            with closing(Hashpipe(template)) as one, closing(Hashpipe(template)) as other:
                one.send(1, 4)
                other.send(2, 5)
                other.send(3, 6)
                found = await until_counted(source, n_records=3)
                first, second = found.connections
                assert (first.number, first.modules, first.n_records) == (1, (4,), 1)
                assert (second.number, second.modules, second.n_records) == (2, (5, 6), 2)
                assert first.process == os.getpid()
                assert found.age_s is not None
                assert 0 <= found.age_s <= second.since_s

    run(main())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_sockets_are_for_the_own_user_and_are_removed(tmp_path: Path) -> None:
    async def main() -> None:
        async with SocketSource(template_in(tmp_path)):
            assert {mode_of(path) for path in tmp_path.iterdir()} == {0o600}
            assert len(list(tmp_path.iterdir())) == len(DataProduct)

    before = os.umask(0)
    try:
        run(main())
    finally:
        os.umask(before)
    assert not list(tmp_path.iterdir())


def test_a_group_may_connect(tmp_path: Path) -> None:
    import grp

    group = grp.getgrgid(os.getgid())

    async def main() -> None:
        async with SocketSource(template_in(tmp_path), [IMG8], group=group.gr_name):
            [path] = tmp_path.iterdir()
            assert (mode_of(path), path.stat().st_gid) == (0o660, group.gr_gid)
        with pytest.raises(ConfigError, match="invalid socket_group: no-such-group not found"):
            async with SocketSource(template_in(tmp_path), group="no-such-group"):
                pass

    run(main())
    assert not list(tmp_path.iterdir())


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    template = template_in(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path_of(template, IMG16)))

    async def main() -> None:
        async with SocketSource(template) as source:
            await comes_through(source, template)

    run(main())


def test_anything_else_is_left_and_bound_when_it_is_gone(tmp_path: Path) -> None:
    template = template_in(tmp_path)
    path = path_of(template, IMG16)
    path.write_text("mine")

    async def main() -> None:
        async with SocketSource(template, look_interval_s=0.01) as source:
            found = of_product(source)
            assert not found.is_listening
            assert found.reason.endswith("something that is no socket is there; left as it is")
            assert path.read_text() == "mine"
            path.unlink()
            taking = asyncio.create_task(take(source, 1))
            await until_counted(source, is_listening=True, reason="")
            with closing(Hashpipe(template)) as hashpipe:
                hashpipe.send()
                await taking

    run(main())


def test_a_path_that_was_removed_is_bound_again_and_its_connections_stay(tmp_path: Path) -> None:
    template = template_in(tmp_path)

    async def main() -> None:
        async with SocketSource(template, look_interval_s=0.01) as source:
            with closing(Hashpipe(template)) as hashpipe:
                hashpipe.send()
                await take(source, 1)
                path_of(template, IMG16).unlink()
                taking = asyncio.create_task(take(source, 1))
                while not path_of(template, IMG16).exists():
                    await asyncio.sleep(0.002)
                hashpipe.send(1)
                await taking
                await comes_through(source, template, 2)

    run(main())


def test_a_source_whose_path_another_server_has_says_so(tmp_path: Path) -> None:
    template = template_in(tmp_path)
    code = (
        "import socket, sys; s = socket.socket(1); s.bind(sys.argv[1]); s.listen(); print(1, flush=True); input()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, path_of(template, IMG16)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout
        other.stdout.readline()

        async def main() -> None:
            with pytest.raises(SourceError, match=f"process {other.pid} listens there"):
                async with SocketSource(template, [IMG16]):
                    pass
            async with SocketSource(template, [IMG16], is_alone=False) as second:
                assert not of_product(second).is_listening

        run(main())
        assert path_of(template, IMG16).exists()


def test_a_source_takes_over_from_the_one_before_it(tmp_path: Path) -> None:
    template = template_in(tmp_path)

    async def main() -> None:
        first = await SocketSource(template, [IMG16]).__aenter__()
        async with SocketSource(template, [IMG16]) as second:
            await first.__aexit__(None, None, None)
            await comes_through(second, template)

    run(main())


def test_connections_of_any_event_loop_are_read(tmp_path: Path) -> None:
    """Transports of uvloop are no `asyncio.Transport`."""
    taken: list[FrameBlock] = []
    inlet = Inlet(IMG16, tmp_path / "none", "", frozenset(), lambda _, block: taken.append(block))
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        connection = _Connection(inlet)
        connection.connection_made(cast(asyncio.Transport, SimpleNamespace(get_extra_info=lambda _: ours)))
        connection.data_received(format_record(1, frame_bytes(IMG16, 5), IMG16))
    [block] = taken
    assert block[0].header.pkt_num[0] == 5


def test_hundreds_connect_at_once(tmp_path: Path) -> None:
    """Hashpipe does not wait: one for whom there is no place loses its frame."""
    template = template_in(tmp_path)

    async def main() -> None:
        async with SocketSource(template, [IMG16]) as source:
            with ExitStack() as open_ones:
                for _ in range(300):
                    connection = open_ones.enter_context(socket.socket(socket.AF_UNIX))
                    connection.setblocking(False)
                    connection.connect(str(path_of(template, IMG16)))
                await until_counted(source, n_connections=300)

    run(main())


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    async def enter(template: str) -> None:
        async with SocketSource(template):
            pass

    long = str(tmp_path / ("x" * 108) / "{product}")
    with pytest.raises(ConfigError, match=r"invalid socket_template: .* bytes; allowed: 107"):
        asyncio.run(enter(long))
    with pytest.raises(SourceError, match="cannot be bound: No such file or directory"):
        asyncio.run(enter(str(tmp_path / "none" / "{product}")))


def test_a_directory_for_everyone_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with SocketSource(template_in(tmp_path)):
            pass

    asyncio.run(main())
    assert not caplog.records
    tmp_path.chmod(0o1777)
    asyncio.run(main())
    [record] = caplog.records
    assert "others could take the sockets' paths first" in record.getMessage()
    tmp_path.chmod(0o700)


def test_both_placeholders_name_the_product() -> None:
    assert path_of("/run/{product}.{dp_name}", PH1024) == Path("/run/ph1024.ph1024")


def test_records_of_before_the_bad_one_are_delivered(tmp_path: Path) -> None:
    async def main() -> None:
        template = template_in(tmp_path)
        async with SocketSource(template) as source:
            with closing(Hashpipe(template)) as hashpipe:
                hashpipe.socket.sendall(format_record(1, frame_bytes(IMG16, 1), IMG16) + b"\xff")
                [block] = await take(source, 1)
                assert block[0].header.pkt_num[0] == 1

    run(main())
