"""Sizes and counts of the package, by which the project judges itself: python tests/counts.py.

It prints and never fails; tests/unit/test_size.py holds what was reached. Generated code (`_proto`) is left out.
"""

from __future__ import annotations

import ast
import statistics
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "src" / "panoseti_daq"
MAX_FILE_LINES: Final = 300
MAX_FUNCTION_LINES: Final = 40
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_BROAD: Final = {"Exception", "BaseException"}

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(root: Path = PACKAGE) -> list[Path]:
    """Python files below a directory, without generated ones."""
    return sorted(path for path in root.rglob("*.py") if "_proto" not in path.parts)


def n_lines(paths: Iterable[Path]) -> int:
    """Lines of all files together."""
    return sum(len(path.read_text().splitlines()) for path in paths)


def long_files(paths: Iterable[Path]) -> list[str]:
    """Files above the limit."""
    sizes = {path: n_lines([path]) for path in paths}
    return [f"{_name(path)}: {size} lines" for path, size in sizes.items() if size > MAX_FILE_LINES]


def function_sizes(paths: Iterable[Path]) -> dict[str, int]:
    """Lines of each function, by file and name; of several with one name the longest."""
    sizes: dict[str, int] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, _FUNCTIONS):
                name = f"{path.relative_to(PACKAGE)} {node.name}"
                sizes[name] = max(sizes.get(name, 0), (node.end_lineno or node.lineno) - node.lineno + 1)
    return sizes


def long_functions(paths: Iterable[Path]) -> list[str]:
    """Functions above the limit, without their decorators, with their docstring."""
    found = []
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, _FUNCTIONS):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                if size > MAX_FUNCTION_LINES:
                    code = size - _docstring_lines(node)
                    found.append(
                        f"{_name(path)}:{node.lineno} {node.name}: {size} lines, {code} without docstring"
                    )
    return found


def _docstring_lines(node: _Function) -> int:
    if ast.get_docstring(node) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def broad_excepts(paths: Iterable[Path]) -> list[str]:
    """Handlers of Exception, of BaseException, and of everything; those that raise it again are marked."""
    found = []
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                caught = node.type
                if caught is None or (isinstance(caught, ast.Name) and caught.id in _BROAD):
                    last = node.body[-1]
                    again = ", raised again" if isinstance(last, ast.Raise) and last.exc is None else ""
                    name = caught.id if isinstance(caught, ast.Name) else "everything"
                    found.append(f"{_name(path)}:{node.lineno} {name}{again}")
    return found


def n_any(paths: Iterable[Path]) -> int:
    """Uses of `typing.Any`, its imports aside."""
    return sum(
        isinstance(node, ast.Name) and node.id == "Any"
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
    )


def n_comments(paths: Iterable[Path]) -> int:
    """Lines that hold a comment, alone or behind code."""
    n = 0
    for path in paths:
        with path.open("rb") as file:
            n += sum(token.type == tokenize.COMMENT for token in tokenize.tokenize(file.readline))
    return n


def undocumented(paths: Iterable[Path]) -> list[str]:
    """Public modules, classes, functions and methods without a docstring."""
    return [f"{_name(path)}:{line} {name}" for path in paths for line, name in _bare(path)]


def _bare(path: Path) -> Iterator[tuple[int, str]]:
    tree = ast.parse(path.read_text())
    if ast.get_docstring(tree) is None:
        yield 1, "module"
    yield from _bare_in(tree, "")


def _bare_in(scope: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[int, str]]:
    for node in scope.body:
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)) or node.name.startswith("_"):
            continue
        decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
        if ast.get_docstring(node) is None and not decorators & {"overload", "override", "setter"}:
            yield node.lineno, prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _bare_in(node, f"{prefix}{node.name}.")


def import_circles() -> list[str]:
    """Modules that import each other, directly or through others; imports for types alone count, too."""
    import grimp  # comes with import-linter, which the tests that use the other counts do without

    sys.path.insert(0, str(ROOT / "src"))
    graph = grimp.build_graph("panoseti_daq", cache_dir=None)
    imports = {
        module: {m for m in graph.find_modules_directly_imported_by(module) if not module.startswith(f"{m}.")}
        for module in graph.modules
    }
    return [" <-> ".join(sorted(circle)) for circle in _circles(imports)]


def _circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules each of which reaches all the others."""
    reach: dict[str, set[str]] = {}
    for module in imports:
        seen: set[str] = set()
        stack = [module]
        while stack:
            new = imports[stack.pop()] - seen
            seen |= new
            stack.extend(new)
        reach[module] = seen
    found: list[set[str]] = []
    for module, seen in reach.items():
        circle = {other for other in seen if module in reach[other]}
        if circle and circle not in found:
            found.append(circle)
    return found


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _print(title: str, found: list[str]) -> None:
    print(f"{title}: {len(found)}")
    for line in found:
        print(f"    {line}")


def main() -> None:
    """Print all counts."""
    paths = sources()
    total = n_lines(paths)
    outside = n_lines(path for path in paths if "viewers" not in path.parts)
    broad, per_1000 = broad_excepts(paths), total / 1000
    print(f"files: {len(paths)}, median {statistics.median(n_lines([path]) for path in paths):.0f} lines")
    print(f"lines of src: {total}; outside viewers: {outside}")
    _print(f"files above {MAX_FILE_LINES} lines", long_files(paths))
    _print(f"functions above {MAX_FUNCTION_LINES} lines", long_functions(paths))
    _print(f"broad excepts ({len(broad) / per_1000:.2f} per 1000 lines)", broad)
    print(f"Any: {n_any(paths)} ({n_any(paths) / per_1000:.1f} per 1000 lines)")
    print(f"comments: {n_comments(paths)} ({n_comments(paths) / per_1000:.0f} per 1000 lines)")
    _print("import circles", import_circles())
    _print("public names without a docstring", undocumented(paths))


if __name__ == "__main__":
    main()
