"""The aten dialect: torch.export, decomposed to Core ATen."""

from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from opscan.core.dialect import AtenLevel, Dialect
from opscan.core.errors import NoAnswer, UsageError
from opscan.core.inventory import Inventory, Rung
from opscan.core.source import TorchSource
from opscan.trace.exported import aten_name, sites
from opscan.trace.folded import FoldedProgram
from opscan.trace.torch_model import (
    build_weightless,
    count_parameters,
    example_inputs,
    give_untouched_memory,
    one_line,
    quiet,
    source_lines,
)
from opscan.trace.traced_calls import traced_once


def export_program(model: nn.Module, arguments: tuple[Any, ...], *, plain: bool = False) -> ExportedProgram:
    """torch.export's graph of a model, at fixed input shapes; `plain`: its tracer sees each call."""
    with quiet(), torch.no_grad(), nullcontext() if plain else traced_once():
        program: ExportedProgram = torch.export.export(model, arguments)
        return program


def exported(source: TorchSource, *, plain: bool = False) -> tuple[nn.Module, ExportedProgram]:
    """The model, weightless, and its program; `plain` as in `export_program`.

    Raises NoAnswer, naming the model and torch's error.
    """
    model = build_weightless(source)
    give_untouched_memory(model)
    arguments = example_inputs(source.inputs, "cpu")
    try:
        return model, FoldedProgram.of(export_program(model, arguments, plain=plain))
    except Exception as error:  # torch.export raises whatever the model's code meets
        raise NoAnswer(f"{source.name}: torch.export failed: {one_line(error)}") from error


def decompose(program: ExportedProgram) -> ExportedProgram:
    """The program in Core ATen."""
    with quiet():
        decomposed: ExportedProgram = program.run_decompositions()
        return decomposed


def capture_aten(
    source: TorchSource, model: nn.Module, program: ExportedProgram, level: AtenLevel = AtenLevel.CORE
) -> Inventory:
    """All operators of an exported model, decomposed to Core ATen or (level EXPORT) as torch.export gives them.

    The edge dialect is ExecuTorch's own: core ATen with `_copy` variants for views, which
    core.lookup takes for one. Raises UsageError for it.
    """
    if level is AtenLevel.EDGE:
        raise UsageError("the edge dialect is not captured by itself; core stands for it")
    program = decompose(program) if level is AtenLevel.CORE else program
    return Inventory(
        model=source.name,
        dialect=Dialect.ATEN,
        level=level,
        sites=sites(program, aten_name, source_lines(source)),
        params=count_parameters(model),
        rungs=(Rung("", "torch.export"),),
    )
