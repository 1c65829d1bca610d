"""Gateway of a head node: one server that hands on the frames of many, asking each of them once.

`Gateway` is what the service asks; `UpstreamNode` is one server behind it, `SharedStream` its one stream of newest
frames for all clients, and `lossless` the relay of every frame. A node is reached by address or Unix socket alike.
"""
