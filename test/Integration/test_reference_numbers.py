"""The reference against NumPy in float64: known values, every storage, edges."""

import math

import ml_dtypes
import numpy as np
import pytest

from reference_runner import BFLOAT16, expand_blocks, pack, run, unpack

ROUND = {
    "nearest_even": np.rint,
    "nearest_away": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    "toward_zero": np.trunc,
    "downward": np.floor,
    "upward": np.ceil,
}


def code_range(storage):
    signed = not storage.startswith("u")
    bits = int(storage.lstrip("ui"))
    return (-(1 << bits - 1), (1 << bits - 1) - 1, signed, bits) if signed else (0, (1 << bits) - 1, signed, bits)


def test_known_values(tmp_path):
    """Values that textbooks and papers print."""
    text = """
#i8 = #quant_tensor.encoding<{storage = i8, block = [0], scale = f32}>
#u4 = #quant_tensor.encoding<{storage = ui4, block = [0], scale = f32, zero_point = ui4}>
func.func @absmax(%x: tensor<2xf32>) -> tensor<2xf32, #i8> {
  %q = quant_tensor.quantize %x : tensor<2xf32> -> tensor<2xf32, #i8>
  return %q : tensor<2xf32, #i8>
}
func.func @minmax(%x: tensor<4xf32>) -> tensor<4xf32, #u4> {
  %q = quant_tensor.quantize %x : tensor<4xf32> -> tensor<4xf32, #u4>
  return %q : tensor<4xf32, #u4>
}
"""
    absmax, minmax = run(
        tmp_path,
        text,
        [
            ("absmax", {"arg0": np.array([0.4231567, -1.0], np.float32)}),
            ("minmax", {"arg0": np.array([-13.8977, 23.6912, -1.4111, 0], np.float32)}),
        ],
    )
    assert absmax["result0.codes"].tolist() == [54, -127]
    assert absmax["result0.scales"] == np.float32(1) / np.float32(127)
    assert round(float(minmax["result0.scales"][0]), 3) == 2.506
    assert minmax["result0.zero_points"].tolist() == [6]
    assert unpack(minmax["result0.codes"], 4, 4, False).tolist() == [0, 15, 5, 6]


@pytest.mark.parametrize("rounding", list(ROUND))
def test_roundings_and_overflow(tmp_path, rounding):
    """All integer widths under one rounding, saturating and wrapping."""
    x = np.concatenate(
        [
            np.arange(-20, 20, 0.25),
            [127.5, 128.5, -128.5, -129.5, 255.5, 256.5, 1e9, -1e9, 3e9, 1e38],
            [np.inf, -np.inf, np.nan, 1e-45, -1e-45, -0.0, 0.49999997, -0.5],
        ]
    ).astype(np.float32)
    n = len(x)
    storages = [f"{s}{b}" for s in ("i", "ui") for b in range(2, 9)]
    text, calls = "", []
    for overflow in ("saturate", "wrap"):
        for storage in storages:
            name = f"{overflow}_{storage}"
            text += f"""
#{name} = #quant_tensor.encoding<{{storage = {storage}, block = [0], scale = f32, rounding = {rounding}, overflow = {overflow}}}>
func.func @{name}(%x: tensor<{n}xf32>, %s: tensor<1xf32>) -> tensor<{n}xf32, #{name}> {{
  %q = quant_tensor.quantize %x scales(%s : tensor<1xf32>) : tensor<{n}xf32> -> tensor<{n}xf32, #{name}>
  return %q : tensor<{n}xf32, #{name}>
}}
"""
            calls.append((name, {"arg0": x, "arg1": np.array([1], np.float32)}))
    for (name, _), output in zip(calls, run(tmp_path, text, calls)):
        overflow, storage = name.split("_")
        low, high, signed, bits = code_range(storage)
        codes = unpack(output["result0.codes"], bits, n, signed)
        exact = ROUND[rounding](x.astype(np.float64))
        expected = np.where(np.isnan(x), 0, np.clip(exact, low, high))
        if overflow == "wrap":
            finite = np.isfinite(x)
            wrapped = np.where(finite, exact, 0) % (high - low + 1)
            wrapped = np.where(wrapped > high, wrapped - (high - low + 1), wrapped)
            expected = np.where(finite, wrapped, expected)
        np.testing.assert_array_equal(codes, expected, err_msg=name)


