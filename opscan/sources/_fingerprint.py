"""A digest of everything that a definition's model is built from, so that a change of any of it is seen."""

import ast
import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

# Libraries whose versions are part of what is asked anyway, or that come with Python.
_VERSIONED = frozenset(("torch", "numpy", *sys.stdlib_module_names))


def fingerprint(folder: Path, file: str, arguments: Any) -> str | None:
    """The digest of `folder/file.py`, of what it imports from beside it, and of `arguments`, whose repr tells all.

    None where that cannot be known: it imports from somewhere else, whose changes nobody sees, or
    cannot be read.
    """
    digest = hashlib.sha256(repr((folder.name, arguments)).encode())
    try:
        for path, content in _sources(folder / f"{file}.py"):
            digest.update(repr((os.path.relpath(path, folder), content)).encode())
            if _imports(content)[0] - _VERSIONED:
                return None
    except (OSError, SyntaxError, ValueError):
        return None
    return digest.hexdigest()


@cache
def parsed(content: bytes) -> ast.Module:
    """The syntax tree of a file's content. Raises SyntaxError or ValueError."""
    return ast.parse(content)


def _sources(file: Path) -> Iterator[tuple[Path, bytes]]:
    """The file and every file that it imports relatively, each once, with its content."""
    waiting, seen = [file], set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            content = path.read_bytes()
            yield path, content
            waiting += [found for level, name in _imports(content)[1] for found in _files(path.parent, level, name)]


def _files(folder: Path, level: int, name: str) -> Iterator[Path]:
    """The files that a relative import runs: a module, or a package and its parents."""
    for _ in range(level - 1):
        folder = folder.parent
    for part in filter(None, name.split(".")):
        folder = folder / part
        yield from (path for path in (folder.with_suffix(".py"), folder / "__init__.py") if path.is_file())


@cache
def _imports(content: bytes) -> tuple[frozenset[str], tuple[tuple[int, str], ...]]:
    """Top-level names of absolute imports; level and dotted name of relative ones, every name as if a module."""
    foreign, beside = set(), []
    for node in ast.walk(parsed(content)):
        if isinstance(node, ast.Import):
            foreign |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            foreign.add(str(node.module).partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            beside += [(node.level, ".".join(filter(None, (node.module, alias.name)))) for alias in node.names]
    return frozenset(foreign), tuple(beside)
