"""Convolutions with a window of one element are products: of encoded weights,
of integers with zero points, with strides, and of any number of images. Small
integers, so results are exact. And views of activations that are collapsed."""

import ml_dtypes
import numpy as np
import pytest

from reference_runner import expand_blocks, pack, run_artifact, to_bits


def dense(shape, element):
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


# The op, the loops of its operands, extents of n, h, w and c, f, and the stride.
CASES = {
    "rows": ("conv_2d_nhwc_hwcf", "nhwc", "11cf", "nhwf", (2, 4, 5, 64, 24), 1),
    "weights by rows": ("conv_2d_nhwc_fhwc", "nhwc", "f11c", "nhwf", (1, 4, 4, 96, 40), 1),
    "channels first": ("conv_2d_nchw_fchw", "nchw", "fc11", "nfhw", (2, 3, 4, 64, 24), 1),
    "strides": ("conv_2d_nhwc_fhwc", "nhwc", "f11c", "nhwf", (2, 3, 4, 64, 24), 2),
    "any number": ("conv_2d_nhwc_fhwc", "nhwc", "f11c", "nhwf", ("?", 4, 4, 64, 24), 1),
    "sequences": ("conv_1d_nwc_wcf", "nwc", "1cf", "nwf", (3, 1, 5, 64, 24), 2),
}


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("name", CASES)
def test_encoded_weights(tool, tmp_path, name, bits):
    op, x_loops, w_loops, y_loops, extents, stride = CASES[name]
    if bits < 8 and w_loops[-1] == "1":
        pytest.skip("rows of one code fill a byte each")
    rng = np.random.default_rng(len(name))
    sizes = dict(zip("nhwcf", extents)) | {"1": 1}
    given = sizes | {"n": 2 if sizes["n"] == "?" else sizes["n"]}
    # One more pixel than the stride reaches.
    inner = {loop: given[loop] * stride for loop in "hw"} if stride > 1 else {}
    x_sizes, dims = sizes | inner, [loop for loop in x_loops if loop in "hw"]
    shapes = [[each[loop] for loop in loops]
              for each, loops in ((x_sizes, x_loops), (sizes, w_loops), (sizes, y_loops))]
    block = [{"c": 32 if bits < 8 else 0, "1": 1, "f": 1}[loop] for loop in w_loops]
    codes = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shapes[1])
    scales = rng.choice([0.5, 1.0, -2.0], [-(-s // (b or s)) for s, b in zip(shapes[1], block)])
    weights = codes * expand_blocks(scales, block, shapes[1])
    x = rng.integers(-4, 5, [(given | inner)[loop] for loop in x_loops])
    kinds = [dense(shapes[0], "bf16"), dense(shapes[1], "bf16, #w"), dense(shapes[2], "f32")]
    numbers = ", ".join(["1"] * len(dims))
    text = f"""
#w = #quant_tensor.encoding<{{storage = i{bits}, block = {block}, scale = bf16}}>
func.func @f(%x: {kinds[0]}, %w: {kinds[1]}, %i: {kinds[2]}) -> {kinds[2]} {{
  %y = linalg.{op} {{dilations = dense<1> : tensor<{len(dims)}xi64>, strides = dense<{stride}> : tensor<{len(dims)}xi64>}}
      ins(%x, %w : {kinds[0]}, {kinds[1]}) outs(%i : {kinds[2]}) -> {kinds[2]}
  return %y : {kinds[2]}
}}
"""
    seen = x[tuple(slice(None, None, stride) if loop in inner else slice(None) for loop in x_loops)]
    letters = w_loops.replace("1", "")
    exact = np.einsum(f"{x_loops},{letters}->{y_loops}", seen, weights.reshape([s for s, l in zip(shapes[1], w_loops) if l != "1"]))
    init = rng.integers(-9, 9, exact.shape).astype(np.float32)
    results, manifest = run_artifact(tool, tmp_path, text, {
        "arg0": to_bits(x.astype(ml_dtypes.bfloat16)), "arg2": init,
        "arg1.codes": (pack(codes, bits) if bits < 8 else codes).astype(np.uint8).view(np.int8),
        "arg1.scales": to_bits(scales.astype(ml_dtypes.bfloat16))}, "--function=f")
    for result in results:
        np.testing.assert_array_equal(result.view(np.float32), exact + init)
    kernels = [kernel["name"] for kernel in manifest["kernels"]]
    assert any("matmul_" in name for name in kernels) and not any("reduce" in name for name in kernels), kernels


def test_zero_points(tool, tmp_path):
    rng = np.random.default_rng(3)
    x, w = rng.integers(-128, 128, (2, 3, 4, 64)).astype(np.int8), rng.integers(-128, 128, (1, 1, 64, 24)).astype(np.int8)
    text = """
func.func @f(%x: tensor<2x3x4x64xi8>, %w: tensor<1x1x64x24xi8>) -> tensor<2x3x4x24xi32> {
  %zx = arith.constant 3 : i32
  %zw = arith.constant -5 : i32
  %zero = arith.constant dense<0> : tensor<2x3x4x24xi32>
  %y = linalg.conv_2d_nhwc_hwcf_q {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w, %zx, %zw : tensor<2x3x4x64xi8>, tensor<1x1x64x24xi8>, i32, i32) outs(%zero : tensor<2x3x4x24xi32>) -> tensor<2x3x4x24xi32>
  return %y : tensor<2x3x4x24xi32>
}
"""
    results, manifest = run_artifact(tool, tmp_path, text, {"arg0": x, "arg1": w})
    exact = (x.astype(np.int32) - 3) @ (w[0, 0].astype(np.int32) + 5)
    for result in results:
        np.testing.assert_array_equal(result.view(np.int32), exact)
    assert any(kernel["name"].startswith("matmul_wgmma") for kernel in manifest["kernels"])


VIEWS = {
    "steps": ("[0, 1, 0] [2, 3, 16] [1, 2, 1]", (2, 3, 16), "[[0, 1], [2]]", (6, 16), np.s_[:, 1:7:2]),
    "inner": ("[0, 2, 0] [2, 3, 16] [1, 1, 1]", (2, 3, 16), "[[0], [1, 2]]", (2, 48), np.s_[:, 2:5]),
    "one row": ("[1, 6, 0] [1, 1, 16] [1, 1, 1]", (1, 1, 16), "[[0, 1, 2]]", (16,), np.s_[1:, 6:7]),
    "a column": ("[0, 0, 5] [2, 8, 1] [1, 1, 1]", (2, 8, 1), "[[0, 1, 2]]", (16,), np.s_[:, :, 5:6]),
}


@pytest.mark.parametrize("name", VIEWS)
def test_collapsed_views(tool, tmp_path, name):
    slices, part, groups, shape, index = VIEWS[name]
    x = np.random.default_rng(1).integers(-9, 9, (2, 8, 16)).astype(np.float32)
    whole, part, out = dense(x.shape, "f32"), dense(part, "f32"), dense(shape, "f32")
    results, _ = run_artifact(tool, tmp_path, f"""
func.func @f(%x: {whole}) -> {out} {{
  %s = tensor.extract_slice %x{slices} : {whole} to {part}
  %c = tensor.collapse_shape %s {groups} : {part} into {out}
  %y = arith.addf %c, %c : {out}
  return %y : {out}
}}""", {"arg0": x})
    for result in results:
        np.testing.assert_array_equal(result.view(np.float32), 2 * x[index].reshape(shape))
