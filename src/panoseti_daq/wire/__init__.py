"""Frames, selections and states as protobuf messages, and back: one file per message."""
