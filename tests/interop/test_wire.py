"""Our wire beside that of each version of the peer: whatever both have is the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from interop.peers import SCRIPTS, Peer
from interop.table import Table
from support.descriptors import changed, described

from panoseti_daq._proto import daq_data_pb2 as pb

pytestmark = pytest.mark.timeout(60)


def wire_of(peer: Peer, directory: Path) -> list[str]:
    command = [peer.python, "-E", str(SCRIPTS / "descriptor.py")]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=True)
    return described(FileDescriptorProto.FromString(bytes.fromhex(done.stdout.splitlines()[-1])))


@pytest.fixture
def our_wire() -> list[str]:
    return described(FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb))


def owner(line: str) -> str:
    """Return the message, enum or service that a line is about."""
    return line.split(" ", 1)[0].rpartition(".")[0]


def test_every_field_value_and_call_of_the_peer_is_ours_with_name_number_type_and_label(
    peer: Peer, our_wire: list[str], tmp_path: Path, table: Table
) -> None:
    theirs = wire_of(peer, tmp_path)
    assert len(theirs) > 20
    assert changed(theirs, our_wire) == []
    table.write("Wire", "every field, value and call of the peer is ours", peer.version)


def test_what_we_add_to_a_message_of_the_newest_peer_is_numbered_from_100_up(
    newest_peer: Peer, our_wire: list[str], tmp_path: Path, table: Table
) -> None:
    theirs = wire_of(newest_peer, tmp_path)
    shared = {owner(line) for line in theirs}
    added = [line for line in our_wire if line not in theirs and owner(line) in shared and " = " in line]
    assert added
    assert [line for line in added if int(re.findall(r"= (\d+)", line)[0]) < 100] == []
    table.write("Wire", "what we add to its messages is numbered from 100 up", newest_peer.version)
