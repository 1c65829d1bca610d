"""Several processes that serve one port: one follows the files, the workers have the clients.

`supervisor` starts them and keeps them alive; `process` is what runs in each; `of_follower` is what a worker
serves instead of a source of its own. See docs/decisions/0013-workers-are-gateways.md.
"""
