"""README on the page of a package index, which has none of the files beside it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
RELATIVE = re.compile(r"\]\((?!https?:|#|mailto:)")


@pytest.fixture
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# odd night 61
def test_no_link_and_no_picture_of_the_index_page_is_dead(hook: ModuleType) -> None:
    assert RELATIVE.search(README)
    for repository in ("", "https://example.org/daq"):
        assert not RELATIVE.search(hook.for_index(README, repository))
    assert "![" not in hook.for_index(README, "")


# odd night 61
def test_links_and_pictures_lead_to_the_repository_when_it_has_an_address(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_REPOSITORY", "https://example.org/daq/")
    metadata: dict[str, dict[str, str]] = {}
    hook.ForIndex(str(ROOT), {}).update(metadata)
    page = metadata["readme"]["text"]
    assert "![the path of a frame](https://example.org/daq/raw/main/docs/images/path.svg)" in page
    assert "](https://example.org/daq/blob/main/docs/security.md)" in page
    assert metadata["urls"]["Changelog"] == "https://example.org/daq/blob/main/CHANGELOG.md"
