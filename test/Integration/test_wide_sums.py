"""Products of bytes that are summed in i64, as programs of default integers are:
with casts in the body or in front of it, zero points, and a start. Where i32
holds every sum they reach a kernel for integer products, and all are exact."""

import numpy as np
import pytest

import reference_runner as reference

MAPS = {"mk": "affine_map<(m, n, k) -> (m, k)>", "nk": "affine_map<(m, n, k) -> (n, k)>",
        "kn": "affine_map<(m, n, k) -> (k, n)>", "mn": "affine_map<(m, n, k) -> (m, n)>"}


def program(m, n, k, order, front, zero, start):
    """x is signed, w is not; `zero` is subtracted from w."""
    w = {"nk": f"{n}x{k}", "kn": f"{k}x{n}"}[order]
    maps = f"[{MAPS['mk']}, {MAPS[order]}, {MAPS['mn']}]"
    out = f"tensor<{m}x{n}xi64>"
    lines, arguments = [], f"%x: tensor<{m}x{k}xi8>, %w: tensor<{w}xi8>"
    init = "%i"
    if start:
        arguments += f", %i: {out}"
    else:
        lines += ["%c = arith.constant 0 : i64", f"%e = tensor.empty() : {out}",
                  f"%i = linalg.fill ins(%c : i64) outs(%e : {out}) -> {out}"]
    if front:
        lines += [f"%a = arith.extsi %x : tensor<{m}x{k}xi8> to tensor<{m}x{k}xi64>",
                  f"%b = arith.extui %w : tensor<{w}xi8> to tensor<{w}xi64>",
                  f"%z = arith.constant dense<{zero}> : tensor<{w}xi64>",
                  f"%d = arith.subi %b, %z : tensor<{w}xi64>",
                  f"%y = linalg.matmul indexing_maps = {maps} ins(%a, %d : tensor<{m}x{k}xi64>, tensor<{w}xi64>)"
                  f" outs({init} : {out}) -> {out}"]
    else:
        lines += [f"""%y = linalg.generic {{indexing_maps = {maps}, iterator_types = ["parallel", "parallel", "reduction"]}}
      ins(%x, %w : tensor<{m}x{k}xi8>, tensor<{w}xi8>) outs({init} : {out}) {{
  ^bb0(%a: i8, %b: i8, %o: i64):
    %z = arith.constant {zero} : i64
    %0 = arith.extsi %a : i8 to i64
    %1 = arith.extui %b : i8 to i64
    %2 = arith.subi %1, %z : i64
    %3 = arith.muli %2, %0 : i64
    %4 = arith.addi %o, %3 : i64
    linalg.yield %4 : i64
  }} -> {out}"""]
    body = "\n  ".join([*lines, f"return %y : {out}"])
    return f"func.func @f({arguments}) -> {out} {{\n  {body}\n}}\n"


@pytest.mark.parametrize("m, n, k, order, front, zero, start", [
    (32, 48, 64, "nk", False, 0, False), (5, 40, 96, "kn", True, 128, False),
    (33, 24, 50, "nk", True, -300, True), (16, 16, 4096, "nk", False, 255, True),
    # 128 * 255 * 70000 is more than i32 holds.
    (2, 3, 70000, "nk", False, 0, True),
])
def test_sums(tool, tmp_path, m, n, k, order, front, zero, start):
    rng = np.random.default_rng(3)
    x = rng.integers(-128, 128, (m, k)).astype(np.int8)
    w = rng.integers(0, 256, (n, k) if order == "nk" else (k, n)).astype(np.uint8)
    if k > 4096:
        x[:], w[:] = -128, 255
    inputs = {"arg0": x, "arg1": w.view(np.int8)}
    exact = x.astype(np.int64) @ (w.astype(np.int64) - zero).reshape(w.shape).transpose((1, 0) if order == "nk" else (0, 1))
    if start:
        inputs["arg2"] = rng.integers(-(1 << 62), 1 << 62, (m, n))
        exact = exact + inputs["arg2"]
    text = program(m, n, k, order, front, zero, start)
    results, manifest = reference.run_artifact(tool, tmp_path, text, inputs)
    for result in results:
        assert np.array_equal(result.view(np.int64), exact)
    kernels = [kernel["name"] for kernel in manifest["kernels"]]
    assert any(name.startswith("matmul_") for name in kernels) == (k <= 4096)
