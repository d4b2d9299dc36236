"""Small sites, inventories and profiles, and strategies that generate them."""

import string
from collections.abc import Mapping, Sequence
from datetime import date

from hypothesis import strategies as st

from opscan.core.coverage import Coverage
from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.gate import Gate, judged
from opscan.core.inventory import Attribute, Dimension, FunctionBody, Inventory, Rung, Site, TensorSpec, Uncaptured
from opscan.core.operator import SYNTAX, OpName
from opscan.core.policy import Preset, policy, preset_layer
from opscan.core.profile import BackendProfile, Rule
from opscan.core.survey import Capture, Entry
from opscan.core.waivers import Waiver


def spec(*shape: Dimension, dtype: str | None = "float32", name: str = "", constant: bool = False) -> TensorSpec:
    """A tensor of that shape."""
    return TensorSpec(shape, dtype, name, constant)


UNKNOWN = TensorSpec(None, "float32")
"""A tensor of unknown rank."""


def site(op: str, *inputs: TensorSpec | None, module: str = "", **facts) -> Site:
    """One occurrence of an operator, named as reports print it."""
    return Site(op=OpName.parse(op), module=module, inputs=inputs, **facts)


def onnx_site(
    op: str, *inputs: TensorSpec | None, version: int | None = 13, types: Mapping[str, str] | None = None, **facts
) -> Site:
    """A site of an operator with a schema; `T` is float32 unless said otherwise."""
    return site(op, *inputs, since_version=version, types={"T": "float32"} if types is None else types, **facts)


def inventory(*sites: Site | str, model: str = "tiny", dialect: Dialect = Dialect.ONNX, **facts) -> Inventory:
    """An inventory; an operator's name stands for a site of it."""
    return Inventory(
        model=model, dialect=dialect, sites=tuple(site(s) if isinstance(s, str) else s for s in sites), **facts
    )


def profile(*rules: Rule, dialect: Dialect = Dialect.ONNX, exhaustive: bool = True, **facts) -> BackendProfile:
    """A backend with these rules, `fake@1`."""
    operators = {rule.operator for rule in rules}
    return BackendProfile(
        name="fake",
        version="1",
        title="A fake",
        dialect=dialect,
        exhaustive=exhaustive,
        rules={operator: tuple(r for r in rules if r.operator == operator) for operator in operators},
        **facts,
    )


def entry(model: str, *operators: str, system: str = "", section: str = "1. All", reason: str = "") -> Entry:
    """A surveyed model with one torch capture; with a `reason` it was not captured."""
    captured = inventory(*operators, model=model, dialect=Dialect.TORCH)
    return Entry(
        model=model,
        system=system or model,
        section=section,
        captures=(Capture(Dialect.TORCH, None, reason) if reason else Capture.of(captured),),
    )


def gate_of(*coverages: Coverage, waivers: Sequence[Waiver] = (), **facts) -> Gate:
    """What the default policy makes of coverages, on a day long past."""
    chosen = policy([preset_layer(Preset.DEFAULT)], "")
    return Gate(results=tuple(judged(c, chosen, waivers, date(2000, 1, 1)) for c in coverages), **facts)


# --- strategies ---------------------------------------------------------------------------------

identifiers = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8).map(lambda t: f"x{t}")
dotted = st.lists(identifiers, min_size=1, max_size=3).map(".".join)
# Text as it may stand in names, in any script, with whatever a hostile file holds; no half characters.
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)

# What each dialect's walker can produce.
NAMES = {
    Dialect.TORCH: st.one_of(
        st.builds(OpName, st.sampled_from(("nn", "F", "torch", "Tensor")), identifiers),
        st.builds(OpName, st.just(SYNTAX), st.sampled_from(("@", "+", "/=", "x[:]", "x[None]", "x[tensor]", "-x"))),
        st.builds(OpName, dotted, dotted),  # the qualified name of a class in the author's module
    ),
    Dialect.ATEN: st.builds(
        OpName, st.sampled_from(("aten", "prims", "torchvision")), identifiers, st.one_of(st.just(""), dotted)
    ),
    Dialect.ONNX: st.builds(
        OpName, st.one_of(st.sampled_from(("", "ai.onnx", "com.microsoft")), dotted), dotted, identifiers | st.just("")
    ),
}

attributes: st.SearchStrategy[Attribute] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=5,
)
tensors = st.builds(
    TensorSpec,
    st.none() | st.lists(st.integers(0, 9) | identifiers, max_size=4).map(tuple),
    st.none() | st.sampled_from(("float32", "int64", "bool")),
    texts,
    st.booleans(),
)


def sites(dialect: Dialect) -> st.SearchStrategy[Site]:
    """Any site of that dialect."""
    return st.builds(
        Site,
        op=NAMES[dialect],
        module=dotted | st.just(""),
        source=st.none() | texts,
        inputs=st.lists(st.none() | tensors, max_size=3).map(tuple),
        outputs=st.lists(tensors, max_size=2).map(tuple),
        attributes=st.dictionaries(identifiers, attributes, max_size=3),
        macs=st.none() | st.integers(0, 2**62),
        node=texts,
        body=texts,
        since_version=st.none() | st.integers(1, 28),
        types=st.dictionaries(identifiers, st.sampled_from(("float32", "int64")), max_size=2),
        unbound=st.lists(identifiers, max_size=2).map(tuple),
        is_function=st.booleans(),
        function=st.sampled_from(("", "f0", "f1")),
        constant=st.booleans(),
        dead=st.booleans(),
    )


@st.composite
def inventories(draw: st.DrawFn, dialect: Dialect | None = None) -> Inventory:
    """Any inventory."""
    chosen = dialect or draw(st.sampled_from(Dialect))
    return Inventory(
        model=draw(texts),
        dialect=chosen,
        sites=tuple(draw(st.lists(sites(chosen), max_size=4))),
        uncaptured=tuple(draw(st.lists(st.builds(Uncaptured, dotted, texts), max_size=2))),
        opset_imports=draw(st.dictionaries(st.just("") | dotted, st.integers(1, 28), max_size=2)),
        ir_version=draw(st.none() | st.integers(3, 14)),
        level=draw(st.none() | st.sampled_from(AtenLevel)),
        inputs=tuple(draw(st.lists(tensors, max_size=2))),
        local_functions=tuple(draw(st.lists(dotted, max_size=2))),
        functions=draw(
            st.dictionaries(
                st.sampled_from(("f0", "f1")),
                st.builds(FunctionBody, st.lists(sites(chosen), max_size=2).map(tuple), texts),
                max_size=2,
            )
        ),
        params=draw(st.none() | st.integers(0, 10**12)),
        rungs=tuple(draw(st.lists(st.builds(Rung, dotted, texts, texts), max_size=2))),
        tools=draw(st.dictionaries(identifiers, texts, max_size=2)),
    )
