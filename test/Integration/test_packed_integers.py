"""i4 arguments and constants, as other compilers write them: packed two to a byte
in the artifact, and decoded in registers where they are weights."""

import ml_dtypes
import numpy as np
import pytest

import reference_runner as reference

RNG = np.random.default_rng(4)

GROUPED = """
#nk = affine_map<(n, g, k) -> (n, g, k)>
#ng = affine_map<(n, g, k) -> (n, g)>
func.func @f(%x: tensor<20x2x32xbf16>, %w: tensor<48x2x32xi4>, %s: tensor<48x2xf32>, %zp: tensor<48x2xf32>) -> tensor<20x48xf32> {
  %z = arith.constant dense<0.0> : tensor<20x48xf32>
  %e = tensor.empty() : tensor<48x2x32xbf16>
  %d = linalg.generic {indexing_maps = [#nk, #ng, #ng, #nk], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%w, %s, %zp : tensor<48x2x32xi4>, tensor<48x2xf32>, tensor<48x2xf32>) outs(%e : tensor<48x2x32xbf16>) {
  ^bb0(%a: i4, %b: f32, %c: f32, %o: bf16):
    %0 = arith.extui %a : i4 to i32
    %1 = arith.uitofp %0 : i32 to f32
    %2 = arith.subf %1, %c : f32
    %3 = arith.mulf %2, %b : f32
    %4 = arith.truncf %3 : f32 to bf16
    linalg.yield %4 : bf16
  } -> tensor<48x2x32xbf16>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, g, k) -> (m, g, k)>, affine_map<(m, n, g, k) -> (n, g, k)>,
                                        affine_map<(m, n, g, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %d : tensor<20x2x32xbf16>, tensor<48x2x32xbf16>) outs(%z : tensor<20x48xf32>) {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %a1 = arith.extf %a : bf16 to f32
    %b1 = arith.extf %b : bf16 to f32
    %p = arith.mulf %a1, %b1 : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<20x48xf32>
  return %y : tensor<20x48xf32>
}
"""


def run(tool, tmp_path, text, inputs):
    """Results on the CPU and in the emulator, and the kernels' names."""
    results, manifest = reference.run_artifact(tool, tmp_path, text, inputs, "--function=f")
    return results, [kernel["name"] for kernel in manifest["kernels"]]


def test_groups_of_weights(tool, tmp_path):
    """Groups as a dimension of their own, both contracted."""
    x = RNG.standard_normal((20, 2, 32)).astype(reference.BFLOAT16)
    codes = RNG.integers(0, 16, (48, 2, 32))
    scales = RNG.uniform(0.01, 0.1, (48, 2)).astype(np.float32)
    points = RNG.integers(0, 16, (48, 2)).astype(np.float32)
    results, kernels = run(tool, tmp_path, GROUPED, {
        "arg0": x, "arg1": reference.pack(codes, 4).view(np.int8), "arg2": scales, "arg3": points})
    assert any("wgmma_decode" in name for name in kernels), kernels
    weights = (codes - points[..., None]) * scales[..., None].astype(np.float64)
    exact = np.einsum("mgk,ngk->mn", x.astype(np.float64), weights)
    size = np.einsum("mgk,ngk->mn", np.abs(x).astype(np.float64), np.abs(weights))
    for y in results:
        # The program rounds weights to bf16, the kernel need not.
        assert (np.abs(y - exact) <= 2.0**-8 * size).all()


