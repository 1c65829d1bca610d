"""GNSS receivers of u-blox: their messages, read by one thread each, newest kept, handed to whoever asks."""

from panoseti_daq.gnss.messages import UbxMessage
from panoseti_daq.gnss.receiver import GnssReceiver, GnssSource

__all__ = ["GnssReceiver", "GnssSource", "UbxMessage"]
