"""quant-mlir: quantized tensor programs to GPU kernels.

    import quantmlir

    artifact = quantmlir.compile(mlir_text, chip="sm_90a")
    outputs = artifact.run(x=x, w=quantmlir.Encoded(codes, scales))

`run` takes NumPy arrays and runs the program's reference on the CPU; with
`device="cuda"` it takes anything on the GPU that speaks DLPack or
`__cuda_array_interface__` and launches the compiled kernels.

`load`, `Device` and `DeviceArray` need the runtime's library alone; the
compiler's, and MLIR with it, is loaded when one of the other names is used.

Everything here is a thin cover of the C API: nothing is decided in Python.
"""

import importlib

from ._runtime import version as _version
from .arrays import Encoded
from .artifact import Artifact, load
from .device import Device, DeviceArray

__version__ = _version()

#: Where the names that need the compiler's library come from.
_COMPILER = {"CompileError": "compiler", "Reference": "reference",
             "compile": "compiler", "optimize": "transform",
             **dict.fromkeys(("QuantizedWeights", "awq", "awq_gptq",
                              "checkpoint_layout", "from_checkpoint", "gptq", "hessian", "objective",
                              "quantize_weights", "rotate",
                              "search_smooth_alpha", "smooth_scales"),
                             "weights")}

__all__ = ["Artifact", "Device", "DeviceArray", "Encoded", "load", *_COMPILER]


def __getattr__(name):
    if name not in _COMPILER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_COMPILER[name]}", __name__)
    value = globals()[name] = getattr(module, name)
    return value


def __dir__():
    return sorted({*globals(), *__all__})
