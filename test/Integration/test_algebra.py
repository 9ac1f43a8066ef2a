"""The algebra keeps values: each program is run by its definition as written and
as the passes leave it, and both against NumPy in float64."""

import numpy as np
import pytest

import quantmlir

RNG = np.random.default_rng(3)

MAPS = """\
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mnk = affine_map<(m, n, k) -> (m, n)>
#mn = affine_map<(m, n) -> (m, n)>
#m = affine_map<(m, n) -> (m)>
#n = affine_map<(m, n) -> (n)>
"""


def both(text, pipeline, gone=(), there=(), **arguments):
    """Results before and after the passes; checks what the passes left."""
    after = quantmlir.optimize(text, pipeline)
    for word in gone:
        assert word not in after, after
    for word in there:
        assert word in after, after
    return (quantmlir.Reference(text).run(**arguments),
            quantmlir.Reference(after).run(**arguments))


def int8(*shape):
    return RNG.integers(-128, 128, shape, dtype=np.int64).astype(np.int8)


def float32(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def erf(x):
    from math import erf as scalar
    return np.vectorize(scalar)(x)


ACTIVATIONS = {
    "none": ("", "%v", lambda v: v),
    "relu": ("%z = arith.constant 0.0 : f32\n%r = arith.maximumf %v, %z : f32", "%r",
             lambda v: np.maximum(v, 0)),
    "silu": ("""%one = arith.constant 1.0 : f32
    %a0 = arith.negf %v : f32
    %a1 = math.exp %a0 : f32
    %a2 = arith.addf %a1, %one : f32
    %r = arith.divf %v, %a2 : f32""", "%r", lambda v: v / (1 + np.exp(-v))),
    "gelu_tanh": ("""%half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %c = arith.constant 0.044715 : f32
    %k = arith.constant 0.7978845608028654 : f32
    %a0 = arith.mulf %v, %v : f32
    %a1 = arith.mulf %a0, %v : f32
    %a2 = arith.mulf %a1, %c : f32
    %a3 = arith.addf %v, %a2 : f32
    %a4 = arith.mulf %a3, %k : f32
    %a5 = math.tanh %a4 : f32
    %a6 = arith.addf %a5, %one : f32
    %a7 = arith.mulf %v, %half : f32
    %r = arith.mulf %a7, %a6 : f32""", "%r",
                  lambda v: 0.5 * v * (1 + np.tanh(0.7978845608028654 * (v + 0.044715 * v ** 3)))),
    "gelu_erf": ("""%half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %k = arith.constant 0.70710678118654752 : f32
    %a0 = arith.mulf %v, %k : f32
    %a1 = math.erf %a0 : f32
    %a2 = arith.addf %a1, %one : f32
    %a3 = arith.mulf %v, %half : f32
    %r = arith.mulf %a3, %a2 : f32""", "%r",
                 lambda v: 0.5 * v * (1 + erf(v * 0.70710678118654752))),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_int_mm_and_mul(activation):
    """Per token x per channel scales, bias, activation and a residual, in
    several generics."""
    body, result, exact = ACTIVATIONS[activation]
    text = MAPS + """
func.func @f(%x: tensor<?x37xi8>, %w: tensor<37x13xi8>, %sx: tensor<?xf32>, %sw: tensor<13xf32>,
             %b: tensor<13xf32>, %r0: tensor<?x13xf32>) -> tensor<?x13xf32> {
  %i0 = arith.constant 0 : index
  %c0 = arith.constant 0 : i32
  %m = tensor.dim %x, %i0 : tensor<?x37xi8>
  %e = tensor.empty(%m) : tensor<?x13xi32>
  %f = tensor.empty(%m) : tensor<?x13xf32>
  %zero = linalg.fill ins(%c0 : i32) outs(%e : tensor<?x13xi32>) -> tensor<?x13xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<?x37xi8>, tensor<37x13xi8>) outs(%zero : tensor<?x13xi32>) -> tensor<?x13xi32>
  %s = linalg.generic {indexing_maps = [#mn, #m, #n, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%acc, %sx, %sw : tensor<?x13xi32>, tensor<?xf32>, tensor<13xf32>) outs(%f : tensor<?x13xf32>) {
  ^bb0(%a: i32, %p: f32, %q: f32, %o: f32):
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %p : f32
    %2 = arith.mulf %1, %q : f32
    linalg.yield %2 : f32
  } -> tensor<?x13xf32>
  %bb = linalg.broadcast ins(%b : tensor<13xf32>) outs(%f : tensor<?x13xf32>) dimensions = [0]
  %t = linalg.add ins(%s, %bb : tensor<?x13xf32>, tensor<?x13xf32>) outs(%f : tensor<?x13xf32>) -> tensor<?x13xf32>
  %u = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<?x13xf32>) outs(%f : tensor<?x13xf32>) {
  ^bb0(%v: f32, %o: f32):
    BODY
    linalg.yield RESULT : f32
  } -> tensor<?x13xf32>
  %y = linalg.add ins(%u, %r0 : tensor<?x13xf32>, tensor<?x13xf32>) outs(%f : tensor<?x13xf32>) -> tensor<?x13xf32>
  return %y : tensor<?x13xf32>
}
""".replace("BODY", body).replace("RESULT", result)
    m = 5
    x, w, r = int8(m, 37), int8(37, 13), float32(m, 13)
    sx, sw, b = 1e-2 * abs(float32(m)), 1e-2 * abs(float32(13)), float32(13)
    before, after = both(
        text, "quant-tensor-fuse-epilogue", gone=["x13xi32", "linalg.generic"],
        there=["quant_tensor.scaled_matmul"],
        arg0=x, arg1=w, arg2=sx, arg3=sw, arg4=b, arg5=r)
    np.testing.assert_array_equal(after["result0"], before["result0"])
    y = (x.astype(np.int64) @ w.astype(np.int64)).astype(np.float64)
    y = exact(y * sx[:, None] * sw + b) + r
    np.testing.assert_allclose(after["result0"], y, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("zero_point", ["", ", zero_point = i8"])
def test_requantize_in_the_epilogue(zero_point):
    text = f"""#q = #quant_tensor.encoding<{{storage = i8, block = [0, 0], scale = f32{zero_point}}}>
func.func @f(%x: tensor<7x64xi8>, %w: tensor<64x9xi8>, %s: tensor<1x1xf32>, %z: tensor<1x1xi8>) -> tensor<7x9xi8> {{
  %zero = arith.constant dense<0> : tensor<7x9xi32>
  %acc = linalg.matmul ins(%x, %w : tensor<7x64xi8>, tensor<64x9xi8>) outs(%zero : tensor<7x9xi32>) -> tensor<7x9xi32>
  %y = arith.sitofp %acc : tensor<7x9xi32> to tensor<7x9xf32>
  %q = quant_tensor.quantize %y scales(%s : tensor<1x1xf32>) ZP : tensor<7x9xf32> -> tensor<7x9xf32, #q>
  %c, %t PART = quant_tensor.disassemble %q : tensor<7x9xf32, #q> -> tensor<7x9xi8>, tensor<1x1xf32> TYPE
  return %c : tensor<7x9xi8>
}}
"""
    given = bool(zero_point)
    text = text.replace("ZP", "zero_points(%z : tensor<1x1xi8>)" if given else "")
    text = text.replace("PART", ", %u" if given else "")
    text = text.replace("TYPE", ", tensor<1x1xi8>" if given else "")
    x, w = int8(7, 64), int8(64, 9)
    s = np.array([[500.0]], np.float32)
    z = np.array([[-9]], np.int8)
    before, after = both(text, "quant-tensor-fuse-epilogue",
                         gone=["quant_tensor.quantize", "xi32>"],
                         arg0=x, arg1=w, arg2=s, arg3=z)
    np.testing.assert_array_equal(after["result0"], before["result0"])
    exact = (x.astype(np.int64) @ w.astype(np.int64)) / 500.0
    codes = np.clip(np.round(exact) + (int(z[0, 0]) if given else 0), -128, 127)
    np.testing.assert_array_equal(after["result0"], codes)


@pytest.mark.parametrize("form", ["nk", "kn", "vector"])
def test_weight_only(form):
    """int4 groups, in both orientations and as a vector product."""
    n, k, g = 10, 64, 32
    shape, block = ((k, n), f"[{g}, 1]") if form == "kn" else ((n, k), f"[1, {g}]")
    w_type = f"tensor<{shape[0]}x{shape[1]}xf32, #w>"
    if form == "vector":
        op = f"linalg.matvec ins(%d, %x : tensor<10x64xf32>, tensor<64xf32>) outs(%i : tensor<10xf32>) -> tensor<10xf32>"
        x_type, y_type = "tensor<64xf32>", "tensor<10xf32>"
    else:
        maps = "indexing_maps = [#mk, #nk, #mnk] " if form == "nk" else ""
        x_type, y_type = "tensor<6x64xf32>", "tensor<6x10xf32>"
        op = (f"linalg.matmul {maps}ins(%x, %d : {x_type}, tensor<{shape[0]}x{shape[1]}xf32>)"
              f" outs(%i : {y_type}) -> {y_type}")
    text = MAPS + f"""
#w = #quant_tensor.encoding<{{storage = i4, block = {block}, scale = f32}}>
func.func @f(%x: {x_type}, %w: {w_type}, %i: {y_type}) -> {y_type} {{
  %d = quant_tensor.dequantize %w : {w_type} -> tensor<{shape[0]}x{shape[1]}xf32>
  %y = {op}
  return %y : {y_type}
}}
"""
    codes = RNG.integers(-8, 8, shape)
    packed = ((codes[:, 0::2] & 15) | ((codes[:, 1::2] & 15) << 4)).astype(np.uint8).view(np.int8)
    scale_shape = (k // g, n) if form == "kn" else (n, k // g)
    scales = abs(float32(*scale_shape))
    x = float32(64) if form == "vector" else float32(6, 64)
    i = float32(10) if form == "vector" else float32(6, 10)
    before, after = both(text, "quant-tensor-pull-dequantize",
                         gone=["dequantize", "linalg.mat"],
                         arg0=x, arg1=quantmlir.Encoded(packed, scales), arg2=i)
    w = codes * np.repeat(scales.astype(np.float64), g, axis=0 if form == "kn" else 1)
    y = x.astype(np.float64) @ (w if form == "kn" else w.T) + i
    np.testing.assert_allclose(before["result0"], y, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(after["result0"], y, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("zx", [None, "i8", "ui8"])
@pytest.mark.parametrize("zw", [None, "i8"])
@pytest.mark.parametrize("fuse", [False, True])
def test_encoded_times_encoded(zx, zw, fuse):
    """All four terms of the product of offsets, exactly."""
    x_storage = "ui8" if zx == "ui8" else "i8"
    text = MAPS + f"""
#x = #quant_tensor.encoding<{{storage = {x_storage}, block = [1, 0], scale = f32{f', zero_point = {zx}' if zx else ''}}}>
#w = #quant_tensor.encoding<{{storage = i8, block = [1, 0], scale = f32{f', zero_point = {zw}' if zw else ''}}}>
func.func @f(%x: tensor<?x48xf32, #x>, %w: tensor<11x48xf32, #w>) -> tensor<?x11xf32> {{
  %i0 = arith.constant 0 : index
  %c = arith.constant 0.0 : f32
  %m = tensor.dim %x, %i0 : tensor<?x48xf32, #x>
  %e = tensor.empty(%m) : tensor<?x11xf32>
  %zero = linalg.fill ins(%c : f32) outs(%e : tensor<?x11xf32>) -> tensor<?x11xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mnk] ins(%x, %w : tensor<?x48xf32, #x>, tensor<11x48xf32, #w>)
      outs(%zero : tensor<?x11xf32>) -> tensor<?x11xf32>
  return %y : tensor<?x11xf32>
}}
"""
    m = 4
    x, w = int8(m, 48), int8(11, 48)
    # Powers of two: the product of sums and scales is exact in f32.
    sx = np.exp2(RNG.integers(-8, 0, (m, 1))).astype(np.float32)
    sw = np.exp2(RNG.integers(-8, 0, (11, 1))).astype(np.float32)
    px = int8(m, 1) if zx else None
    pw = int8(11, 1) if zw else None
    pipeline = "quant-tensor-decompose-contractions"
    if fuse:
        pipeline += ",quant-tensor-fuse-epilogue"
    before, after = both(text, pipeline, gone=["linalg.matmul"] + (["x11xi32"] if fuse else []),
                         there=["scaled_matmul" if fuse else "int_matmul"],
                         arg0=quantmlir.Encoded(x, sx, px), arg1=quantmlir.Encoded(w, sw, pw))
    wide = (lambda a: a.view(np.uint8).astype(np.int64)) if zx == "ui8" else (lambda a: a.astype(np.int64))
    vx = wide(x) - (wide(px) if zx else 0)
    vw = w.astype(np.int64) - (pw.astype(np.int64) if zw else 0)
    y = (vx @ vw.T) * sx.astype(np.float64) * sw.astype(np.float64).T
    np.testing.assert_array_equal(after["result0"], y)
    np.testing.assert_array_equal(before["result0"], y)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_batch_one(rows):
    text = """
func.func @f(%x: tensor<?x33xf32>, %w: tensor<33x7xf32>, %i: tensor<?x7xf32>) -> tensor<?x7xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<?x33xf32>, tensor<33x7xf32>) outs(%i : tensor<?x7xf32>) -> tensor<?x7xf32>
  return %y : tensor<?x7xf32>
}
"""
    x, w, i = float32(rows, 33), float32(33, 7), float32(rows, 7)
    before, after = both(text, "quant-tensor-rewrite-batch-1", there=["scf.if", "linalg.reduce"],
                         arg0=x, arg1=w, arg2=i)
    y = x.astype(np.float64) @ w + i
    np.testing.assert_allclose(before["result0"], y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(after["result0"], y, rtol=1e-5, atol=1e-5)


def nibbles(packing, first):
    """MLIR that unpacks an [N, K] ui8 tensor of 16 x 16 bytes, and its meaning."""
    a, b = ("%lo", "%hi") if first == "low" else ("%hi", "%lo")
    part, axis = "tensor<16x16xf32>", 1 if packing.endswith("k") else 0
    whole = "tensor<16x32xf32>" if axis else "tensor<32x16xf32>"
    if packing.startswith("halves"):
        join = f"%c = tensor.concat dim({axis}) {a}, {b} : ({part}, {part}) -> {whole}"
    else:
        stride, offset = ("[1, 2]", "[0, 1]") if axis else ("[2, 1]", "[1, 0]")
        join = f"""%e = tensor.empty() : {whole}
  %p = tensor.insert_slice {a} into %e[0, 0] [16, 16] {stride} : {part} into {whole}
  %c = tensor.insert_slice {b} into %p{offset} [16, 16] {stride} : {part} into {whole}"""
    text = f"""
func.func @f(%w: tensor<16x16xi8>) -> {whole} {{
  %f = arith.constant dense<15> : tensor<16x16xi8>
  %four = arith.constant dense<4> : tensor<16x16xi8>
  %eight = arith.constant dense<8> : tensor<16x16xi8>
  %0 = arith.andi %w, %f : tensor<16x16xi8>
  %1 = arith.subi %0, %eight : tensor<16x16xi8>
  %lo = arith.sitofp %1 : tensor<16x16xi8> to {part}
  %2 = arith.shrui %w, %four : tensor<16x16xi8>
  %3 = arith.subi %2, %eight : tensor<16x16xi8>
  %hi = arith.sitofp %3 : tensor<16x16xi8> to {part}
  {join}
  return %c : {whole}
}}
"""

    def exact(w):
        halves = (w & 15).astype(np.float64) - 8, (w >> 4).astype(np.float64) - 8
        if first == "high":
            halves = halves[::-1]
        if packing.startswith("halves"):
            return np.concatenate(halves, axis)
        stacked = np.stack(halves, axis + 1)
        return stacked.reshape([16, 32] if axis else [32, 16])

    return text, exact


@pytest.mark.parametrize("first", ["low", "high"])
@pytest.mark.parametrize("packing", ["neighbours along k", "halves of k",
                                     "neighbours along n", "halves of n"])
def test_nibbles_of_all_bytes(packing, first):
    text, exact = nibbles(packing.replace(" along ", "_").replace(" of ", "_"), first)
    w = np.arange(256, dtype=np.uint8).reshape(16, 16)
    after = quantmlir.optimize(text, "import-dequantize")
    assert "quant_tensor.assemble" in after
    assert not any(word in after for word in ("andi", "shrui", "concat", "insert_slice"))
    result = quantmlir.Reference(after).run(arg0=w.view(np.int8))["result0"]
    np.testing.assert_array_equal(result, exact(w))


def test_prepare_then_run():
    """The two functions that hoisting makes compute what the one did."""
    text = """
#kn = #quant_tensor.encoding<{storage = i4, block = [16, 1], scale = f32}>
func.func @f(%x: tensor<3x32xf32> {quant_tensor.name = "x"}, %w: tensor<32x6xf32, #kn> {quant_tensor.name = "w"})
    -> (tensor<3x6xf32> {quant_tensor.name = "y"}) {
  %zero = arith.constant dense<0.0> : tensor<3x6xf32>
  %y = linalg.matmul ins(%x, %w : tensor<3x32xf32>, tensor<32x6xf32, #kn>) outs(%zero : tensor<3x6xf32>) -> tensor<3x6xf32>
  return %y : tensor<3x6xf32>
}
"""
    after = quantmlir.optimize(
        text, "quant-tensor-pull-dequantize,quant-tensor-hoist-prepare,canonicalize")
    x, codes, scales = float32(3, 32), int8(32, 3), float32(2, 6)
    w = quantmlir.Encoded(codes, scales)
    y = quantmlir.Reference(text).run("f", x=x, w=w)["y"]
    split = quantmlir.Reference(after)
    prepared = split.run("f.prepare", w=w)
    assert prepared and not set(prepared) & {"w.codes", "w.scales"}
    # The codes stay where they are: their layout says K x N.
    got = split.run("f", x=x, w=w, **prepared)["y"]
    np.testing.assert_allclose(got, y, rtol=1e-6, atol=1e-6)


QUANT = """
func.func @f(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %q = quant.qcast %x : tensor<2x4xf32> to tensor<2x4x!quant.uniform<TYPE>>
  %d = quant.dcast %q : tensor<2x4x!quant.uniform<TYPE>> to tensor<2x4xf32>
  return %d : tensor<2x4xf32>
}
"""


@pytest.mark.parametrize("type, scale, zero, low, high", [
    ("i8:f32, 0.5:3", 0.5, 3, -128, 127),
    ("u4:f32:0, {0.5,0.25:7}", [[0.5], [0.25]], [[0], [7]], 0, 15),
    ("i4:f32:{0:1, 1:2}, {{1.0, 2.0}, {3.0:-1, 4.0}}",
     [[1, 1, 2, 2], [3, 3, 4, 4]], [[0, 0, 0, 0], [-1, -1, 0, 0]], -8, 7),
])
def test_upstream_quant_types(type, scale, zero, low, high):
    after = quantmlir.optimize(QUANT.replace("TYPE", type), "convert-quant-to-quant-tensor")
    assert "quant." not in after.replace("quant_tensor.", "")
    x = 4 * float32(2, 4)
    codes = np.clip(np.round(x / np.array(scale)) + np.array(zero), low, high)
    exact = (codes - np.array(zero)) * np.array(scale)
    np.testing.assert_array_equal(quantmlir.Reference(after).run(arg0=x)["result0"], exact)
    back = quantmlir.optimize(after, "convert-quant-tensor-to-quant")
    assert "quant.qcast" in back and "quant_tensor." not in back
