"""The programs that are checked and timed, each with its exact result.

A program knows how it is written (`mlir`), draws random arrays by the names of
its arguments (`weights`, `activations`), and computes in float64 what the result
is exactly and how far from it a kernel may be (`reference`): the numeric
contract with the constants that the kernels' manifest declares.
"""

from .common import apply_gelu, write_gelu
from .float8 import Float8, ScheduledFloat8
from .gated import Gated, Mlp, Paired
from .gated_codes import GatedCodes, PairedCodes
from .layer import HandScheduled, Layer, ReducedLayer, ScheduledLayer, StreamedLayer
from .plain import Dense, Integers, Product, Scheduled

__all__ = [
    "Dense", "Float8", "Gated", "GatedCodes", "HandScheduled", "Integers", "Layer", "Mlp",
    "Paired", "PairedCodes", "Product", "ReducedLayer", "Scheduled", "ScheduledFloat8",
    "ScheduledLayer", "StreamedLayer", "apply_gelu", "describe", "from_description", "write_gelu",
]

#: By the names that descriptions use.
PROGRAMS = {
    cls.__name__: cls
    for cls in (
        Layer, ScheduledLayer, StreamedLayer, ReducedLayer, Integers, Product, Scheduled, Dense,
        Float8, ScheduledFloat8, Gated, Mlp, Paired, GatedCodes, PairedCodes,
    )
}


def describe(program):
    """What `from_description` makes the same program of, as JSON has it."""
    return dict(
        name=program.name,
        program=type(program).__name__,
        arguments=program.arguments,
    )


def from_description(entry):
    return PROGRAMS[entry["program"]](**entry["arguments"])
