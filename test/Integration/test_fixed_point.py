"""Sums that are requantized in fixed point, as TOSA and TFLite do: from a bias on,
which is broadcast into the init, multiplied in 64 bits by a multiplier of the
column, rounded and shifted right. All of it is in the epilogue of the product, and
results are exact."""

import numpy as np
import pytest

import reference_runner as reference

#: TOSA's second rounding, away from zero.
TWICE = """
    %zero = arith.constant 0 : i32
    %down = arith.constant -1073741824 : i64
    %up = arith.constant 1073741824 : i64
    %negative = arith.cmpi slt, %sum, %zero : i32
    %away = arith.select %negative, %down, %up : i64
    %rounded = arith.addi %once, %away : i64"""
ONCE = """
    %none = arith.constant 0 : i64
    %rounded = arith.addi %once, %none : i64"""


def program(m, n, k, twice):
    return f"""
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>
func.func @f(%x: tensor<{m}x{k}xi8>, %w: tensor<{n}x{k}xi8>, %b: tensor<{n}xi32>, %f: tensor<{n}xi32>,
             %s: tensor<{n}xi8>) -> tensor<{m}x{n}xi8> {{
  %sums = tensor.empty() : tensor<{m}x{n}xi32>
  %z = linalg.broadcast ins(%b : tensor<{n}xi32>) outs(%sums : tensor<{m}x{n}xi32>) dimensions = [0]
  %acc = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<{m}x{k}xi8>, tensor<{n}x{k}xi8>)
      outs(%z : tensor<{m}x{n}xi32>) -> tensor<{m}x{n}xi32>
  %e = tensor.empty() : tensor<{m}x{n}xi8>
  %y = linalg.generic {{indexing_maps = [#id, #n, #n, #id], iterator_types = ["parallel", "parallel"]}}
      ins(%acc, %f, %s : tensor<{m}x{n}xi32>, tensor<{n}xi32>, tensor<{n}xi8>)
      outs(%e : tensor<{m}x{n}xi8>) {{
  ^bb0(%sum: i32, %factor: i32, %shift: i8, %o: i8):
    %one = arith.constant 1 : i64
    %zp = arith.constant -3 : i32
    %low = arith.constant -128 : i32
    %high = arith.constant 127 : i32
    %wide = arith.extsi %sum : i32 to i64
    %factor64 = arith.extsi %factor : i32 to i64
    %product = arith.muli %wide, %factor64 : i64
    %shift64 = arith.extui %shift : i8 to i64
    %less = arith.subi %shift64, %one : i64
    %half = arith.shli %one, %less : i64
    %once = arith.addi %product, %half : i64{TWICE if twice else ONCE}
    %shifted = arith.shrsi %rounded, %shift64 : i64
    %code = arith.trunci %shifted : i64 to i32
    %moved = arith.addi %code, %zp : i32
    %above = arith.maxsi %moved, %low : i32
    %within = arith.minsi %above, %high : i32
    %byte = arith.trunci %within : i32 to i8
    linalg.yield %byte : i8
  }} -> tensor<{m}x{n}xi8>
  return %y : tensor<{m}x{n}xi8>
}}
"""


@pytest.mark.parametrize("m, n, k", [(37, 72, 80), (130, 40, 77), (1, 24, 48)])
@pytest.mark.parametrize("twice", [False, True], ids=["single", "double"])
def test_requantized(tool, tmp_path, m, n, k, twice):
    rng = np.random.default_rng(m)
    inputs = {
        "arg0": rng.integers(-128, 128, (m, k), dtype=np.int8),
        "arg1": rng.integers(-128, 128, (n, k), dtype=np.int8),
        "arg2": rng.integers(-1000, 1000, n).astype(np.int32),
        "arg3": rng.integers(1 << 30, (1 << 31) - 1, n).astype(np.int32),
        "arg4": rng.integers(38, 42, n).astype(np.int8),
    }
    results, manifest = reference.run_artifact(tool, tmp_path, program(m, n, k, twice), inputs)
    [kernel] = manifest["kernels"]
    assert "mma" in kernel["name"]
    x, w, bias, factor, shift = (inputs[f"arg{i}"].astype(np.int64) for i in range(5))
    sums = x @ w.T + bias
    away = np.where(sums < 0, -(1 << 30), 1 << 30) if twice else 0
    exact = np.clip(((sums * factor + (1 << (shift - 1)) + away) >> shift) - 3, -128, 127)
    # Something of everything.
    assert len(np.unique(exact)) > 20
    for y in results:
        np.testing.assert_array_equal(y.view(np.int8), exact)
