"""Build hook: README and addresses for a package index, whose pages know nothing of the files beside README.md."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY = "PANOSETI_DAQ_REPOSITORY"  # such as https://github.com/OWNER/panoseti-daq
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)]+)\)")


def for_index(text: str, repository: str) -> str:
    """Return a README whose links and pictures lead to a repository; without one links are text, pictures go."""

    def absolute(match: re.Match[str]) -> str:
        is_picture, name, path = match.groups()
        if repository:
            return f"{is_picture}[{name}]({repository}/{'raw' if is_picture else 'blob'}/main/{path})"
        return "" if is_picture else name

    return _LINK.sub(absolute, text)


class ForIndex(MetadataHookInterface):
    """Hook of `[tool.hatch.metadata.hooks.custom]`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what is dynamic."""
        repository = os.environ.get(REPOSITORY, "").rstrip("/")
        text = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": for_index(text, repository)}
        metadata["urls"] = {"PANOSETI": "https://panoseti.ucsd.edu/"}
        if repository:
            pages = {"Source": "", "Documentation": "/tree/main/docs", "Changelog": "/blob/main/CHANGELOG.md"}
            metadata["urls"] |= {name: repository + page for name, page in pages.items()}
