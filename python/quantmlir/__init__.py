"""quant-mlir: quantized tensor programs to GPU kernels.

    import quantmlir

    artifact = quantmlir.compile(mlir_text, chip="sm_90a")
    outputs = artifact.run(x=x, w=quantmlir.Encoded(codes, scales))

`run` takes NumPy arrays and runs the program's reference on the CPU; with
`device="cuda"` it takes anything on the GPU that speaks DLPack or
`__cuda_array_interface__` and launches the compiled kernels.

Everything here is a thin cover of the C API: nothing is decided in Python.
"""

from ._compiler import CompileFailure as CompileError
from ._compiler import version as _version
from .arrays import Encoded
from .artifact import Artifact, load
from .compiler import compile
from .device import Device, DeviceArray
from .reference import Reference
from .transform import optimize

__version__ = _version()

__all__ = ["Artifact", "CompileError", "Device", "DeviceArray", "Encoded",
           "Reference", "compile", "load", "optimize"]
