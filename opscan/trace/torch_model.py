"""Building a torch model without its weights, and describing its tensors."""

import logging
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import fx, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

import opscan
from opscan.core.errors import NoAnswer
from opscan.core.inventory import Attribute, TensorSpec
from opscan.core.source import InputSpec, TorchSource
from opscan.trace.provenance import SourceLines

# Biases and norms, and other parameters up to this many elements, get values: the exporter folds
# small constants and drops biases that are zero, and must not meet special numbers such as 0 and 1
# where a trained model has none, nor whatever untouched memory happens to hold.
_REAL_ELEMENTS = 4096
# What initialisers write with. None of them changes more than values.
_WRITES = ("uniform_", "normal_", "fill_", "zero_")


@contextmanager
def _parameters_on_meta() -> Iterator[None]:
    """Every parameter registered inside becomes a `meta` tensor; buffers keep their values.

    A parameter's memory is allocated before it is registered, but never touched: its initialiser
    runs on the meta tensor.
    """

    def replace(module: nn.Module, name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None or parameter.is_meta:  # None, or shared with another module
            return parameter
        return nn.Parameter(torch.empty_like(parameter, device="meta"), requires_grad=parameter.requires_grad)

    handle = register_module_parameter_registration_hook(replace)  # type: ignore[arg-type]  # it may return a parameter
    try:
        with ExitStack() as stack:
            for name in _WRITES:
                stack.enter_context(patch.object(torch.Tensor, name, _unless_meta(getattr(torch.Tensor, name))))
            yield
    finally:
        handle.remove()


def _unless_meta(write: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """An initialiser's write leaves a tensor without values as it is, at once: torch has Python kernels for that."""
    return lambda tensor, *args, **kwargs: tensor if tensor.is_meta else write(tensor, *args, **kwargs)


@contextmanager
def quiet() -> Iterator[None]:
    """Without torch's log lines and deprecation warnings: what goes wrong is an exception, which has its own line."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def build_weightless(source: TorchSource) -> nn.Module:
    """The model in eval mode: parameters on the `meta` device, buffers real, however large it is.

    Raises NoAnswer, naming the model and its error, when its constructor fails.
    """
    try:
        with _parameters_on_meta(), torch.random.fork_rng():
            torch.manual_seed(0)
            model = source.build()
    except Exception as error:  # a user's constructor may raise anything
        raise NoAnswer(f"{source.name}: building the model failed: {one_line(error)}") from error
    if not isinstance(model, nn.Module):
        raise NoAnswer(f"{source.name}: the factory returned {type(model).__name__}, not a torch.nn.Module")
    return model.eval()


def give_untouched_memory(model: nn.Module) -> None:
    """Moves meta parameters to the CPU without writing to them, so that they occupy no memory.

    The exporter reads what it folds; small parameters therefore get random values, which are the
    same in every run. Shared parameters stay shared.
    """
    generator = torch.Generator().manual_seed(0)
    replaced: dict[nn.Parameter, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is None or not parameter.is_meta:
                continue
            if parameter not in replaced:
                data = torch.empty(parameter.shape, dtype=parameter.dtype)
                if data.is_floating_point() and (data.dim() <= 1 or data.numel() <= _REAL_ELEMENTS):
                    data.uniform_(0.25, 0.75, generator=generator)
                replaced[parameter] = nn.Parameter(data, requires_grad=parameter.requires_grad)
            module._parameters[name] = replaced[parameter]


def count_parameters(model: nn.Module) -> int:
    """Elements of all parameters: shared ones once, frozen ones included, buffers excluded."""
    return sum(parameter.numel() for parameter in model.parameters())


def example_inputs(inputs: Mapping[str, InputSpec], device: str) -> tuple[torch.Tensor, ...]:
    """Zeros of the declared shapes; on `meta` they have no memory."""
    return tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype), device=device) for spec in inputs.values())


def source_lines(source: TorchSource) -> SourceLines:
    """Recognises the model's own code in torch's stack traces."""
    machinery = [Path(torch.__file__).parent]
    machinery += [Path(opscan.__file__).parent / part for part in ("trace", "cli", "sources", "pipeline")]
    return SourceLines(source.code_roots, tuple(machinery))


@cache
def dtype_name(dtype: torch.dtype) -> str:
    """`float32` for torch.float32."""
    return str(dtype).removeprefix("torch.")


def tensor_spec(tensor: torch.Tensor, *, name: str = "", constant: bool = False) -> TensorSpec:
    """Its shape and dtype; a symbolic dimension keeps its symbol."""
    shape = tuple([d if isinstance(d, int) else str(d) for d in tensor.shape])
    return TensorSpec(shape, dtype_name(tensor.dtype), name, constant)


def tensors_in(value: Any) -> tuple[torch.Tensor, ...]:
    """All tensors in nested tuples, lists and dicts, in order."""
    if isinstance(value, torch.Tensor):
        return (value,)
    found: list[torch.Tensor] = []
    _collect(value, found)
    return tuple(found)


def _collect(value: Any, found: list[torch.Tensor]) -> None:
    if isinstance(value, torch.Tensor):
        found.append(value)
    elif isinstance(value, (tuple, list)):
        for part in value:
            _collect(part, found)
    elif isinstance(value, Mapping):
        for part in value.values():
            _collect(part, found)


def output_specs(node: fx.Node, value: Any, *, constant: bool) -> tuple[TensorSpec, ...]:
    """What an operator yields, each named as later operators name it: a tuple's parts by who picks them."""
    if isinstance(value, torch.Tensor):
        return (tensor_spec(value, name=node.name, constant=constant),)
    # From torch.export, which picks each part once and by a number that is not negative.
    picked = {user.args[1]: user.name for user in node.users if user.target is operator.getitem}
    return tuple(
        tensor_spec(tensor, name=picked.get(number, f"{node.name}.{number}"), constant=constant)
        for number, tensor in enumerate(tensors_in(value))
    )


def attribute(value: Any) -> Attribute:
    """A non-tensor argument as a plain value; what has none is written as torch prints it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return tuple(attribute(part) for part in value)
    if isinstance(value, torch.dtype):
        return dtype_name(value)
    return str(value)


def one_line(error: BaseException) -> str:
    """An exception as one line: its type and the first line of its message."""
    message = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
