"""Servers of panoseti-grpc, recognized by what they answer to Status."""

from __future__ import annotations

from grpc import StatusCode

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.errors import RpcError
from panoseti_daq.errors import DaqError


def predecessor(answer: pb.StatusResponse | DaqError) -> str:
    """Return what server of panoseti-grpc answers like this, for people; empty when it is none.

    Parameters
    ----------
    answer
        Of `AioDaqDataClient.get_status`: the status, or the error that it raised.
    """
    if isinstance(answer, DaqError):
        is_old = isinstance(answer, RpcError) and answer.code() is StatusCode.UNIMPLEMENTED
        return "a server of panoseti-grpc before 0.4, which has no Status" if is_old else ""
    if answer.version:  # only ours has one
        return ""
    initialized = "initialized" if answer.hp_io_initialized else "not initialized"
    return f"a server of panoseti-grpc 0.4, {initialized}: {answer.message}"
