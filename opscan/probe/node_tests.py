"""The node tests that come with the onnx package, as cases: models that nobody here wrote."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from opscan.probe.case import Case, Value
from opscan.probe.types import name_of


def node_test_cases(only: Sequence[str] = ()) -> Iterator[Case]:
    """All cases, or those of the operators named, by name. An expanded function is a model of several nodes.

    onnx computes them when asked, which takes some seconds.
    """
    from onnx.backend.test.loader import load_model_tests  # noqa: PLC0415  # slow, and not always needed

    with warnings.catch_warnings():  # numpy's, on the overflows that the tests ask for
        warnings.simplefilter("ignore")
        tests = load_model_tests(kind="node")
    for test in sorted(tests, key=lambda test: str(test.name)):
        if test.model is not None and (not only or name_of(test.model.graph.node[0]) in only):
            yield _case(test)


def _case(test: Any) -> Case:  # onnx.backend.test.case.test_case.TestCase, which is untyped
    inputs, expected = test.data_sets[0] if test.data_sets else (None, None)
    return Case(
        test.name,
        name_of(test.model.graph.node[0]),
        test.model.SerializeToString(),
        None if inputs is None else tuple(map(_value, inputs)),
        None if expected is None else tuple(map(_value, expected)),
    )


def _value(value: Any) -> Value:
    """onnx gives some values as numpy scalars, and as protobufs those of types that numpy lacks."""
    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.generic) else value
