"""Drawing in a terminal: half blocks, what changed of them, keys, and the end."""
