"""Passes on text."""

import sys

from . import _compiler


def optimize(text, pipeline, remarks=None):
    """Runs a textual pass pipeline on MLIR text and returns the result's text.

    `pipeline` is what `quant-opt --pass-pipeline` takes, without or with the
    surrounding `builtin.module(...)`. Warnings and remarks are appended to
    `remarks` (a list), or printed on stderr. Raises CompileError, with all
    diagnostics, where the text or the pipeline is wrong or a pass fails.
    """
    result, said = _compiler.optimize(text, pipeline)
    if said and remarks is not None:
        remarks.append(said)
    elif said:
        sys.stderr.write(said)
    return result
