"""Settings, nodes, configuration files: what users write down."""
