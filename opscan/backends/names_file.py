"""A bare list of operator names -> a profile in memory."""

from collections.abc import Callable, Iterable
from pathlib import Path

from opscan.core.errors import UsageError
from opscan.core.operator import Dialect, OpName
from opscan.core.profile import BackendProfile, Confidence, Rule, VersionMatch
from opscan.core.spelling import did_you_mean

_LARGEST = 2**20


def profile_of_names(file: Path, known: Callable[[], Iterable[str]]) -> BackendProfile:
    """A backend that has the operators of the list, whatever their types, and no others.

    One ONNX name a line, `#` begins a comment. `known` are the operators there are; a name of the
    standard's domain that is not among them is refused. Raises UsageError, naming every line at fault.
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
    operators = set(known())
    unknown = [number for number, name in names.items() if name not in operators and OpName.parse(name).domain == ""]
    unknown += [number for number, name in names.items() if OpName.parse(name).domain == "operator"]
    if unknown:
        faults = (
            f"{file}:{n}: {names[n]}: there is no such operator{did_you_mean(names[n], operators)}" for n in unknown
        )
        raise UsageError("\n".join(faults))
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
