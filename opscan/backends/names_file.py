"""A bare list of operator names -> a profile in memory."""

from pathlib import Path

from opscan.core.dialect import Dialect
from opscan.core.errors import UsageError
from opscan.core.onnx_operators import STANDARD
from opscan.core.operator import SYNTAX, OpName
from opscan.core.profile import BackendProfile, Confidence, Rule, VersionMatch
from opscan.core.spelling import did_you_mean

_LARGEST = 2**20


def profile_of_names(file: Path) -> BackendProfile:
    """A backend that has the operators of the list, whatever their types, and no others.

    One ONNX name a line, `#` begins a comment. A name of the standard's domain that ONNX does not have
    is refused. Raises UsageError, naming every line at fault.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise UsageError(
                f"{file}: has {file.stat().st_size:,} bytes; a list of names has no more than {_LARGEST:,}"
            )
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error
    names = {number: line.partition("#")[0].strip() for number, line in enumerate(text.splitlines(), 1)}
    names = {number: str(OpName.parse(name)) for number, name in names.items() if name}
    if not names:
        raise UsageError(f"{file}: names no operator; write one a line")
    unknown = [number for number, name in names.items() if name not in STANDARD and _is_plain(name)]
    if unknown:
        raise UsageError(*(f"{file}:{n}: {names[n]}: there is no such operator{_hint(names[n])}" for n in unknown))
    return BackendProfile(
        name=file.stem,
        version="list",
        title=f"the operators named in {file.name}",
        dialect=Dialect.ONNX,
        exhaustive=True,
        version_match=VersionMatch.ANY,
        rules={name: (Rule(operator=name),) for name in names.values()},
        sources=(file.name,),
        confidence=Confidence.SECONDARY,
    )


def _is_plain(name: str) -> bool:
    """Whether it is of the standard's domain, or no name at all."""
    return OpName.parse(name).domain in ("", SYNTAX)


def _hint(name: str) -> str:
    near = {known.lower(): known for known in STANDARD}.get(name.lower())
    return f"; did you mean {near}?" if near else did_you_mean(name, STANDARD)
