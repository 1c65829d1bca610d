"""The module names of panoseti-grpc 0.1.1.1, on top of panoseti-daq."""
