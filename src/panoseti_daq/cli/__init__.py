"""The command line; each command imports its stage only when it runs."""