def test_nan_is_zero(tmp_path):
    """The code of zero, which is the zero point, within the range."""
    text = ""
    for name, extra in [
        ("plain", ""),
        ("shifted", ", zero_point = i8"),
        ("ranged", ", zero_point = i8, range = [-3, 3]"),
        ("wrapped", ", zero_point = i8, overflow = wrap"),
    ]:
        point = "" if name == "plain" else ", %z: tensor<1xi8>"
        operand = "" if name == "plain" else " zero_points(%z : tensor<1xi8>)"
        text += f"""
#{name} = #quant_tensor.encoding<{{storage = i8, block = [0], scale = f32{extra}}}>
func.func @{name}(%x: tensor<1xf32>, %s: tensor<1xf32>{point}) -> tensor<1xf32, #{name}> {{
  %q = quant_tensor.quantize %x scales(%s : tensor<1xf32>){operand} : tensor<1xf32> -> tensor<1xf32, #{name}>
  return %q : tensor<1xf32, #{name}>
}}
"""
    x, s = np.full(1, np.nan, np.float32), np.ones(1, np.float32)
    arrays = {"arg0": x, "arg1": s}
    shifted = {**arrays, "arg2": np.full(1, 5, np.int8)}
    outputs = run(
        tmp_path,
        text,
        [("plain", arrays), ("shifted", shifted), ("ranged", shifted), ("wrapped", shifted)],
    )
    assert [int(o["result0.codes"][0]) for o in outputs] == [0, 5, 3, 5]


def test_scale_of_zero_saturates(tmp_path):
    text = """
#q = #quant_tensor.encoding<{storage = i8, block = [1], scale = f32}>
func.func @f(%x: tensor<4xf32>, %s: tensor<4xf32>) -> tensor<4xf32, #q> {
  %q = quant_tensor.quantize %x scales(%s : tensor<4xf32>) : tensor<4xf32> -> tensor<4xf32, #q>
  return %q : tensor<4xf32, #q>
}
"""
    x = np.array([1, -1, 0, 5], np.float32)
    s = np.array([0, 0, 0, np.inf], np.float32)
    (output,) = run(tmp_path, text, [("f", {"arg0": x, "arg1": s})])
    assert output["result0.codes"].tolist() == [127, -128, 0, 0]


SHAPES = [((5, 7), (1, 3)), ((1, 1), (0, 0)), ((3, 33), (1, 32)), ((4, 10), (2, 5)), ((6, 13), (4, 0))]


