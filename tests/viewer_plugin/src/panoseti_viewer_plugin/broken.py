"""``broken``: cannot be imported."""

raise ImportError("the telescope is not installed")
