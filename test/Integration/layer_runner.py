"""Compiled layers on a device, judged by their exact result."""

import json

import numpy as np
import reference_runner as reference
from gpu_check import check_bound
from weights import DTYPES


def compile_layer(tool, folder, layer):
    source = folder.with_suffix(".mlir")
    source.write_text(layer.mlir())
    tool("quant-compile", source, f"--chip={layer.chip}", "-o", folder)


def run(tool, folder, inputs, device):
    """The bits of each output, by name."""
    file, output = folder.with_suffix(".in.npz"), folder.with_suffix(".out.npz")
    np.savez(file, **{name: reference.to_bits(array) for name, array in inputs.items()})
    tool("quant-run", folder, f"--device={device}", f"--inputs={file}", "--bits",
         f"--output={output}", timeout=600)
    with np.load(output) as outputs:
        return dict(outputs)


def check(folder, layer, inputs, outputs):
    """Raises unless `y` is as near to float64 as the artifact's kernels promise."""
    kernels = json.loads((folder / "manifest.json").read_text())["kernels"]
    stated = [kernel["contract"] for kernel in kernels]
    contract = tuple(
        max(abs(each[key]) for each in stated) for key in ("u_acc", "u_decode", "offset")
    )
    exact, bound = layer.reference(inputs, contract)
    check_bound(outputs["y"].view(DTYPES[layer.out]).astype(np.float64), exact, bound)
