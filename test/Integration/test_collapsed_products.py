"""Projections of attention as einsums write them: heads and their elements as
two dimensions that are contracted, or two of columns. Each is a matrix product,
with what follows it fused, and is compared with float64 on the CPU and in the
emulator."""

import random

import ml_dtypes
import numpy as np
import pytest

import reference_runner as reference

RNG = np.random.default_rng(5)
BODY = {
    "bf16": """%a1 = arith.extf %a : bf16 to f32
    %b1 = arith.extf %b : bf16 to f32
    %p1 = arith.mulf %a1, %b1 : f32
    %s1 = arith.addf %o, %p1 : f32
    linalg.yield %s1 : f32""",
    "i8": """%a1 = arith.extsi %a : i8 to i32
    %b1 = arith.extsi %b : i8 to i32
    %p1 = arith.muli %a1, %b1 : i32
    %s1 = arith.addi %o, %p1 : i32
    linalg.yield %s1 : i32""",
}


def contraction(equation, x, w, y, element):
    """A linalg.generic of an einsum such as 'bshd,nhd->bsn'."""
    inputs, result = equation.split("->")
    left, right = inputs.split(",")
    loops = list(result) + [letter for letter in left if letter not in result]
    maps = ", ".join(f"affine_map<({', '.join(loops)}) -> ({', '.join(each)})>"
                     for each in (left, right, result))
    kinds = ", ".join('"parallel"' if letter in result else '"reduction"' for letter in loops)
    total = "i32" if element == "i8" else "f32"
    return f"""linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}}
      ins(%x, %w : {x}, {w}) outs(%i : {y}) {{
  ^bb0(%a: {element}, %b: {element}, %o: {total}):
    {BODY[element]}
  }} -> {y}"""


def run(tool, tmp_path, text, inputs):
    """Results of both devices, the kernels' names and the temporaries' types."""
    results, manifest = reference.run_artifact(tool, tmp_path, text, inputs)
    temporaries = [buffer["element"] for function in manifest["functions"]
                   for buffer in function["buffers"] if buffer["role"] == "temporary"]
    return results, [kernel["name"] for kernel in manifest["kernels"]], temporaries


def bf16(*shape):
    return RNG.standard_normal(shape).astype(ml_dtypes.bfloat16)


@pytest.mark.parametrize("equation, x, w", [
    ("bshd,hdn->bsn", (2, 5, 4, 16), (4, 16, 48)),
    ("bsk,khd->bshd", (2, 5, 64), (64, 4, 12)),
    ("bsk,hdk->bshd", (2, 5, 64), (4, 12, 64)),
    ("mhd,hdno->mno", (9, 4, 16), (4, 16, 3, 8)),
    ("bmhd,bhdno->bmno", (2, 9, 4, 16), (2, 4, 16, 3, 8)),
])
def test_floats(tool, tmp_path, equation, x, w):
    x, w = bf16(*x), bf16(*w)
    exact = np.einsum(equation, x.astype(np.float64), w.astype(np.float64))
    size = np.einsum(equation, np.abs(x).astype(np.float64), np.abs(w).astype(np.float64))
    types = [f"tensor<{'x'.join(map(str, a.shape))}x{kind}>"
             for a, kind in ((x, "bf16"), (w, "bf16"), (exact, "f32"))]
    results, kernels, _ = run(tool, tmp_path, f"""
func.func @f(%x: {types[0]}, %w: {types[1]}, %c: {types[2]}) -> {types[2]} {{
  %i = arith.constant dense<0.0> : {types[2]}
  %y = {contraction(equation, *types, "bf16")}
  %t = math.tanh %y : {types[2]}
  %r = arith.addf %t, %c : {types[2]}
  return %r : {types[2]}
}}""", {"arg0": x, "arg1": w, "arg2": np.ones(exact.shape, np.float32)})
    assert any("wgmma" in name or "mma_sync" in name for name in kernels), kernels
    for y in results:
        assert (np.abs(y - (np.tanh(exact) + 1)) <= 2.0**-16 * (size + 1)).all()


@pytest.mark.parametrize("equation, x, block", [
    ("mhd,nhd->mn", (20, 4, 16), "[1, 1, 8]"), ("mk,hdk->mhd", (20, 64), "[1, 1, 32]")])
