"""What a bundled definition says about itself: the FAMILY data at the top of its file."""

from collections.abc import Mapping
from typing import Any

from opscan.core.record import Record, field
from opscan.core.source import InputSpec


class Published(Record, frozen=True, kw_only=True):
    """Figures of the survey's Table 1, as printed there, and what explains a difference to ours."""

    group: str = ""
    """The table's group: CNN, Pure Transformer, CNN + Transformer. Figures are kept as printed, so that
    a comparison knows how they were rounded."""
    params_m: str = ""
    """Parameters in millions."""
    flops_g: str = ""
    """"FLOPs" in billions: multiply-accumulates."""
    throughput: str = ""
    """Images per second on an NVIDIA V100."""
    top1: str = ""
    """ImageNet top-1 accuracy in percent."""
    params_note: str = ""
    flops_note: str = ""
    top1_note: str = ""


class Variant(Record, frozen=True, kw_only=True):
    """One model: a configuration of its family."""

    title: str
    """Its name in print: `ViT-B/16`."""
    config: Mapping[str, Any]
    """Keyword arguments of the file's `build`."""
    params: int | None = None
    """Published exact parameter count."""
    macs: int | None = None
    """Published exact multiply-accumulates of one forward at `inputs`, batch 1."""
    inputs: Mapping[str, InputSpec] | None = None
    """Where they differ from the family's."""
    official_calls: Mapping[str, int] = field(default_factory=dict)
    """torch functions called in one eval forward of the official implementation."""
    calls_of: str = ""
    """Where not the family's: whose calls those are."""
    table1: Published | None = None
    tags: tuple[str, ...] = ()


class SurveyRow(Record, frozen=True, kw_only=True):
    """The special-operator cell that the survey's author filled in for this system, and how it compares."""

    in_model: str
    """The variant it describes."""
    listed: tuple[str, ...]
    """Operators it names itself, as it spells them."""
    same_as: str = ""
    """The system whose operators it inherits ("same as ViT, ...")."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Inherited operator (its canonical name) -> why our model (and the official code) does not have it."""
    unlisted: Mapping[str, str] = field(default_factory=dict)
    """Special operator of our model -> why the row leaves it out."""


class Family(Record, frozen=True, kw_only=True):
    """One file of definitions."""

    system: str
    """The survey's name for it: `ViT`."""
    title: str
    """The paper's title."""
    paper: str
    date: str
    """Year and month of the paper's first version: `2020-10`."""
    publication: str
    section: str
    """The overview's section, number first: `1. Backbone/Classification`."""
    architecture: str
    repository: str
    inputs: Mapping[str, InputSpec]
    variants: Mapping[str, Variant]
    method: str = ""
    calls_of: str = ""
    """Whose calls `official_calls` are: the repository they were counted in, or the package and its version."""
    calls_unknown: str = ""
    """Why no calls of anyone else are known."""
    call_differences: Mapping[str, str] = field(default_factory=dict)
    """torch function -> why our definition calls it more or less often than that code."""
    survey_row: SurveyRow | None = None
    unreachable_opsets: Mapping[str, str] = field(default_factory=dict)
    """ONNX opset (`"17"`) -> why no model of the family can be exported to it or to an older one."""
    checkpoint: str = ""
    """Whose state_dict names and shapes the definition follows, and where it differs."""
    tags: tuple[str, ...] = ()


class Definition(Record, frozen=True):
    """A bundled model: a variant, its family and the file that holds both."""

    name: str
    variant: Variant
    family: Family
    file: str
    """Name of the file in `models/`, without its suffix."""
    operators: str = ""
    """What is unusual about its operators: the paragraph of the file's docstring that starts so."""

    @property
    def inputs(self) -> Mapping[str, InputSpec]:
        """Arguments of forward."""
        return self.variant.inputs or self.family.inputs
