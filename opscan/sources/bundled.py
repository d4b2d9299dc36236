"""A bundled model's name: `vit_b16`. Definitions are found by listing the folder `models`.

What a definition says about itself (FAMILY) is a literal, read without running the file, so that
listing models needs no torch.
"""

import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import opscan
from opscan.core.errors import UsageError
from opscan.core.source import TorchSource

if TYPE_CHECKING:
    from opscan.core.definition import Definition, Family

PRIORITY = 90
FORM = "a bundled name"

_FAMILY = re.compile(rb"^FAMILY = \{$.*?^\}$", re.MULTILINE | re.DOTALL)
# Definitions load under this name, not `models`: other people's repositories have one of those.
_PACKAGE = "_opscan_models"


def bundled_folder() -> Path:
    """The definitions that come with opscan: inside the installed package, else beside it (a checkout)."""
    package = Path(opscan.__file__).parent
    return next(folder for folder in (package / "models", package.parent / "models") if folder.is_dir())


def definitions(folder: Path | None = None) -> "tuple[Definition, ...]":
    """All definitions of a folder (default: the bundled ones), by section, date and system.

    Raises UsageError, listing every fault, when a file's FAMILY is invalid or a name occurs twice.
    """
    return _load((folder or bundled_folder()).resolve())


@cache
def _load(folder: Path) -> "tuple[Definition, ...]":
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of model definitions")
    from opscan.core.definition import Definition

    faults: list[str] = []
    found: dict[str, Definition] = {}
    for file in sorted(folder.glob("[!_]*.py")):
        family, operators = _read_family(file, faults)
        for name, variant in family.variants.items() if family else ():
            if name in found:
                faults.append(f"{file.name}: model {name!r} is already defined in {found[name].file}.py")
            elif family:
                found[name] = Definition(name, variant, family, file.stem, operators)
    if faults:
        raise UsageError(f"invalid model definitions in {folder}", *(f"  {fault}" for fault in faults))
    return tuple(sorted(found.values(), key=lambda d: (d.family.section, d.family.date, d.family.system)))


def _read_family(file: Path, faults: list[str]) -> "tuple[Family | None, str]":
    import ast

    import msgspec

    from opscan.core.definition import Family

    try:
        tree = ast.parse(_head(file.read_bytes()), str(file))
        literal = next(
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["FAMILY"]
        )
        return msgspec.convert(ast.literal_eval(literal), Family), _operators(ast.get_docstring(tree) or "")
    except StopIteration:
        faults.append(f"{file.name}: has no FAMILY = {{...}} (see CONTRIBUTING.md)")
    except SyntaxError as error:
        faults.append(f"{file.name}:{error.lineno}: {error.msg}")
    except (ValueError, msgspec.ValidationError) as error:
        faults.append(f"{file.name}: FAMILY: {error}")
    return None, ""


def _head(source: bytes) -> bytes:
    """A definition up to the end of its FAMILY, which is all of it that listing needs, in a fifth of the time."""
    found = _FAMILY.search(source)
    return source[: found.end()] if found else source


def _operators(docstring: str) -> str:
    """The paragraph on operators, in one line."""
    found = (p.removeprefix("Operators:") for p in docstring.split("\n\n") if p.startswith("Operators:"))
    text = " ".join(next(found, "").split())
    return text[:1].upper() + text[1:]


def names(models: Path | None = None) -> tuple[str, ...]:
    """Every model name that `resolve` knows."""
    return tuple(definition.name for definition in available(models))


def available(models: Path | None = None) -> "tuple[Definition, ...]":
    """The bundled definitions, preceded by those of the folder `models`."""
    return (*definitions(models), *definitions()) if models else definitions()


def resolve(reference: str, models: Path | None = None) -> TorchSource | None:
    """The model of that name, from the folder `models` or the bundled ones."""
    for folder in (models, bundled_folder()):
        for definition in definitions(folder) if folder else ():
            if folder and definition.name == reference:
                return _source(definition, folder.resolve())
    return None


def _source(definition: "Definition", folder: Path) -> TorchSource:
    from opscan.sources._fingerprint import fingerprint

    def build() -> object:
        return _load_module(folder, definition.file).build(**definition.variant.config)

    return TorchSource(
        name=definition.name,
        build=build,
        inputs=definition.inputs,
        fingerprint=fingerprint(folder, definition.file, (definition.variant.config, definition.inputs)),
        code_roots={folder: folder.name},
    )


def _load_module(folder: Path, file: str) -> ModuleType:
    """Imports `folder/file.py` under a private package, so that `from ._layers import …` works."""
    import importlib.util
    from importlib.machinery import ModuleSpec

    package = f"{_PACKAGE}_{abs(hash(folder)):x}" if folder != bundled_folder().resolve() else _PACKAGE
    if package not in sys.modules:
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[package] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"{package}.{file}")
