"""Former names of arguments and attributes work, and warn at the line of the caller."""

import pytest

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import Selection
from panoseti_daq.viewers.plugin import ViewerSpec


def test_a_selection_takes_its_former_names() -> None:
    with pytest.warns(DeprecationWarning, match="deprecated; use module_ids") as warned:
        selection = Selection(modules={3})  # type: ignore[call-arg]
    assert warned[0].filename == __file__
    assert selection == Selection(module_ids={3})
    with pytest.warns(DeprecationWarning, match="Selection.interval_s is deprecated; use update_interval_s"):
        assert selection.interval_s == 0.0  # type: ignore[attr-defined]


def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="former name of update_interval_s"):
        Selection(interval_s=1.0, update_interval_s=1.0)  # type: ignore[call-arg]


def test_a_viewer_may_name_its_interval_as_before() -> None:
    with pytest.warns(DeprecationWarning, match=r"ViewerSpec\(interval_s=\.\.\.\) is deprecated"):
        spec = ViewerSpec("mine", "Mine.", print, interval_s=0.5)  # type: ignore[call-arg]
    assert spec.update_interval_s == 0.5