def test_encoded_weights(tool, tmp_path, equation, x, block):
    x = bf16(*x)
    columns = equation.startswith("mk")
    codes = RNG.integers(-8, 8, (4, 12, 64) if columns else (48, 4, 16))
    group = 32 if columns else 8
    scales = RNG.uniform(0.01, 0.1, (*codes.shape[:2], codes.shape[2] // group)).astype(np.float32)
    weights = codes * np.repeat(scales, group, 2).astype(np.float64)
    exact = np.einsum(equation, x.astype(np.float64), weights)
    size = np.einsum(equation, np.abs(x).astype(np.float64), np.abs(weights))
    types = [f"tensor<{'x'.join(map(str, shape))}x{kind}>" for shape, kind in (
        (x.shape, "bf16"), (codes.shape, "bf16, #w"), (exact.shape, "f32"))]
    results, kernels, _ = run(tool, tmp_path, f"""
#w = #quant_tensor.encoding<{{storage = i4, block = {block}, scale = f32}}>
func.func @f(%x: {types[0]}, %w: {types[1]}) -> {types[2]} {{
  %i = arith.constant dense<0.0> : {types[2]}
  %y = {contraction(equation, *types, "bf16")}
  return %y : {types[2]}
}}""", {"arg0": x, "arg1.codes": reference.pack(codes, 4).view(np.int8), "arg1.scales": scales})
    assert any(name.startswith("matmul") for name in kernels), kernels
    for y in results:
        assert (np.abs(y - exact) <= 2.0**-8 * size).all()


def test_integers(tool, tmp_path):
    """Scaled by column; no i32 matrix is left, and the rows are dynamic."""
    x = RNG.integers(-128, 128, (7, 64)).astype(np.int8)
    w = RNG.integers(-128, 128, (64, 4, 12)).astype(np.int8)
    scales = RNG.uniform(0.5, 1, (4, 12)).astype(np.float32)
    results, _, temporaries = run(tool, tmp_path, f"""
func.func @f(%x: tensor<?x64xi8>, %w: tensor<64x4x12xi8>, %s: tensor<4x12xf32>) -> tensor<?x4x12xf32> {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i32
  %m = tensor.dim %x, %c0 : tensor<?x64xi8>
  %e = tensor.empty(%m) : tensor<?x4x12xi32>
  %r = tensor.empty(%m) : tensor<?x4x12xf32>
  %i = linalg.fill ins(%zero : i32) outs(%e : tensor<?x4x12xi32>) -> tensor<?x4x12xi32>
  %y = {contraction("mk,khd->mhd", "tensor<?x64xi8>", "tensor<64x4x12xi8>", "tensor<?x4x12xi32>", "i8")}
  %t = linalg.generic {{indexing_maps = [affine_map<(m, h, d) -> (m, h, d)>, affine_map<(m, h, d) -> (h, d)>,
                                        affine_map<(m, h, d) -> (m, h, d)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%y, %s : tensor<?x4x12xi32>, tensor<4x12xf32>) outs(%r : tensor<?x4x12xf32>) {{
  ^bb0(%p: i32, %q: f32, %o: f32):
    %v = arith.sitofp %p : i32 to f32
    %u = arith.mulf %v, %q : f32
    linalg.yield %u : f32
  }} -> tensor<?x4x12xf32>
  return %t : tensor<?x4x12xf32>
}}""", {"arg0": x, "arg1": w, "arg2": scales})
    assert "i32" not in temporaries
    exact = np.einsum("mk,khd->mhd", x.astype(np.float64), w.astype(np.float64)) * scales
    for y in results:
        np.testing.assert_allclose(y, exact, rtol=1e-6)


def random_equation(rng):
    """Letters of batch, rows, columns and K in any order, with their sizes."""
    letters = iter("abcdefghijkl")
    batch, rows, columns, contracted = (
        [next(letters) for _ in range(rng.choice(counts))]
        for counts in ([0, 0, 1, 2], [0, 1, 2], [1, 1, 2], [1, 2, 3]))
    sides = [batch + rows + contracted, batch + columns + contracted, batch + rows + columns]
    for side in sides:
        if rng.random() < 0.3:
            rng.shuffle(side)
    sizes = {letter: rng.choice([1, 2, 3, 5, 8, 16]) for side in sides for letter in side}
    left, right, result = ("".join(side) for side in sides)
    return f"{left},{right}->{result}", sizes


@pytest.mark.parametrize("seed", range(12))
def test_random_contractions(tool, tmp_path, seed):
    rng = random.Random(seed)
    equation, sizes = random_equation(rng)
    element = rng.choice(["bf16", "i8"])
    shapes = [[sizes[letter] for letter in side]
              for side in equation.replace("->", ",").split(",")]
    x, w = (bf16(*shape) if element == "bf16"
            else RNG.integers(-128, 128, shape).astype(np.int8) for shape in shapes[:2])
    total = "i32" if element == "i8" else "f32"
    types = [f"tensor<{'x'.join(map(str, shape))}x{kind}>"
             for shape, kind in zip(shapes, (element, element, total))]
    init = RNG.integers(-9, 9, shapes[2]).astype(np.int32 if element == "i8" else np.float32)
    results, _, _ = run(tool, tmp_path, f"""
func.func @f(%x: {types[0]}, %w: {types[1]}, %i: {types[2]}) -> {types[2]} {{
  %y = {contraction(equation, *types, element)}
  return %y : {types[2]}
}}""", {"arg0": x, "arg1": w, "arg2": init})
    exact = np.einsum(equation, x.astype(np.float64), w.astype(np.float64)) + init
    size = np.einsum(equation, *(np.abs(a.astype(np.float64)) for a in (x, w))) + np.abs(init)
    for y in results:
        assert (np.abs(y - exact) <= (0 if element == "i8" else 2.0**-16 * size)).all(), equation
