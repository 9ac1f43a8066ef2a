"""Groups of row-local ops as one kernel, in the emulator and on the CPU.

Norms, softmax, gated activations and per-token quantization behind them, on
rows of every shape that matters: one warp or several, tails, odd lengths, no
rows at all. Float results against float64; codes may differ by one only where
the quotient is on the border between two.
"""

import json
import pathlib
import sys

import ml_dtypes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "Integration"))
import reference_runner as reference  # noqa: E402

MAPS = """
#full = affine_map<(m, k) -> (m, k)>
#row = affine_map<(m, k) -> (m)>
#column = affine_map<(m, k) -> (k)>
#only = affine_map<(m) -> (m)>
#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
"""
DTYPES = {"f32": np.float32, "bf16": ml_dtypes.bfloat16, "f16": np.float16}


def reduction(result, source, columns, element, body, start):
    return f"""
  %{result}_start = arith.constant {start} : f32
  %{result}_fill = linalg.fill ins(%{result}_start : f32) outs(%rows : tensor<?xf32>) -> tensor<?xf32>
  %{result} = linalg.generic {{indexing_maps = [#full, #row], iterator_types = ["parallel", "reduction"]}}
      ins(%{source} : tensor<?x{columns}x{element}>) outs(%{result}_fill : tensor<?xf32>) {{
  ^bb0(%v: {element}, %acc: f32):
    {body}
    linalg.yield %r : f32
  }} -> tensor<?xf32>"""


def widen(element, name="v"):
    if element == "f32":
        return f"%{name}32 = arith.addf %{name}, %{name}0 : f32".replace(f"%{name}0", "%zero")
    return f"%{name}32 = arith.extf %{name} : {element} to f32"


def program(kind, columns, element):
    """An MLIR function from x (and y, gamma) to codes and scales, or to floats."""
    x = f"tensor<?x{columns}x{element}>"
    f = f"tensor<?x{columns}xf32>"
    lines = [
        "  %c0 = arith.constant 0 : index\n  %zero = arith.constant 0.0 : f32",
        f"  %m = tensor.dim %x, %c0 : {x}",
        "  %rows = tensor.empty(%m) : tensor<?xf32>",
        f"  %wide = tensor.empty(%m) : {f}",
    ]
    arguments = [f'%x: {x} {{quant_tensor.name = "x"}}']
    result = "%q"
    if kind == "rmsnorm":
        arguments.append(f'%gamma: tensor<{columns}xf32> {{quant_tensor.name = "gamma"}}')
        lines.append(
            reduction(
                "sum", "x", columns, element,
                f"{widen(element)}\n    %s = arith.mulf %v32, %v32 : f32\n"
                "    %r = arith.addf %acc, %s : f32", "0.0",
            )
        )
        lines.append(f"""
  %inv = linalg.generic {{indexing_maps = [#only, #only], iterator_types = ["parallel"]}}
      ins(%sum : tensor<?xf32>) outs(%rows : tensor<?xf32>) {{
  ^bb0(%v: f32, %o: f32):
    %n = arith.constant {float(columns)} : f32
    %eps = arith.constant 1.0e-5 : f32
    %mean = arith.divf %v, %n : f32
    %e = arith.addf %mean, %eps : f32
    %root = math.sqrt %e : f32
    %one = arith.constant 1.0 : f32
    %r = arith.divf %one, %root : f32
    linalg.yield %r : f32
  }} -> tensor<?xf32>
  %y = linalg.generic {{indexing_maps = [#full, #row, #column, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %inv, %gamma : {x}, tensor<?xf32>, tensor<{columns}xf32>) outs(%wide : {f}) {{
  ^bb0(%v: {element}, %i: f32, %g: f32, %o: f32):
    {widen(element)}
    %a = arith.mulf %v32, %i : f32
    %r = arith.mulf %a, %g : f32
    linalg.yield %r : f32
  }} -> {f}""")
    elif kind == "gate":
        arguments.append(f'%up: {x} {{quant_tensor.name = "up"}}')
        lines.append(f"""
  %y = linalg.generic {{indexing_maps = [#full, #full, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%x, %up : {x}, {x}) outs(%wide : {f}) {{
  ^bb0(%v: {element}, %w: {element}, %o: f32):
    {widen(element)}
    {widen(element, "w")}
    %one = arith.constant 1.0 : f32
    %n = arith.negf %v32 : f32
    %e = math.exp %n : f32
    %d = arith.addf %one, %e : f32
    %s = arith.divf %v32, %d : f32
    %r = arith.mulf %s, %w32 : f32
    linalg.yield %r : f32
  }} -> {f}""")
    elif kind == "plain":
        lines.append(f"""
  %y = linalg.generic {{indexing_maps = [#full, #full], iterator_types = ["parallel", "parallel"]}}
      ins(%x : {x}) outs(%wide : {f}) {{
  ^bb0(%v: {element}, %o: f32):
    {widen(element)}
    linalg.yield %v32 : f32
  }} -> {f}""")
    lines.append(f"  %q = quant_tensor.quantize %y : {f} -> tensor<?x{columns}xf32, #token>")
    lines.append(
        f"  %codes, %scales = quant_tensor.disassemble %q : tensor<?x{columns}xf32, #token>"
        f" -> tensor<?x{columns}xi8>, tensor<?x1xf32>"
    )
    lines.append(f"  return %codes, %scales : tensor<?x{columns}xi8>, tensor<?x1xf32>")
    return (
        f"{MAPS}func.func @f({', '.join(arguments)}) -> "
        f'(tensor<?x{columns}xi8> {{quant_tensor.name = "codes"}},'
        f' tensor<?x1xf32> {{quant_tensor.name = "scales"}}) {{\n' + "\n".join(lines) + "\n}\n"
    )


