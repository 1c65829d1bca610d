"""Status of a gateway: what its nodes say, in one answer."""

from __future__ import annotations

from collections.abc import Iterable

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.gateway.claims import Claims
from panoseti_daq.gateway.node import UpstreamNode
from panoseti_daq.gateway.shared_stream import SharedStream


def add_status(
    response: pb.StatusResponse, nodes: Iterable[tuple[UpstreamNode, SharedStream]], claims: Claims
) -> None:
    """Add the nodes to a status: their state, and the keys, disks and faults that they report.

    A node that has no such Status is known by its frames alone: the gateway's own keys of its modules stay.
    """
    own = {key.module_id: [] for key in response.keys}  # type: dict[int, list[pb.KeyStatus]]
    for key in response.keys:
        own[key.module_id].append(key)
    keys: list[pb.KeyStatus] = []
    stalled = [response.stalled] if response.stalled else []
    for node, stream in nodes:
        row = node.report()
        row.streaming, row.reason = stream.is_open, row.reason or stream.reason
        status = node.status if node.connected else None
        row.modules_elsewhere.extend(claims.left_out(node.name))
        if status is not None and not node.foreign:
            of_node = [key for key in status.keys if claims.owner(key.module_id) in (None, node.name)]
            _add(response, node.name, status)
            if status.stalled:
                stalled.append(f"{node.name}: {status.stalled}")
        else:
            of_node = [key for module_id in claims.of(node.name) for key in own.get(module_id, ())]
        row.modules.extend(sorted({key.module_id for key in of_node}))
        for key in of_node:
            named = pb.KeyStatus()
            named.CopyFrom(key)
            named.host = named.host or node.name
            keys.append(named)
        response.nodes.append(row)
    del response.keys[:]
    response.keys.extend(keys)
    response.stalled = "; ".join(stalled)
    del response.followed.modules[:]
    response.followed.modules.extend(sorted({key.module_id for key in keys}))


def _add(response: pb.StatusResponse, name: str, status: pb.StatusResponse) -> None:
    response.bad_frames += status.bad_frames
    response.skipped_bytes += status.skipped_bytes
    response.followed.files += status.followed.files
    response.followed.missed_events += status.followed.missed_events
    if status.HasField("context") and not response.HasField("context"):
        response.context.CopyFrom(status.context)  # of the head node's Redis every node says the same
    for receiver in status.receivers:
        response.receivers.add().CopyFrom(receiver)
        response.receivers[-1].name = f"{name}/{receiver.name}"
    for disk in status.disks:
        response.disks.add().CopyFrom(disk)
        response.disks[-1].path = f"{name}:{disk.path}"
