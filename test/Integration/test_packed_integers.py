"""i4 arguments and constants, as other compilers write them: packed two to a byte
in the artifact, and decoded in registers where they are weights."""

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