def exact(kind, inputs):
    """What is quantized, in float64."""
    x = inputs["x"].astype(np.float64)
    if kind == "rmsnorm":
        inverse = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
        return x * inverse * inputs["gamma"].astype(np.float64)
    if kind == "gate":
        return x / (1 + np.exp(-x)) * inputs["up"].astype(np.float64)
    return x


def check(kind, inputs, codes, scales):
    """Codes and scales against float64, to the rounding of f32 before them."""
    y = exact(kind, inputs)
    if not y.shape[0]:
        return
    # max |y| / 127; a row of zeros has scale 1.
    wanted = np.abs(y).max(axis=1, keepdims=True) / 127
    wanted[wanted == 0] = 1
    np.testing.assert_allclose(scales, wanted, rtol=4e-6)
    quotient = y / scales.astype(np.float64)
    slack = 0.5 + 2e-3
    assert np.all(np.abs(codes - np.clip(quotient, -128, 127)) <= slack)
    assert np.abs(codes.astype(int)).max(axis=1).tolist() == [
        127 if np.any(row) else 0 for row in y
    ]


CASES = [
    # One warp a row; tails of a vector, of a warp; rows that have no vectors.
    ("plain", 64, "f32"), ("plain", 77, "f32"), ("plain", 200, "bf16"), ("plain", 2, "f16"),
    ("rmsnorm", 384, "bf16"), ("rmsnorm", 131, "f32"), ("gate", 96, "f16"),
    # Several warps a row, with and without a tail.
    ("plain", 4096, "bf16"), ("rmsnorm", 1536, "bf16"), ("rmsnorm", 1031, "f32"),
    ("gate", 1100, "bf16"), ("plain", 11008, "f16"),
]


@pytest.mark.parametrize("kind, columns, element", CASES, ids=lambda value: str(value))
def test_quantized_rows(tool, tmp_path, kind, columns, element):
    source, folder = tmp_path / "rows.mlir", tmp_path / "rows.qmlir"
    source.write_text(program(kind, columns, element))
    tool("quant-compile", source, "-o", folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert [kernel["name"] for kernel in manifest["kernels"]] == ["rows_0"]
    assert not [b for f in manifest["functions"] for b in f["buffers"] if b["role"] == "temporary"]
    rng = np.random.default_rng(columns)
    for rows in (0, 1, 13):
        x = rng.standard_normal((rows, columns)) * 3
        if rows == 13:
            x[4] = 0
        inputs = {"x": x.astype(DTYPES[element])}
        if kind == "rmsnorm":
            inputs["gamma"] = rng.uniform(0.5, 2, columns).astype(np.float32)
        if kind == "gate":
            inputs["up"] = rng.standard_normal((rows, columns)).astype(DTYPES[element])
        file = tmp_path / "inputs.npz"
        np.savez(file, **{n: reference.to_bits(a) for n, a in inputs.items()})
        for device in ("emulator", "cpu") if rows == 13 else ("emulator",):
            output = tmp_path / f"{device}.npz"
            tool("quant-run", folder, f"--device={device}", f"--inputs={file}",
                 "--bits", f"--output={output}")
            results = np.load(output)
            check(kind, inputs, results["codes"].view(np.int8),
                  results["scales"].view(np.float32))
