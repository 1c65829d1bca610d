"""Sizes and habits of the source, as CONTRIBUTING has them; what is over a limit today may only fall."""

from __future__ import annotations

from typing import Final

import counts

PATHS: Final = counts.sources()
N_LINES: Final = counts.n_lines(PATHS)

LONGER_FUNCTIONS: Final = {
    # The signature and help of a command are declared where it is.
    "viewers/host/show.py show": 78,
}
MOST_ANY_PER_1000_LINES: Final = 5.0
MOST_BROAD_EXCEPTS_PER_1000_LINES: Final = 0.24
LEAST_COMMENTS_PER_1000_LINES: Final = 19.5  # the goal is 20


def test_files_are_short() -> None:
    sizes = {str(path.relative_to(counts.PACKAGE)): counts.n_lines([path]) for path in PATHS}
    too_long = {file: n for file, n in sizes.items() if n > counts.MAX_FILE_LINES}
    assert too_long == {}, "divide them"


def test_functions_are_short() -> None:
    sizes = counts.function_sizes(PATHS)
    too_long = {name: n for name, n in sizes.items() if n > LONGER_FUNCTIONS.get(name, counts.MAX_FUNCTION_LINES)}
    assert too_long == {}, "divide them"


def test_types_are_known() -> None:
    assert counts.n_any(PATHS) / N_LINES * 1000 <= MOST_ANY_PER_1000_LINES, "give what you added its type"


def test_few_places_catch_every_exception() -> None:
    found = counts.broad_excepts(PATHS)
    assert len(found) / N_LINES * 1000 <= MOST_BROAD_EXCEPTS_PER_1000_LINES, found


def test_comments_say_why() -> None:
    per_1000 = counts.n_comments(PATHS) / N_LINES * 1000
    assert per_1000 >= LEAST_COMMENTS_PER_1000_LINES, "say why, where a reader would ask"
