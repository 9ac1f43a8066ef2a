"""The reference against onnxruntime: a judge that nobody here wrote."""

import itertools

import ml_dtypes
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto as T
from onnx import helper

from reference_runner import pack, run

# What breaks quantizers: zeros of both signs, ties, the ends of the range and
# beyond, infinities, subnormals.
EDGES = np.array(
    [0.0, -0.0, 0.25, -0.25, 0.75, 1.25, -64.0, 63.5, 63.75, -64.25, 1e30, -1e30]
    + [np.inf, -np.inf, 1e-45, -1e-45, 1e-38, 0.2499999, 0.2500001],
    dtype=np.float32,
)


def onnx_run(nodes, feeds, outputs, initializers=()):
    """Runs ONNX nodes on `feeds`, {name: array or (array, type)}."""
    inputs = []
    values = {}
    for name, value in feeds.items():
        array, kind = value if isinstance(value, tuple) else (value, None)
        kind = kind or helper.np_dtype_to_tensor_dtype(array.dtype)
        inputs.append(helper.make_tensor_value_info(name, kind, array.shape))
        values[name] = array
    results = [helper.make_tensor_value_info(n, k, None) for n, k in outputs]
    graph = helper.make_graph(nodes, "g", inputs, results, list(initializers))
    model = helper.make_model(
        graph,
        opset_imports=[
            helper.make_opsetid("", 21),
            helper.make_opsetid("com.microsoft", 1),
        ],
    )
    model.ir_version = 10
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    )
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, values)


def sample(rng, count):
    values = rng.standard_normal(count).astype(np.float32) * 40
    return np.concatenate([EDGES, values])


STORAGES = {
    "i8": (T.INT8, "i8", True, 8),
    "ui8": (T.UINT8, "ui8", False, 8),
    "i4": (T.INT4, "i4", True, 4),
    "ui4": (T.UINT4, "ui4", False, 4),
}


def test_quantize_dequantize_integers(tmp_path):
    """QuantizeLinear and DequantizeLinear with a zero point, 8 and 4 bits."""
    rng = np.random.default_rng(1)
    x = sample(rng, 1000 - len(EDGES))
    assert len(x) == 1000
    text, calls, expected = "", [], []
    for name, (kind, storage, signed, bits) in STORAGES.items():
        alias = f"#{name}"
        text += (
            f"{alias} = #quant_tensor.encoding<{{storage = {storage}, "
            f"block = [0], scale = f32, zero_point = {storage}}}>\n"
        )
        tensor = f"tensor<1000xf32, {alias}>"
        text += f"""
func.func @{name}(%x: tensor<1000xf32>, %s: tensor<1xf32>, %z: tensor<1xi8>) -> tensor<1000xf32> {{
  %q = quant_tensor.quantize %x scales(%s : tensor<1xf32>) zero_points(%z : tensor<1xi8>) : tensor<1000xf32> -> {tensor}
  %d = quant_tensor.dequantize %q : {tensor} -> tensor<1000xf32>
  return %d : tensor<1000xf32>
}}
"""
        for scale in (0.5, 0.1, 3.7e-3, 11.0):
            for zero in (0, 3) if not signed else (0, -5):
                calls.append(
                    (
                        name,
                        {
                            "arg0": x,
                            "arg1": np.array([scale], np.float32),
                            "arg2": np.array([zero], np.int8),
                        },
                    )
                )
                data = pack([zero, 0], 4)[:1].tobytes() if bits == 4 else np.array([zero], np.int64).astype(np.int8).tobytes()
                point = helper.make_tensor("z", kind, [], data, raw=True)
                (y,) = onnx_run(
                    [
                        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
                        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
                    ],
                    {"x": x, "s": np.array(scale, np.float32)},
                    [("y", T.FLOAT)],
                    [point],
                )
                expected.append(y)
    for call, output, y in zip(calls, run(tmp_path, text, calls), expected):
        np.testing.assert_array_equal(output["result0"], y, err_msg=str(call[0]))


