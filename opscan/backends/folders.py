"""Where profile files are, and what they are called; none is parsed here."""

from collections.abc import Mapping, Sequence
from importlib.util import source_hash
from pathlib import Path

SHIPPED = Path(__file__).parent
_SUFFIXES = (".yaml", ".yml")


def names(folders: Sequence[Path] = ()) -> tuple[str, ...]:
    """Names of the profiles that are shipped and of those in `folders`."""
    return tuple(sorted({stem.partition("@")[0] for stem in stems(folders)}))


def versions(name: str, folders: Sequence[Path] = ()) -> tuple[str, ...]:
    """Every `name@version` of a profile beside the one that goes by the name alone."""
    return tuple(sorted(stem for stem in stems(folders) if stem.startswith(f"{name}@")))


def stems(folders: Sequence[Path]) -> Mapping[str, Path]:
    """File name without suffix -> file; a folder named earlier wins, the shipped ones come last."""
    found: dict[str, Path] = {}
    for folder in (*folders, SHIPPED):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            if file.suffix in _SUFFIXES:
                found.setdefault(file.stem, file)
    return found


def is_file(reference: str) -> bool:
    """Whether it names a file rather than a profile."""
    return reference.endswith(_SUFFIXES)


def shipped_digest(teller: bytes = b"") -> str:
    """A digest of all shipped profiles and of the code that reads them.

    What a piece of code, the `teller`, says of them depends on no more.
    """
    package, parts = SHIPPED.parent, [teller]
    code = (*SHIPPED.glob("*.py"), *(package / "document").glob("*.py"), package / "serde" / "profile.py")
    for file in sorted((*SHIPPED.glob("*.yaml"), *code, package / "core" / "profile.py")):
        content = file.read_bytes()
        parts += [f"{file.name} {len(content)}\n".encode(), content]
    return content_key(b"".join(parts))


def content_key(content: bytes) -> str:
    """What tells contents apart on this machine: the hash by which Python sees whether compiled code is of its source.

    Another version of Python gives another. hashlib brings OpenSSL, which takes longer to load than a profile.
    """
    return source_hash(content).hex()