OTHERS = {
    # What wraps round in i4 does so in bytes.
    "wraps": ("""func.func @f(%w: tensor<5x7xi4>) -> tensor<7x5xi8> {
  %y = arith.addi %w, %w : tensor<5x7xi4>
  %e = tensor.empty() : tensor<7x5xi4>
  %t = linalg.transpose ins(%y : tensor<5x7xi4>) outs(%e : tensor<7x5xi4>) permutation = [1, 0]
  %z = arith.extui %t : tensor<7x5xi4> to tensor<7x5xi8>
  return %z : tensor<7x5xi8>
}""", (5, 7), lambda codes: (2 * codes).T & 15),
    "branch": ("""func.func @f(%w: tensor<?x8xi4>) -> tensor<?x8xi32> {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %m = tensor.dim %w, %c0 : tensor<?x8xi4>
  %p = arith.cmpi ult, %m, %c4 : index
  %r = scf.if %p -> tensor<?x8xi4> {
    scf.yield %w : tensor<?x8xi4>
  } else {
    %t = arith.muli %w, %w : tensor<?x8xi4>
    scf.yield %t : tensor<?x8xi4>
  }
  %y = arith.extsi %r : tensor<?x8xi4> to tensor<?x8xi32>
  return %y : tensor<?x8xi32>
}""", (9, 8), lambda codes: (codes * codes + 8) % 16 - 8),
    "called": ("""func.func @g(%w: tensor<5x7xi4>) -> tensor<5x7xi32> {
  %y = arith.extsi %w : tensor<5x7xi4> to tensor<5x7xi32>
  return %y : tensor<5x7xi32>
}
func.func @f(%w: tensor<5x7xi4>) -> tensor<5x7xi32> {
  %y = func.call @g(%w) : (tensor<5x7xi4>) -> tensor<5x7xi32>
  return %y : tensor<5x7xi32>
}""", (5, 7), lambda codes: codes),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_uses(tool, tmp_path, name):
    text, shape, exact = OTHERS[name]
    codes = RNG.integers(-8, 8, shape)
    results, _ = run(tool, tmp_path, text, {"arg0": reference.pack(codes, 4).view(np.int8)})
    for y in results:
        np.testing.assert_array_equal(y, exact(codes))


def test_constant_weights(tool, tmp_path):
    codes = RNG.integers(-8, 8, (6, 5))
    results, _ = run(tool, tmp_path, f"""
func.func @f(%x: tensor<6x5xf32>) -> tensor<6x5xf32> {{
  %w = arith.constant dense<{codes.tolist()}> : tensor<6x5xi4>
  %d = arith.sitofp %w : tensor<6x5xi4> to tensor<6x5xf32>
  %y = arith.mulf %d, %x : tensor<6x5xf32>
  return %y : tensor<6x5xf32>
}}""", {"arg0": np.full((6, 5), 0.5, np.float32)})
    for y in results:
        np.testing.assert_array_equal(y, codes * 0.5)


def decoded(shape, loops, group, point, scale):
    """A product of 7 rows with weights of `shape`, which run over `loops`, in
    groups along k, with zero points of type `point` and scales of type `scale`."""
    sizes = dict(zip(loops, shape))
    n, k = sizes["n"], sizes["k"]
    blocks = "x".join(str(-(-k // group) if loop == "k" else n) for loop in loops)
    where = ", ".join(f"k floordiv {group}" if loop == "k" else "n" for loop in loops)
    w, out = "x".join(map(str, shape)), f"tensor<7x{n}xf32>"
    names = ", ".join(loops)
    return f"""
#w = affine_map<({names}) -> ({names})>
#b = affine_map<({names}) -> ({where})>
func.func @f(%x: tensor<7x{k}xbf16>, %w: tensor<{w}xi4> {{quant_tensor.weight}}, %z: tensor<{blocks}x{point}> {{quant_tensor.weight}},
             %s: tensor<{blocks}x{scale}> {{quant_tensor.weight}}) -> {out} {{
  %zero = arith.constant dense<0.0> : {out}
  %e = tensor.empty() : tensor<{w}xbf16>
  %d = linalg.generic {{indexing_maps = [#w, #b, #b, #w], iterator_types = ["parallel", "parallel"]}}
      ins(%w, %z, %s : tensor<{w}xi4>, tensor<{blocks}x{point}>, tensor<{blocks}x{scale}>) outs(%e : tensor<{w}xbf16>) {{
  ^bb0(%a: i4, %p: {point}, %q: {scale}, %o: bf16):
    %0 = arith.extui %a : i4 to i32
    %1 = arith.extui %p : {point} to i32
    %2 = arith.subi %0, %1 : i32
    %3 = arith.sitofp %2 : i32 to bf16
    %4 = arith.extf %q : {scale} to bf16
    %5 = arith.mulf %3, %4 : bf16
    linalg.yield %5 : bf16
  }} -> tensor<{w}xbf16>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> ({names})>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %d : tensor<7x{k}xbf16>, tensor<{w}xbf16>) outs(%zero : {out}) -> {out}
  return %y : {out}
}}"""


@pytest.mark.parametrize("shape, loops, group, point", [
    ((64, 33), "kn", 32, "i4"), ((24, 65), "nk", 32, "i4"), ((40, 64), "nk", 16, "i4"), ((33, 64), "nk", 64, "i8"),
    ((64, 7), "kn", 64, "i8"),
])
def test_weights_of_odd_rows(tool, tmp_path, shape, loops, group, point):
    """Rows that end within a byte, zero points of four bits, scales of eight:
    decoded in registers all the same."""
    sizes = dict(zip(loops, shape))
    blocks = [-(-size // group) if loop == "k" else size for loop, size in zip(loops, shape)]
    codes, points = RNG.integers(0, 16, shape), RNG.integers(0, 16, blocks)
    scales = RNG.choice([0.5, 1.0, 2.0, -0.25], blocks)
    x = RNG.integers(-4, 5, (7, sizes["k"]))
    results, kernels = run(tool, tmp_path, decoded(shape, loops, group, point, "f8E4M3FN"), {
        "arg0": x.astype(reference.BFLOAT16), "arg1": reference.pack(codes, 4).view(np.int8),
        "arg2": reference.pack(points, 4).view(np.int8) if point == "i4" else points.astype(np.int8),
        "arg3": scales.astype(ml_dtypes.float8_e4m3fn).view(np.uint8)})
    assert any(name.startswith("matmul_mma_stream") for name in kernels), kernels
    block = [group if loop == "k" else 1 for loop in loops]
    weights = (codes - reference.expand_blocks(points, block, shape)) * reference.expand_blocks(scales, block, shape)
    for y in results:
        np.testing.assert_array_equal(y.view(np.float32), x @ (weights if loops == "kn" else weights.T))


def test_weights_that_nothing_decodes(tool, tmp_path):
    """They are unpacked where they are read: i4 has no buffer to be prepared in."""
    codes = RNG.integers(-8, 8, (6, 8))
    scales = RNG.uniform(0.5, 2.0, (6, 8)).astype(np.float32)
    results, _ = run(tool, tmp_path, """
func.func @f(%w: tensor<6x8xi4> {quant_tensor.weight}, %s: tensor<6x8xf32>) -> tensor<6x8xf32> {
  %d = arith.sitofp %w : tensor<6x8xi4> to tensor<6x8xf32>
  %r = math.absf %d : tensor<6x8xf32>
  %y = arith.mulf %r, %s : tensor<6x8xf32>
  return %y : tensor<6x8xf32>
}""", {"arg0": reference.pack(codes, 4).view(np.int8), "arg1": scales})
    for y in results:
        np.testing.assert_array_equal(y.view(np.float32), np.abs(codes).astype(np.float32) * scales)
