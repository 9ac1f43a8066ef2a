"""Encoded weights whose shape only the run tells, batches of them, and none.

No tiled kernel takes them; the loops of a plain one decode as they go. Small
integers, so results are exact.
"""

import ml_dtypes
import numpy as np
import pytest

from reference_runner import expand_blocks, pack, to_bits

MAPS = {
    2: ["(m, n, k) -> (m, k)", "(m, n, k) -> (n, k)", "(m, n, k) -> (m, n)"],
    3: ["(b, m, n, k) -> (b, m, k)", "(b, m, n, k) -> (b, n, k)", "(b, m, n, k) -> (b, m, n)"],
}


def program(storage, block, x, w, y):
    """y = x w^T + init; shapes as in MLIR."""
    maps = ", ".join(f"affine_map<{text}>" for text in MAPS[len(block)])
    x, y = f"tensor<{x}xbf16>", f"tensor<{y}xf32>"
    w = f"tensor<{w}xbf16, #w>"
    op = "matmul" if len(block) == 2 else "batch_matmul"
    return f"""
#w = #quant_tensor.encoding<{{storage = {storage}, block = {block}, scale = bf16}}>
func.func @f(%x: {x} {{quant_tensor.name = "x"}}, %w: {w} {{quant_tensor.name = "w"}},
             %init: {y} {{quant_tensor.name = "init"}}) -> ({y} {{quant_tensor.name = "y"}}) {{
  %y = linalg.{op} indexing_maps = [{maps}]
      ins(%x, %w : {x}, {w}) outs(%init : {y}) -> {y}
  return %y : {y}
}}
"""


CASES = {
    "n": ("i4", [1, 128], "?x256", "?x256", "?x?", [(3, 37, 256), (0, 5, 256), (2, 0, 256)]),
    "k": ("i8", [1, 0], "?x?", "64x?", "?x64", [(1, 64, 61), (5, 64, 300), (2, 64, 0)]),
    "k in groups": ("i8", [1, 32], "?x?", "13x?", "?x13", [(4, 13, 70)]),
    "all": ("i8", [0, 0], "?x?", "?x?", "?x?", [(3, 7, 33), (1, 1, 1)]),
    "batch": ("i4", [1, 1, 32], "3x?x96", "3x11x96", "3x?x11", [(5, 11, 96), (0, 11, 96)]),
    "no columns": ("i8", [1, 0], "?x0", "4x0", "?x4", [(3, 4, 0)]),
    "no rows": ("i8", [1, 0], "?x8", "0x8", "?x0", [(3, 0, 8)]),
}


@pytest.mark.parametrize("name", CASES)
def test_weights(tool, tmp_path, name):
    storage, block, x, w, y, sizes = CASES[name]
    source, artifact = tmp_path / "f.mlir", tmp_path / "f.qmlir"
    source.write_text(program(storage, block, x, w, y))
    tool("quant-compile", source, "-o", artifact)
    bits = int(storage[1:])
    batch = (3,) if len(block) == 3 else ()
    rng = np.random.default_rng(len(name))
    for m, n, k in sizes:
        shape = (*batch, n, k)
        codes = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)
        count = [-(-size // extent) if extent else 1 for size, extent in zip(shape, block)]
        scales = rng.choice([0.5, 1.0, -2.0], count)
        weights = codes * expand_blocks(scales, block, shape) if codes.size else codes
        activations = rng.integers(-4, 5, (*batch, m, k))
        init = rng.integers(-9, 9, (*batch, m, n)).astype(np.float32)
        inputs = {
            "x": to_bits(activations.astype(ml_dtypes.bfloat16)),
            "w.codes": (pack(codes, bits) if bits < 8 else codes).astype(np.int8),
            "w.scales": to_bits(scales.astype(ml_dtypes.bfloat16)),
            "init": init,
        }
        np.savez(tmp_path / "in.npz", **inputs)
        for device in ("cpu", "emulator"):
            output = tmp_path / f"{device}.npz"
            tool("quant-run", artifact, f"--device={device}", "--bits",
                 f"--inputs={tmp_path}/in.npz", f"--output={output}")
            want = activations @ np.swapaxes(weights, -1, -2) + init
            np.testing.assert_array_equal(np.load(output)["y"], want)
