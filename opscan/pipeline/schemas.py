"""What the standards know of operators, loaded where it is asked for: onnx and torch take their time."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opscan.core.dialect import Dialect

if TYPE_CHECKING:
    from opscan.core.lint import Fault, Standard
    from opscan.core.profile import BackendProfile


def linted(profiles: "Sequence[BackendProfile]") -> "dict[str, tuple[Fault, ...]]":
    """The faults of each profile by its id, against the schemas of its dialect."""
    from opscan.core.lint import lint

    standards: Mapping[Dialect, Standard] = {
        dialect: standard(dialect) for dialect in {profile.dialect for profile in profiles}
    }
    return {profile.id: tuple(lint(profile, standards[profile.dialect])) for profile in profiles}


def standard(dialect: Dialect) -> "Standard":
    """The operators of a dialect that profiles speak: onnx or aten."""
    from opscan.core.lint import Standard

    if dialect is Dialect.ATEN:
        from opscan.trace.aten_schemas import aten_names, aten_schemas

        return Standard(aten_schemas, aten_names, frozenset(("aten", "prims")))
    from opscan.trace.onnx_schemas import onnx_domains, onnx_names, onnx_schemas

    return Standard(onnx_schemas, onnx_names, onnx_domains())
