"""Generated from proto/daq_data.proto by `nox -s proto`; do not edit."""