@pytest.mark.parametrize("shape,block", SHAPES)
def test_blocks_with_tails(tmp_path, shape, block):
    """Dynamic parameters per block and the way back, for every integer width."""
    rng = np.random.default_rng(sum(shape))
    x = (rng.standard_normal(shape) * 10).astype(np.float32)
    x.flat[0] = 0
    storages = [f"{s}{b}" for s in ("i", "ui") for b in range(2, 9)]
    tensor = f"{shape[0]}x{shape[1]}xf32"
    text, calls = "", []
    for storage in storages:
        point = f", zero_point = {storage}" if storage[0] == "u" else ""
        text += f"""
#{storage} = #quant_tensor.encoding<{{storage = {storage}, block = [{block[0]}, {block[1]}], scale = f32{point}}}>
func.func @{storage}(%x: tensor<{tensor}>) -> (tensor<{tensor}, #{storage}>, tensor<{tensor}>) {{
  %q = quant_tensor.quantize %x : tensor<{tensor}> -> tensor<{tensor}, #{storage}>
  %d = quant_tensor.dequantize %q : tensor<{tensor}, #{storage}> -> tensor<{tensor}>
  return %q, %d : tensor<{tensor}, #{storage}>, tensor<{tensor}>
}}
"""
        calls.append((storage, {"arg0": x}))
    extents = [b or s for b, s in zip(block, shape)]
    counts = [-(-s // e) for s, e in zip(shape, extents)]
    for (storage, _), output in zip(calls, run(tmp_path, text, calls)):
        low, high, signed, bits = code_range(storage)
        scales = np.zeros(counts, np.float32)
        zeros = np.zeros(counts, np.int64)
        for i in range(counts[0]):
            for j in range(counts[1]):
                part = x[
                    i * extents[0] : (i + 1) * extents[0],
                    j * extents[1] : (j + 1) * extents[1],
                ]
                if signed:
                    scale = np.abs(part).max() / np.float32(high)
                    scales[i, j] = scale or 1
                    continue
                least = min(part.min(), np.float32(0))
                scale = (max(part.max(), np.float32(0)) - least) / np.float32(high)
                scales[i, j] = scale or 1
                zeros[i, j] = np.clip(np.rint(-least / scales[i, j]), low, high)
        np.testing.assert_array_equal(output["result0.scales"], scales)
        if not signed:
            np.testing.assert_array_equal(output["result0.zero_points"].view(np.uint8), zeros)
        s = expand_blocks(scales, block, shape)
        z = expand_blocks(zeros, block, shape)
        expected = np.clip(np.rint(x / s) + z, low, high)
        codes = unpack(output["result0.codes"], bits, shape[1], signed)
        np.testing.assert_array_equal(codes, expected, err_msg=storage)
        exact = (codes - z) * s.astype(np.float64)
        np.testing.assert_array_equal(output["result1"], exact.astype(np.float32))


def test_scale_and_zero_point_types(tmp_path):
    """Dequantization under every scale type and kind of zero point."""
    rng = np.random.default_rng(7)
    codes = rng.integers(-128, 128, (6, 8)).astype(np.int8)
    scale_types = {
        "f32": np.float32,
        "f16": np.float16,
        "bf16": BFLOAT16,
        "f8E4M3FN": ml_dtypes.float8_e4m3fn,
        "f8E8M0FNU": ml_dtypes.float8_e8m0fnu,
    }
    points = {
        "none": None,
        "i8": rng.integers(-128, 128, (6, 2)).astype(np.int8),
        "ui16": rng.integers(0, 1 << 16, (6, 2)).astype(np.uint16),
        "i32": rng.integers(-(1 << 31), 1 << 31, (6, 2)).astype(np.int32),
        "f32": rng.standard_normal((6, 2)).astype(np.float32),
        "bf16": rng.standard_normal((6, 2)).astype(BFLOAT16),
    }
    text, calls, expected = "", [], []
    for scale, dtype in scale_types.items():
        scales = (rng.random((6, 2)) * 3 + 0.01).astype(np.float32).astype(dtype)
        for kind, zero in points.items():
            name = f"{scale}_{kind}"
            field = "" if zero is None else f", zero_point = {kind}"
            text += f"""
#{name} = #quant_tensor.encoding<{{storage = i8, block = [1, 4], scale = {scale}{field}}}>
func.func @{name}(%q: tensor<6x8xf32, #{name}> {{quant_tensor.name = "q"}}) -> tensor<6x8xf32> {{
  %d = quant_tensor.dequantize %q : tensor<6x8xf32, #{name}> -> tensor<6x8xf32>
  return %d : tensor<6x8xf32>
}}
"""
            arrays = {"q.codes": codes, "q.scales": scales}
            exact = codes.astype(np.float64)
            if zero is not None:
                arrays["q.zero_points"] = zero
                exact -= expand_blocks(zero.astype(np.float64), (1, 4), (6, 8))
            exact *= expand_blocks(scales.astype(np.float64), (1, 4), (6, 8))
            calls.append((name, arrays))
            expected.append(exact)
    for (name, _), output, exact in zip(calls, run(tmp_path, text, calls), expected):
        np.testing.assert_array_equal(
            output["result0"], exact.astype(np.float32), err_msg=name
        )


LAYOUTS = {
    "bytes_low_first": (4, "word = 8, axis = 1, order = [0, 1]"),
    "bytes_high_first": (4, "word = 8, axis = 1, order = [1, 0]"),
    "bytes_halves": (4, "word = 8, axis = 1, order = [0, 1], halves = true"),
    "along_n": (4, "word = 8, axis = 0, order = [0, 1]"),
    "gptq": (4, "word = 32, axis = 1, order = [0, 1, 2, 3, 4, 5, 6, 7], permutation = [1, 0]"),
    "awq": (4, "word = 32, axis = 0, order = [0, 2, 4, 6, 1, 3, 5, 7], permutation = [1, 0]"),
    "two_bits": (2, "word = 32, axis = 1, order = [15, 0, 14, 1, 13, 2, 12, 3, 11, 4, 10, 5, 9, 6, 8, 7]"),
    "whole_bytes": (8, "word = 32, axis = 1, order = [3, 1, 2, 0]"),
}


def pack_words(codes, bits, spec):
    """The layout's definition, one code at a time."""
    fields = dict(part.split(" = ") for part in spec.replace("], ", "]; ").replace(", axis", "; axis").replace(", order", "; order").replace(", halves", "; halves").split("; "))
    word, axis = int(fields["word"]), int(fields["axis"])
    order = [int(v) for v in fields["order"].strip("[]").split(",")]
    slots = len(order)
    size = codes.shape[axis]
    count = -(-size // slots)
    lines = np.moveaxis(codes, axis, -1) & ((1 << bits) - 1)
    words = np.zeros((*lines.shape[:-1], count), np.uint64)
    for i in range(count):
        for slot, element in enumerate(order):
            k = element * count + i if "halves" in fields else i * slots + element
            if k < size:
                words[..., i] |= lines[..., k].astype(np.uint64) << np.uint64(slot * bits)
    words = np.moveaxis(words, -1, axis)
    if "permutation" in fields:
        words = words.T
    return words.astype(np.uint8 if word == 8 else np.uint32)


@pytest.mark.parametrize("shape", [(16, 64), (5, 13)])
def test_repack(tmp_path, shape):
    """From row major to every packed layout, and back, tails included."""
    rng = np.random.default_rng(8)
    n, k = shape
    text, calls, expected = "", [], []
    for name, (bits, spec) in LAYOUTS.items():
        if "halves" in spec and k % 2:
            continue  # Refused where the type is written.
        signed = bits != 2
        codes = rng.integers(-(1 << bits - 1), 1 << bits - 1, shape)
        base = f"storage = {'i' if signed else 'ui'}{bits}, block = [1, 0], scale = f32"
        rows = f"tensor<{n}x{k}xf32, #{name}_rows>"
        words = f"tensor<{n}x{k}xf32, #{name}>"
        text += f"""
#{name}_rows = #quant_tensor.encoding<{{{base}}}>
#{name} = #quant_tensor.encoding<{{{base}, layout = <packed, {spec}>}}>
func.func @{name}(%w: {rows} {{quant_tensor.name = "w"}}) -> ({words}, {rows}, tensor<{n}x{k}xf32>) {{
  %0 = quant_tensor.repack %w : {rows} -> {words}
  %1 = quant_tensor.repack %0 : {words} -> {rows}
  %2 = quant_tensor.dequantize %0 : {words} -> tensor<{n}x{k}xf32>
  return %0, %1, %2 : {words}, {rows}, tensor<{n}x{k}xf32>
}}
"""
        packed = pack(codes, bits)
        calls.append((name, {"w.codes": packed, "w.scales": np.ones((n, 1), np.float32)}))
        meaning = codes if signed else codes & ((1 << bits) - 1)
        expected.append((pack_words(codes, bits, spec), packed, meaning))
    for (name, _), output, (words, rows, meaning) in zip(calls, run(tmp_path, text, calls), expected):
        got = output["result0.codes"]
        np.testing.assert_array_equal(got.view(words.dtype), words, err_msg=name)
        np.testing.assert_array_equal(output["result1.codes"].view(np.uint8), rows.view(np.uint8), err_msg=name)
        np.testing.assert_array_equal(output["result2"], meaning, err_msg=name)


def fragment_words(codes, bits, columns, adjacent=False):
    """The picture in FragmentLayout.h, one bit at a time: lane 4g + t owns rows
    g and g + 8 and eight columns of each segment of 32."""
    n, k = codes.shape
    words_of_lane = columns * bits // 64
    vector = next(v for v in (4, 2, 1) if words_of_lane % v == 0)
    spare, per_word = 16 % bits, 16 // bits
    # Segments whose codes share a vector, or straddle its words.
    together = 8 // math.gcd(8, bits) if spare else max(1, 2 * vector // bits)
    # Codes that straddle words stay in those of their pair of columns.
    strands = 4 if spare else 1
    block_words = together * bits // 2
    whole = block_words // strands * per_word
    tiles = (-(-n // 16), -(-k // columns))
    words = np.zeros((*tiles, 16 * columns * bits // 32), np.uint32)
    for row in range(n):
        for column in range(k):
            r, c = row % 16, column % columns
            g, h, second = r % 8, r // 8, c % 2
            segment, t = c // 32, c % 32 // 8
            pair = 2 * (c % 8 // 2 * together + segment % together) + h
            strand, pair = divmod(pair, 8 * together // strands)
            code = int(codes[row, column]) & ((1 << bits) - 1)
            for b in range(bits):
                if pair < whole:
                    word, place = pair // per_word, pair % per_word * bits
                    bit = 2 * place + bits * second + b if adjacent else place + 16 * second + b
                else:
                    word, bit = divmod((pair - whole) * bits + b, spare)
                    bit += 16 - spare + 16 * second
                own = segment // together * block_words + word * strands + strand
                index = ((own // vector) * 32 + 4 * g + (t + g // 2) % 4) * vector + own % vector
                words[row // 16, column // columns, index] |= np.uint32((code >> b & 1) << bit)
    return words


def repack_there_and_back(n, k):
    """Function f{n} of weights in layout #rows: in layout #words, back, and what they mean."""
    rows, words = f"tensor<{n}x{k}xf32, #rows>", f"tensor<{n}x{k}xf32, #words>"
    return f"""
func.func @f{n}(%w: {rows} {{quant_tensor.name = "w"}}) -> ({words}, {rows}, tensor<{n}x{k}xf32>) {{
  %0 = quant_tensor.repack %w : {rows} -> {words}
  %1 = quant_tensor.repack %0 : {words} -> {rows}
  %2 = quant_tensor.dequantize %0 : {words} -> tensor<{n}x{k}xf32>
  return %0, %1, %2 : {words}, {rows}, tensor<{n}x{k}xf32>
}}
"""


@pytest.mark.parametrize("bits,columns", [(2, 32), (2, 64), (2, 128), (3, 256), (3, 512), (4, 32)]
    + [(4, 64), (4, 128), (5, 256), (6, 128), (6, 256), (7, 256), (7, 512), (8, 32), (8, 64)])
def test_repack_to_fragments(tmp_path, bits, columns):
    """Whole tiles and padded ones, there and back."""
    rng = np.random.default_rng(bits)
    base = f"storage = ui{bits}, block = [1, 0], scale = f32"
    text = f"""
#rows = #quant_tensor.encoding<{{{base}}}>
#words = #quant_tensor.encoding<{{{base}, layout = <fragment, tile = [16, {columns}]>}}>
"""
    calls, expected = [], []
    for n, k in [(32, 2 * columns), (19, columns + 7)]:
        codes = rng.integers(0, 1 << bits, (n, k))
        text += repack_there_and_back(n, k)
        calls.append((f"f{n}", {"w.codes": pack(codes, bits), "w.scales": np.ones((n, 1), np.float32)}))
        expected.append((fragment_words(codes, bits, columns), pack(codes, bits), codes))
    for output, (words, rows, codes) in zip(run(tmp_path, text, calls), expected):
        np.testing.assert_array_equal(output["result0.codes"].view(np.uint32), words)
        np.testing.assert_array_equal(output["result1.codes"].view(np.uint8), rows)
        np.testing.assert_array_equal(output["result2"], codes)


def parameter_tiles(values, group):
    """The picture of scales in FragmentLayout.h: of rows g and g + 8, group after group
    of 128 columns, then of the next two rows. The last row and group are repeated."""
    n, groups = values.shape
    together = 128 // group if 128 % group == 0 else 1
    tiles = np.empty((-(-n // 16), -(-groups // together), 16 * together), values.dtype)
    for at in np.ndindex(tiles.shape):
        g, place = divmod(at[2], 2 * together)
        row, number = 16 * at[0] + g + place % 2 * 8, at[1] * together + place // 2
        tiles[at] = values[min(row, n - 1), min(number, groups - 1)]
    return tiles


@pytest.mark.parametrize("group", [32, 64, 96, 128, 256])
@pytest.mark.parametrize("scale,zero", [("f32", None), ("bf16", "ui4"), ("f16", "f32")])
def test_repack_scales_to_fragments(tmp_path, group, scale, zero):
    """Scales and zero points go into tiles along with the codes, and come back."""
    rng = np.random.default_rng(group)
    point = f", zero_point = {zero}" if zero else ""
    base = f"storage = ui4, block = [1, {group}], scale = {scale}{point}"
    text = f"""
#rows = #quant_tensor.encoding<{{{base}}}>
#words = #quant_tensor.encoding<{{{base}, layout = <fragment, tile = [16, 64]>}}>
"""
    calls, expected = [], []
    for n, k in [(32, 512), (19, group + 7), (5, group)]:
        codes = rng.integers(0, 16, (n, k))
        groups = -(-k // group)
        scales = rng.integers(1, 64, (n, groups)).astype(np.float32) / 64
        zeros = rng.integers(0, 16, (n, groups))
        text += repack_there_and_back(n, k)
        kind = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}[scale]
        inputs = {"w.codes": pack(codes, 4), "w.scales": scales.astype(kind)}
        if zero:
            inputs["w.zero_points"] = zeros.astype(np.uint8 if zero == "ui4" else np.float32)
        columns = np.arange(k) // group
        meaning = (codes - (zeros[:, columns] if zero else 0)) * scales[:, columns]
        calls.append((f"f{n}", inputs))
        expected.append(meaning.astype(np.float32))
    for (name, inputs), output, meaning in zip(calls, run(tmp_path, text, calls), expected):
        for part in ("scales", "zero_points"):
            if f"w.{part}" not in inputs:
                continue
            given = inputs[f"w.{part}"]
            bits = f"u{given.itemsize}"
            np.testing.assert_array_equal(
                output[f"result0.{part}"].view(bits), parameter_tiles(given, group).view(bits), err_msg=name)
            np.testing.assert_array_equal(output[f"result1.{part}"].view(bits), given.view(bits), err_msg=name)
        np.testing.assert_array_equal(output["result2"], meaning, err_msg=name)


@pytest.mark.parametrize("inner", [2, 4, 8])
def test_tinygemm(tmp_path, inner):
    """The words of torch.ops.aten._convert_weight_to_int4pack(w, inner)."""
    tile, (n, k) = 16 * inner, (24, 32 * inner)
    codes = np.random.default_rng(inner).integers(0, 16, (n, k))
    words = np.zeros((n // 8, k // tile, 32, inner // 2), np.uint32)
    for index in np.ndindex(words.shape):
        row, block, lane, pair = index
        columns = block * tile + 32 * pair + 2 * (lane % 4) + np.array([0, 1, 8, 9, 16, 17, 24, 25])
        v = [int(codes[8 * row + lane // 4, column]) for column in columns]
        words[index] = sum(v[j] << 4 * s for s, j in enumerate([0, 2, 4, 6, 1, 3, 5, 7]))
    base = "storage = ui4, block = [1, 0], scale = f32"
    rows = f"tensor<{n}x{k}xf32, #quant_tensor.encoding<{{{base}}}>>"
    packed = f"tensor<{n}x{k}xf32, #quant_tensor.encoding<{{{base}, layout = <tinygemm, tile = [8, {tile}]>}}>>"
    text = f"""
func.func @f(%w: {packed} {{quant_tensor.name = "w"}}) -> ({rows}, {packed}) {{
  %0 = quant_tensor.repack %w : {packed} -> {rows}
  %1 = quant_tensor.repack %0 : {rows} -> {packed}
  return %0, %1 : {rows}, {packed}
}}
"""
    inputs = {"w.codes": words.view(np.int32), "w.scales": np.ones((n, 1), np.float32)}
    (output,) = run(tmp_path, text, [("f", inputs)])
    np.testing.assert_array_equal(output["result0.codes"].view(np.uint8), pack(codes, 4).view(np.uint8))
    np.testing.assert_array_equal(output["result1.codes"].view(np.uint32), words)


def test_fragments_of_tables(tmp_path):
    """Codes that are looked up lie beside each other."""
    text, calls, expected = "", [], []
    for name, storage in [("nf4", "ui4"), ("fp4", "f4E2M1FN")]:
        book = ", codebook = nf4" if name == "nf4" else ""
        base = f"storage = {storage}, block = [1, 0], scale = f32{book}"
        rows = f"tensor<19x71xf32, #quant_tensor.encoding<{{{base}}}>>"
        words = f"tensor<19x71xf32, #quant_tensor.encoding<{{{base}, layout = <fragment, tile = [16, 64]>}}>>"
        text += f"""
func.func @{name}(%w: {rows} {{quant_tensor.name = "w"}}) -> ({words}, {rows}) {{
  %0 = quant_tensor.repack %w : {rows} -> {words}
  %1 = quant_tensor.repack %0 : {words} -> {rows}
  return %0, %1 : {words}, {rows}
}}
"""
        codes = np.random.default_rng(3).integers(0, 16, (19, 71))
        calls.append((name, {"w.codes": pack(codes, 4), "w.scales": np.ones((19, 1), np.float32)}))
        expected.append((fragment_words(codes, 4, 64, adjacent=True), pack(codes, 4)))
    for output, (words, rows) in zip(run(tmp_path, text, calls), expected):
        np.testing.assert_array_equal(output["result0.codes"].view(np.uint32), words)
        np.testing.assert_array_equal(output["result1.codes"].view(np.uint8), rows)


NF4 = np.array(
    [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453]
    + [-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0]
    + [0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224]
    + [0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0]
)


def test_codebook(tmp_path):
    text = """
#nf4 = #quant_tensor.encoding<{storage = ui4, block = [1, 64], scale = f32, codebook = nf4}>
#own = #quant_tensor.encoding<{storage = ui2, block = [1, 0], scale = f32, codebook = [-1.0, -0.25, 0.25, 1.0]}>
func.func @nf4(%x: tensor<3x130xf32>) -> (tensor<3x130xf32, #nf4>, tensor<3x130xf32>) {
  %q = quant_tensor.quantize %x : tensor<3x130xf32> -> tensor<3x130xf32, #nf4>
  %d = quant_tensor.dequantize %q : tensor<3x130xf32, #nf4> -> tensor<3x130xf32>
  return %q, %d : tensor<3x130xf32, #nf4>, tensor<3x130xf32>
}
func.func @own(%x: tensor<1x7xf32>, %s: tensor<1x1xf32>) -> tensor<1x7xf32, #own> {
  %q = quant_tensor.quantize %x scales(%s : tensor<1x1xf32>) : tensor<1x7xf32> -> tensor<1x7xf32, #own>
  return %q : tensor<1x7xf32, #own>
}
"""
    rng = np.random.default_rng(9)
    x = rng.standard_normal((3, 130)).astype(np.float32)
    # Ties between neighbours go to the lower code, infinities to the ends, NaN
    # where zero goes.
    ties = np.array([[-0.625, 0.0, 0.625, np.inf, -np.inf, 0.6250001, np.nan]], np.float32)
    nf4, own = run(
        tmp_path,
        text,
        [("nf4", {"arg0": x}), ("own", {"arg0": ties, "arg1": np.ones((1, 1), np.float32)})],
    )
    s = expand_blocks(nf4["result0.scales"], (1, 64), x.shape)
    codes = unpack(nf4["result0.codes"], 4, 130, False)
    distance = np.abs((x / s)[..., None].astype(np.float64) - NF4)
    chosen = np.take_along_axis(distance, codes[..., None], -1)[..., 0]
    np.testing.assert_array_equal(chosen, distance.min(-1))
    np.testing.assert_array_equal(nf4["result1"], (NF4[codes] * s.astype(np.float64)).astype(np.float32))
    assert unpack(own["result0.codes"], 2, 7, False).tolist() == [[0, 1, 2, 3, 0, 3, 1]]


def test_requantize(tmp_path):
    """No rounding to the element type in between."""
    text = """
#from = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
#to = #quant_tensor.encoding<{storage = i4, block = [0, 0], scale = f32}>
func.func @f(%q: tensor<4x6xbf16, #from> {quant_tensor.name = "q"}, %s: tensor<1x1xf32>) -> tensor<4x6xbf16, #to> {
  %r = quant_tensor.requantize %q scales(%s : tensor<1x1xf32>) : tensor<4x6xbf16, #from> -> tensor<4x6xbf16, #to>
  return %r : tensor<4x6xbf16, #to>
}
"""
    rng = np.random.default_rng(10)
    codes = rng.integers(-128, 128, (4, 6)).astype(np.int8)
    scales = rng.random((4, 1)).astype(np.float32)
    (output,) = run(
        tmp_path,
        text,
        [("f", {"q.codes": codes, "q.scales": scales, "arg1": np.full((1, 1), 9, np.float32)})],
    )
    value = codes.astype(np.float32) * scales
    expected = np.clip(np.rint(value / np.float32(9)), -8, 7)
    np.testing.assert_array_equal(unpack(output["result0.codes"], 4, 6, True), expected)
