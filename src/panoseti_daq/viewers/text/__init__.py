"""Drawing in a terminal: half blocks, changed cells, keys, and leaving it as it was."""
