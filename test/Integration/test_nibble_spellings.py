"""Groups of 4-bit weights decoded as frameworks write it: nibbles joined in all
packings, eight taken away before or after they are joined, and a scale for each
group that is read by a quotient, meets codes split after their conversion, or is
repeated along K. Each is decoded inside the product, and compared with float64
on the CPU and in the emulator."""

import itertools

import numpy as np
import pytest

import reference_runner as reference

RNG = np.random.default_rng(11)
M, N, GROUPS, GROUP = 5, 24, 3, 16
K = GROUPS * GROUP


def tensor(shape, element):
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


def scaled(form, dim, shape, scales):
    """Lines that multiply %f, of `shape`, by the scale %s of each group of `dim`."""
    split = [*shape[:dim], GROUPS, GROUP, *shape[dim + 1:]]
    whole, parts, s = tensor(shape, "f16"), tensor(split, "f16"), tensor(scales, "f16")
    groups = "[[0, 1], [2]]" if dim == 0 else "[[0], [1, 2]]"
    if form == "quotient":
        read = ["d0", "d1"]
        read[dim] += f" floordiv {GROUP}"
        return f"""%we = tensor.empty() : {whole}
  %w = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> ({', '.join(read)})>,
      affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}}
      ins(%f, %s : {whole}, {s}) outs(%we : {whole}) {{
  ^bb0(%a: f16, %b: f16, %o: f16):
    %p = arith.mulf %b, %a : f16
    linalg.yield %p : f16
  }} -> {whole}"""
    repeat = f"""%be = tensor.empty() : {parts}
  %b = linalg.broadcast ins(%s : {s}) outs(%be : {parts}) dimensions = [{dim + 1}]"""
    if form == "split":
        return f"""{repeat}
  %g = tensor.expand_shape %f {groups} output_shape {split} : {whole} into {parts}
  %p = arith.mulf %g, %b : {parts}
  %w = tensor.collapse_shape %p {groups} : {parts} into {whole}"""
    return f"""{repeat}
  %r = tensor.collapse_shape %b {groups} : {parts} into {whole}
  %w = arith.mulf %f, %r : {whole}"""


@pytest.mark.parametrize("form, alternates, along_k, late", [
    *itertools.product(["quotient", "split", "repeat"], [True, False], [True], [True]),
    ("split", True, False, False), ("repeat", False, False, True)])
@pytest.mark.parametrize("order", ["nk", "kn"])
def test_groups(tool, tmp_path, form, alternates, along_k, late, order):
    shape = [N, K] if order == "nk" else [K, N]
    dim = order.index("k")
    axis = dim if along_k else 1 - dim
    halves = [size // 2 if i == axis else size for i, size in enumerate(shape)]
    scales = [GROUPS if i == dim else size for i, size in enumerate(shape)]
    packed = RNG.integers(0, 256, halves).astype(np.uint8)
    low, high = packed & 15, packed >> 4
    codes = (np.stack([low, high], axis + 1).reshape(shape) if alternates
             else np.concatenate([low, high], axis)).astype(np.int64) - 8
    s = RNG.uniform(0.05, 0.2, scales).astype(np.float16)
    x = RNG.standard_normal((M, K)).astype(np.float16)
    weights = codes * np.repeat(s.astype(np.float64), GROUP, dim)
    half, whole = tensor(halves, "i8"), tensor(shape, "i8")
    stride = [2 if alternates and i == axis else 1 for i in range(2)]
    second = [(1 if alternates else halves[axis]) if i == axis else 0 for i in range(2)]
    early = "" if late else f"""%e0 = arith.constant dense<8> : {half}
  %l8 = arith.subi %l, %e0 : {half}
  %h8 = arith.subi %h, %e0 : {half}"""
    first, last = ("%l", "%h") if late else ("%l8", "%h8")
    offset = f"""%e1 = arith.constant dense<8> : {whole}
  %c = arith.subi %j, %e1 : {whole}""" if late else ""
    weight = tensor(shape, "f16")
    results, manifest = reference.run_artifact(tool, tmp_path, f"""
func.func @f(%x: tensor<{M}x{K}xf16>, %q: {half}, %s: {tensor(scales, "f16")}) -> tensor<{M}x{N}xf32> {{
  %mask = arith.constant dense<15> : {half}
  %four = arith.constant dense<4> : {half}
  %l = arith.andi %mask, %q : {half}
  %h = arith.shrui %q, %four : {half}
  {early}
  %je = tensor.empty() : {whole}
  %jl = tensor.insert_slice {first} into %je[0, 0] {halves} {stride} : {half} into {whole}
  %j = tensor.insert_slice {last} into %jl{second} {halves} {stride} : {half} into {whole}
  {offset}
  %f = arith.sitofp {"%c" if late else "%j"} : {whole} to {weight}
  {scaled(form, dim, shape, scales)}
  %i = arith.constant dense<0.0> : tensor<{M}x{N}xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> ({', '.join(order)})>,
      affine_map<(m, n, k) -> (m, n)>] ins(%x, %w : tensor<{M}x{K}xf16>, {weight}) outs(%i : tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32>
  return %y : tensor<{M}x{N}xf32>
}}""", {"arg0": x, "arg1": packed.view(np.int8), "arg2": s})
    # Nothing holds the weights as floats.
    assert not [buffer for function in manifest["functions"] for buffer in function["buffers"]
                if buffer["role"] == "temporary" and buffer["element"] in ("f16", "f32")
                and np.prod(buffer["shape"]) >= N * K]
    product = weights.T if order == "nk" else weights
    exact = x.astype(np.float64) @ product
    size = np.abs(x).astype(np.float64) @ (np.abs(product) + 8 * s.max().astype(np.float64))
    for y in results:
        assert (np.abs(y - exact) <= 2.0**-9 * size).all()
