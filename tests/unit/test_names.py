"""One name, one thing: no two public classes or types of the package share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import panoseti_daq

PACKAGE_DIR = Path(panoseti_daq.__file__).parent


def types_of(path: Path) -> Iterator[str]:
    """Names of the public classes and type aliases of a module."""
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                pass
            case ast.Assign(targets=[ast.Name(id=name)]) if not name.isupper():
                pass
            case _:
                continue
        if name[0].isupper():
            yield name


def test_no_two_types_share_a_name() -> None:
    places = defaultdict(list)
    for path in sorted(PACKAGE_DIR.rglob("*.py")):
        for name in types_of(path) if "_proto" not in path.parts else ():
            places[name].append(str(path.relative_to(PACKAGE_DIR)))
    assert len(places) > 100
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
