"""Commands that install an extra."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import pytest

from panoseti_daq import installation
from panoseti_daq.errors import MissingExtraError


# odd night 60
@pytest.mark.parametrize(
    ("origin", "what"),
    [
        (None, "'panoseti-daq[gui]'"),
        ({"url": "file:///src/daq", "dir_info": {"editable": True}}, "-e '/src/daq[gui]'"),
        ({"url": "file:///src/my%20daq", "dir_info": {}}, "'/src/my daq[gui]'"),
        ({"url": "file:///a/daq.whl", "archive_info": {}}, "'/a/daq.whl[gui]'"),
        (
            {"url": "https://example.org/daq.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            "'panoseti-daq[gui] @ git+https://example.org/daq.git@c0ffee'",
        ),
    ],
)
def test_an_extra_comes_from_where_the_package_came(
    origin: dict[str, Any] | None, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            return json.dumps(origin) if origin and name == "direct_url.json" else None

    monkeypatch.setattr("importlib.metadata.distribution", lambda _: Installed())
    assert installation.how_to_get("gui") == f"{sys.executable} -m pip install {what}"


def test_a_package_that_is_not_there_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "telescope", None)
    with (
        pytest.raises(MissingExtraError, match="py-telescope is not installed: .*sky") as raised,
        installation.needing("py-telescope", "sky"),
    ):
        importlib.import_module("telescope")
    assert isinstance(raised.value.__cause__, ImportError)