@pytest.mark.parametrize(
    "storage,kind,dtype",
    [
        ("f8E4M3FN", T.FLOAT8E4M3FN, ml_dtypes.float8_e4m3fn),
        ("f8E5M2", T.FLOAT8E5M2, ml_dtypes.float8_e5m2),
    ],
)
def test_quantize_dequantize_fp8(tmp_path, storage, kind, dtype):
    """QuantizeLinear to fp8 (saturating) and back, NaN included."""
    rng = np.random.default_rng(2)
    everything = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
    # Every value, every midpoint and its neighbours, and the edges.
    finite = np.unique(everything[np.isfinite(everything)])
    middle = (finite[1:] + finite[:-1]) / 2
    x = np.concatenate(
        [
            sample(rng, 500),
            [np.float32(np.nan)],
            finite,
            middle,
            np.nextafter(middle, np.float32(np.inf)),
            np.nextafter(middle, np.float32(-np.inf)),
            rng.standard_normal(500).astype(np.float32) * 1e5,
        ]
    ).astype(np.float32)
    n = len(x)
    text = f"""
#e = #quant_tensor.encoding<{{storage = {storage}, block = [0], scale = f32}}>
func.func @f(%x: tensor<{n}xf32>, %s: tensor<1xf32>) -> tensor<{n}xf32> {{
  %q = quant_tensor.quantize %x scales(%s : tensor<1xf32>) : tensor<{n}xf32> -> tensor<{n}xf32, #e>
  %d = quant_tensor.dequantize %q : tensor<{n}xf32, #e> -> tensor<{n}xf32>
  return %d : tensor<{n}xf32>
}}
"""
    scales = (1.0, 0.37)
    outputs = run(
        tmp_path,
        text,
        [("f", {"arg0": x, "arg1": np.array([s], np.float32)}) for s in scales],
    )
    for scale, output in zip(scales, outputs):
        (y,) = onnx_run(
            [
                helper.make_node("QuantizeLinear", ["x", "s"], ["q"], output_dtype=kind),
                helper.make_node("DequantizeLinear", ["q", "s"], ["y"]),
            ],
            {"x": x, "s": np.array(scale, np.float32)},
            [("y", T.FLOAT)],
        )
        np.testing.assert_array_equal(output["result0"], y)


def test_dynamic_quantize_linear(tmp_path):
    text = """
#u8 = #quant_tensor.encoding<{storage = ui8, block = [0, 0], scale = f32, zero_point = ui8}>
func.func @f(%x: tensor<?x?xf32>) -> tensor<?x?xf32, #u8> {
  %q = quant_tensor.quantize %x : tensor<?x?xf32> -> tensor<?x?xf32, #u8>
  return %q : tensor<?x?xf32, #u8>
}
"""
    rng = np.random.default_rng(3)
    data = [
        rng.standard_normal((7, 13)).astype(np.float32),
        rng.random((1, 257)).astype(np.float32) + 1,
        -rng.random((31, 1)).astype(np.float32) * 1e-3,
        rng.standard_normal((64, 64)).astype(np.float32) * 1e4,
        np.array([[5.0]], np.float32),
    ]
    outputs = run(tmp_path, text, [("f", {"arg0": x}) for x in data])
    for x, output in zip(data, outputs):
        q, scale, zero = onnx_run(
            [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])],
            {"x": x},
            [("q", T.UINT8), ("s", T.FLOAT), ("z", T.UINT8)],
        )
        np.testing.assert_array_equal(output["result0.scales"].ravel(), scale)
        np.testing.assert_array_equal(
            output["result0.zero_points"].view(np.uint8).ravel(), zero
        )
        # onnxruntime's vectorised loop multiplies by the scale's reciprocal in
        # places, so a quotient next to a tie may go the other way.
        codes = output["result0.codes"].view(np.uint8)
        exact = x.astype(np.float64) / np.float64(scale)
        tie = np.abs(exact - np.floor(exact) - 0.5) < 1e-4
        difference = np.abs(codes.astype(int) - q.astype(int))
        assert (difference[~tie] == 0).all() and (difference <= 1).all()


