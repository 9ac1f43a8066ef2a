"""MLIR text to an artifact."""

import os
import tempfile

from . import _compiler
from ._compiler import CompileError
from .artifact import Artifact

__all__ = ["CompileError", "compile"]


def to_source(module):
    """MLIR text or bytecode as bytes; TypeError for anything else."""
    if isinstance(module, str):
        return module.encode()
    return bytes(memoryview(module))


def compile(module, chip="sm_90a", directory=None, ptxas="", remarks=None):
    """Compiles MLIR text (or bytecode) and returns the Artifact.

    It is written to `directory`, or to a temporary one that lives as long as
    the result. `ptxas`, the path of that program, adds a cubin to the PTX.
    Warnings and remarks are appended to `remarks`, a list. Raises CompileError,
    with every diagnostic, where the module or the chip is wrong.
    """
    keep = None
    if directory is None:
        keep = tempfile.TemporaryDirectory(prefix="quantmlir-")
        directory = os.path.join(keep.name, "artifact")
    said = _compiler.compile(to_source(module), chip, ptxas, os.fspath(directory))
    if said and remarks is not None:
        remarks.append(said)
    return Artifact(directory, keep)
