"""Every family of kernels in the emulator, on layers where nothing divides.

Each layer is compiled, then run by quant-run on the emulator, which fails on
any race, access out of bounds or read of what nobody wrote, and on the CPU's
reference. Both must agree with float64 within the contract that the artifact
states for the kernels of the run; integers must be exact.
"""

import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import artifact as rt  # noqa: E402
import cases  # noqa: E402
import gpu_check  # noqa: E402
import reference_runner as reference  # noqa: E402
from weights import DTYPES, largest_contract  # noqa: E402

ROWS = [0, 1, 3, 8, 13, 17, 33]
#: From so many rows on, weights that mma_stream has no model for may be wgmma's.
DECODE_ROWS = 9


@pytest.fixture(scope="module")
def library(build_dir):
    return rt.Library(str(build_dir / "lib" / "libquantmlir_runtime.so"))


def launches(library, folder, rows):
    """The kernels of a run with that many rows."""
    function = rt.Artifact(library, str(folder)).main()
    plan = rt.Plan(function, [rows] * len(function.dims))
    return [kernel for kernel, _ in plan.launches()]


@pytest.mark.parametrize("layer", cases.FAMILIES, ids=lambda layer: layer.name)
def test_layer(tool, library, tmp_path, layer):
    source, folder = tmp_path / "layer.mlir", tmp_path / "layer.qmlir"
    source.write_text(layer.mlir())
    options = getattr(layer, "options", [])
    tool("quant-compile", source, f"--chip={layer.chip}", *options, "-o", folder)
    *others, last = ROWS if layer.m is None else [layer.m]
    for rows in [*others, last]:
        inputs = layer.weights() | layer.activations(rows)
        file = tmp_path / "inputs.npz"
        np.savez(file, **{n: reference.to_bits(a) for n, a in inputs.items()})
        kernels = launches(library, folder, rows)
        names = [kernel.name.decode() for kernel in kernels]
        families = [layer.family(rows)]
        if families == ["mma_stream"] and rows >= DECODE_ROWS:
            families.append("wgmma_decode")
        assert not rows or any(f in name for f in families for name in names), names
        exact, bound = layer.reference(inputs, largest_contract(kernels))
        # The definition has tests of its own; once will do.
        devices = ["emulator", "cpu"] if rows == last else ["emulator"]
        for device in devices:
            output = tmp_path / f"{device}.npz"
            tool("quant-run", folder, f"--device={device}", f"--inputs={file}",
                 "--bits", f"--output={output}")
            y = np.load(output)["y"]
            assert y.shape == exact.shape
            got = y.view(DTYPES[layer.out]).astype(np.float64)
            if rows:
                gpu_check.check_bound(got, exact, bound)