def test_matmul_integer(tmp_path):
    text = """
func.func @f(%x: tensor<?x?xi8>, %w: tensor<?x?xi8>, %zx: tensor<1x1xi32>, %zw: tensor<?x1xi32>, %init: tensor<?x?xi32>) -> tensor<?x?xi32> {
  %y = quant_tensor.int_matmul lhs_unsigned ins(%x, %w : tensor<?x?xi8>, tensor<?x?xi8>)
      lhs_zero_points(%zx : tensor<1x1xi32>) rhs_zero_points(%zw : tensor<?x1xi32>)
      outs(%init : tensor<?x?xi32>) -> tensor<?x?xi32>
  return %y : tensor<?x?xi32>
}
"""
    rng = np.random.default_rng(4)
    calls, expected = [], []
    shapes = [(1, 1, 1), (1, 17, 64), (5, 7, 31), (16, 33, 129), (0, 4, 8), (3, 2, 257)]
    # onnxruntime adds pairs of products in 16 bits, and saturates, on a CPU without VNNI:
    # it judges weights of 7 bits, where no pair does, and float64 those of 8.
    for least, (m, n, k) in itertools.product((-64, -128), shapes):
        x = rng.integers(0, 256, (m, k)).astype(np.uint8)
        w = rng.integers(least, -least, (n, k)).astype(np.int8)
        w.flat[:1] = least
        zx = np.array(rng.integers(0, 256), np.uint8)
        zw = rng.integers(-128, 128, n).astype(np.int8)
        calls.append(
            (
                "f",
                {
                    "arg0": x,
                    "arg1": w,
                    "arg2": np.full((1, 1), zx, np.int32),
                    "arg3": zw.astype(np.int32).reshape(n, 1),
                    "arg4": np.zeros((m, n), np.int32),
                },
            )
        )
        exact = (x.astype(np.float64) - float(zx)) @ (
            w.astype(np.float64) - zw[:, None]
        ).T
        expected.append(exact)
        if m and least == -64:
            (y,) = onnx_run(
                [helper.make_node("MatMulInteger", ["x", "w", "zx", "zw"], ["y"])],
                {"x": x, "w": np.ascontiguousarray(w.T), "zx": zx, "zw": zw},
                [("y", T.INT32)],
            )
            np.testing.assert_array_equal(y, exact)
    for output, y in zip(run(tmp_path, text, calls), expected):
        np.testing.assert_array_equal(output["result0"], y)


def test_qlinear_matmul(tmp_path):
    """Integer product, one float scale, requantization to uint8."""
    m, n, k = 9, 21, 67
    text = f"""
#u8 = #quant_tensor.encoding<{{storage = ui8, block = [0, 0], scale = f32, zero_point = ui8}}>
func.func @f(%x: tensor<{m}x{k}xi8>, %w: tensor<{n}x{k}xi8>, %zx: tensor<1x1xi32>, %zw: tensor<1x1xi32>,
             %sxw: tensor<1x1xf32>, %sy: tensor<1x1xf32>, %zy: tensor<1x1xi8>) -> tensor<{m}x{n}xf32, #u8> {{
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<{m}x{n}xi32>
  %init = linalg.fill ins(%zero : i32) outs(%e : tensor<{m}x{n}xi32>) -> tensor<{m}x{n}xi32>
  %acc = quant_tensor.int_matmul lhs_unsigned rhs_unsigned ins(%x, %w : tensor<{m}x{k}xi8>, tensor<{n}x{k}xi8>)
      lhs_zero_points(%zx : tensor<1x1xi32>) rhs_zero_points(%zw : tensor<1x1xi32>)
      outs(%init : tensor<{m}x{n}xi32>) -> tensor<{m}x{n}xi32>
  %ef = tensor.empty() : tensor<{m}x{n}xf32>
  %f = linalg.generic {{indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (0, 0)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}}
      ins(%acc, %sxw : tensor<{m}x{n}xi32>, tensor<1x1xf32>) outs(%ef : tensor<{m}x{n}xf32>) {{
  ^bb0(%a: i32, %s: f32, %o: f32):
    %0 = arith.sitofp %a : i32 to f32
    %1 = arith.mulf %0, %s : f32
    linalg.yield %1 : f32
  }} -> tensor<{m}x{n}xf32>
  %q = quant_tensor.quantize %f scales(%sy : tensor<1x1xf32>) zero_points(%zy : tensor<1x1xi8>) : tensor<{m}x{n}xf32> -> tensor<{m}x{n}xf32, #u8>
  return %q : tensor<{m}x{n}xf32, #u8>
}}
"""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 256, (m, k)).astype(np.uint8)
    w = rng.integers(0, 256, (n, k)).astype(np.uint8)
    zx, zw, zy = np.uint8(113), np.uint8(131), np.uint8(127)
    # Powers of two, so that both sides' products of scales are exact.
    sx, sw, sy = np.float32(2**-6), np.float32(2**-7), np.float32(2**-1)
    (output,) = run(
        tmp_path,
        text,
        [
            (
                "f",
                {
                    "arg0": x,
                    "arg1": w,
                    "arg2": np.full((1, 1), zx, np.int32),
                    "arg3": np.full((1, 1), zw, np.int32),
                    "arg4": np.full((1, 1), sx * sw, np.float32),
                    "arg5": np.full((1, 1), sy, np.float32),
                    "arg6": np.full((1, 1), zy, np.uint8),
                },
            )
        ],
    )
    (y,) = onnx_run(
        [
            helper.make_node(
                "QLinearMatMul",
                ["x", "sx", "zx", "w", "sw", "zw", "sy", "zy"],
                ["y"],
            )
        ],
        {
            "x": x,
            "w": np.ascontiguousarray(w.T),
            "sx": np.array(sx),
            "zx": np.array(zx),
            "sw": np.array(sw),
            "zw": np.array(zw),
            "sy": np.array(sy),
            "zy": np.array(zy),
        },
        [("y", T.UINT8)],
    )
    exact = (x.astype(float) - zx) @ (w.astype(float) - zw).T * float(sx) * float(sw)
    exact = np.clip(np.rint(exact / float(sy)) + zy, 0, 255)
    np.testing.assert_array_equal(output["result0.codes"].view(np.uint8), exact)
    np.testing.assert_array_equal(output["result0.codes"].view(np.uint8), y)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("zero_points", [False, True])
