"""Sizes and habits of the source, as CONTRIBUTING has them; what is over a limit today may only fall."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import panoseti_daq

PACKAGE_DIR: Final = Path(panoseti_daq.__file__).parent
FILES: Final = {
    str(path.relative_to(PACKAGE_DIR)): path.read_text()
    for path in sorted(PACKAGE_DIR.rglob("*.py"))
    if "_proto" not in path.parts
}
N_LINES: Final = sum(text.count("\n") for text in FILES.values())

MOST_LINES_OF_FILE: Final = 300
LONGER_FILES: Final = {
    "config/settings.py": 340,  # declares every setting, and nothing else
    "sources/sockets.py": 340,
    "viewers/host/window.py": 320,
    "viewers/view/widget.py": 370,
}
MOST_LINES_OF_FUNCTION: Final = 40
LONGER_FUNCTIONS: Final = {
    # The signature and help of a command are declared where it is.
    "cli/bridge.py bridge": 54,
    "cli/plot.py _in_window": 54,
    "cli/record.py record": 47,
    "cli/simulate.py simulate": 49,
    "fanout/bridge.py run": 41,
    "fanout/streams.py configs_of": 45,
    "viewers/host/show.py show": 96,
    "viewers/view/__init__.py make": 55,
}
MOST_PER_1000_LINES: Final = {"any": 9.3, "broad except": 0.36}
LEAST_COMMENTS_PER_1000_LINES: Final = 18.5


def functions() -> Iterator[tuple[str, int]]:
    """File and name of each function, and its number of lines."""
    for file, text in FILES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{file} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def n_lines_with(pattern: str) -> int:
    return sum(bool(re.search(pattern, line)) for text in FILES.values() for line in text.splitlines())


def test_files_are_short() -> None:
    sizes = {file: text.count("\n") for file, text in FILES.items()}
    too_long = {file: n for file, n in sizes.items() if n > LONGER_FILES.get(file, MOST_LINES_OF_FILE)}
    assert too_long == {}, f"divide them; at most {MOST_LINES_OF_FILE} lines"


def test_functions_are_short() -> None:
    too_long = {name: n for name, n in functions() if n > LONGER_FUNCTIONS.get(name, MOST_LINES_OF_FUNCTION)}
    assert too_long == {}, f"divide them; at most {MOST_LINES_OF_FUNCTION} lines, docstring included"


def test_types_are_known() -> None:
    per_1000 = n_lines_with(r"\bAny\b") / N_LINES * 1000
    assert per_1000 <= MOST_PER_1000_LINES["any"], "give what you added its type"


def test_few_places_catch_every_exception() -> None:
    per_1000 = n_lines_with(r"\bexcept( (Base)?Exception\b|:)") / N_LINES * 1000
    assert per_1000 <= MOST_PER_1000_LINES["broad except"], (
        "name the errors; the three doors are an RPC, a viewer, a plugin"
    )


def test_comments_say_why() -> None:
    n_comments = sum(
        token.type == tokenize.COMMENT
        for text in FILES.values()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
    )
    assert n_comments / N_LINES * 1000 >= LEAST_COMMENTS_PER_1000_LINES, "say why, where a reader would ask"
