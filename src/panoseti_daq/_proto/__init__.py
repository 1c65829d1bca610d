"""The wire: what `nox -s proto` makes of proto/daq_data.proto, and the module that loads it."""