def test_matmul_nbits(tmp_path, bits, zero_points):
    """Weight-only products with groups along K, whose last one is short."""
    m, n, k, block = 3, 10, 80, 32
    groups = -(-k // block)
    rng = np.random.default_rng(bits)
    codes = rng.integers(0, 1 << bits, (n, k))
    codes[0, :4] = [0, (1 << bits) - 1, 0, (1 << bits) - 1]
    points = rng.integers(0, 1 << bits, (n, groups))
    if not zero_points:
        points[:] = 1 << (bits - 1)
    scales = (rng.random((n, groups)) + 0.01).astype(np.float32)
    x = rng.standard_normal((m, k)).astype(np.float32)

    padded = np.zeros((n, groups * block), np.int64)
    padded[:, :k] = codes
    inputs = {
        "x": x,
        "b": pack(padded.reshape(n, groups, block), bits),
        "s": scales,
    }
    names = ["x", "b", "s"]
    if zero_points:
        names.append("z")
        inputs["z"] = pack(points, bits)
    node = helper.make_node(
        "MatMulNBits", names, ["y"], domain="com.microsoft",
        K=k, N=n, bits=bits, block_size=block, accuracy_level=1,
    )
    (y,) = onnx_run([node], inputs, [("y", T.FLOAT)])

    text = f"""
#w = #quant_tensor.encoding<{{storage = ui{bits}, block = [1, {block}], scale = f32, zero_point = ui{bits}}}>
func.func @linalg(%x: tensor<?x{k}xf32>, %w: tensor<{n}x{k}xf32, #w> {{quant_tensor.name = "w"}}, %init: tensor<?x{n}xf32>) -> tensor<?x{n}xf32> {{
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %w : tensor<?x{k}xf32>, tensor<{n}x{k}xf32, #w>) outs(%init : tensor<?x{n}xf32>) -> tensor<?x{n}xf32>
  return %y : tensor<?x{n}xf32>
}}
func.func @scaled(%x: tensor<?x{k}xf32>, %w: tensor<{n}x{k}xf32, #w> {{quant_tensor.name = "w"}}, %init: tensor<?x{n}xf32>) -> tensor<?x{n}xf32> {{
  %y = quant_tensor.scaled_matmul ins(%x, %w : tensor<?x{k}xf32>, tensor<{n}x{k}xf32, #w>) maps [] outs(%init : tensor<?x{n}xf32>) {{
  ^bb0(%acc: f32):
    quant_tensor.yield %acc : f32
  }} -> tensor<?x{n}xf32>
  return %y : tensor<?x{n}xf32>
}}
"""
    weights = {
        "w.codes": pack(codes, bits),
        "w.scales": scales,
        "w.zero_points": points.astype(np.uint8),
    }
    # scaled_matmul does not read its init, linalg.matmul adds to it.
    poison = np.full((m, n), np.nan, np.float32)
    outputs = run(
        tmp_path,
        text,
        [
            ("linalg", {"arg0": x, "arg2": np.zeros((m, n), np.float32), **weights}),
            ("scaled", {"arg0": x, "arg2": poison, **weights}),
        ],
    )
    spread = lambda a: np.repeat(a.astype(np.float64), block, axis=1)[:, :k]
    w = (codes - spread(points)) * spread(scales)
    exact = x.astype(np.float64) @ w.T
    magnitude = np.abs(x.astype(np.float64)) @ np.abs(w).T
    # Within half an ulp of the exact sum; the other judge sums in f32.
    for output in outputs:
        result = output["result0"]
        assert (np.abs(result - exact) <= 0.51 * np.spacing(np.abs(result)) + 1e-12 * magnitude).all()
    assert (np.abs(y - exact) <= k * 2.0**-23 * magnitude).all()
