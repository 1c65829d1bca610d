"""Configuration: settings, nodes, hp_io, small files."""
