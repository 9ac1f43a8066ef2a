"""Checkpoints of GPTQ, AWQ and compressed-tensors against recorded packers.

golden/checkpoints.npz holds what the packages' own packers made of the layers
in golden/layers.py (golden/record_checkpoints.py); every code in every slot.
"""

import pathlib
import sys

import ml_dtypes
import numpy as np
import pytest
import quantmlir

GOLDEN = pathlib.Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
import layers  # noqa: E402

ARRAYS = np.load(GOLDEN / "checkpoints.npz")
CASES = [(name, bits) for name, widths in layers.FORMATS.items() for bits in widths]


def golden(name, bits):
    prefix = f"{name}/{bits}/"
    return {key[len(prefix):]: ARRAYS[key] for key in ARRAYS.files if key.startswith(prefix)}


def test_records_name_their_packers():
    assert "gptqmodel-7.7.0" in str(ARRAYS["versions"])
    assert all(golden(*case) for case in CASES)


@pytest.mark.parametrize("name, bits", CASES)
def test_read(name, bits):
    codes, zeros, scales = layers.layer(name, bits)
    weights = quantmlir.from_checkpoint(golden(name, bits), name, signed=False)
    assert weights.shape == codes.shape
    np.testing.assert_array_equal(weights.dequantize(), layers.values(codes, zeros, scales))
    np.testing.assert_array_equal(weights.scales, scales)
    if name == "pack-quantized":  # Signed codes as they are.
        zeros = (zeros - (1 << (bits - 1))).astype(np.int8)
    np.testing.assert_array_equal(weights.zero_points.view(zeros.dtype)
                                  if name == "pack-quantized"
                                  else weights.zero_points.view(np.uint8), zeros)
    signed = quantmlir.from_checkpoint(golden(name, bits), name)
    assert f"storage = i{bits}," in signed.encoding
    np.testing.assert_array_equal(signed.dequantize(), weights.dequantize())


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name, bits", CASES)
def test_write(name, bits, signed):
    recorded = golden(name, bits)
    written = quantmlir.from_checkpoint(recorded, name, signed=signed).to_checkpoint(name)
    assert written.keys() == recorded.keys()
    for suffix, array in recorded.items():
        assert written[suffix].dtype == array.dtype, suffix
        np.testing.assert_array_equal(written[suffix], array, suffix)


@pytest.mark.parametrize("source, target, bits", [
    ("gptq_v2", "awq", 4), ("awq", "gptq_v2", 4), ("awq", "pack-quantized", 4),
    ("gptq_v2", "pack-quantized", 3), ("gptq", "gptq_v2", 2)])
def test_convert(source, target, bits):
    weights = quantmlir.from_checkpoint(golden(source, bits), source)
    again = quantmlir.from_checkpoint(weights.to_checkpoint(target), target)
    np.testing.assert_array_equal(again.dequantize(), weights.dequantize())
    # Where both were recorded from one layer, their packers agree.
    if (source, target) == ("gptq_v2", "awq"):
        for suffix, array in golden("awq", 4).items():
            np.testing.assert_array_equal(weights.to_checkpoint("awq")[suffix], array)


@pytest.mark.parametrize("name, bits", [c for c in CASES if 32 % c[1] == 0])
def test_layout_says_where_the_codes_are(name, bits):
    """The reference reads the checkpoint's own words under the layout."""
    codes, zeros, scales = layers.layer(name, bits)
    words = golden(name, bits)[".weight_packed" if name == "pack-quantized" else ".qweight"]
    layout = quantmlir.checkpoint_layout(name, bits)
    encoded = f"tensor<{codes.shape[0]}x{codes.shape[1]}xf32, #e>"
    reference = quantmlir.Reference(f"""
#e = #quant_tensor.encoding<{{storage = ui{bits}, block = [1, {layers.COLUMNS // layers.GROUPS}],
    scale = f16, zero_point = ui8, layout = {layout}}}>
func.func @f(%q: {encoded} {{quant_tensor.name = "q"}}) -> {encoded[:-5]}> {{
  %x = quant_tensor.dequantize %q : {encoded} -> {encoded[:-5]}>
  return %x : {encoded[:-5]}>
}}
""")
    (result,) = reference.run(q=quantmlir.Encoded(words, scales, zeros.astype(np.int8))).values()
    np.testing.assert_array_equal(result, layers.values(codes, zeros, scales))


def test_three_bits_straddle_words():
    assert quantmlir.checkpoint_layout("gptq", 3) == ""
    assert quantmlir.checkpoint_layout("naive-quantized", 8) == ""


@pytest.mark.parametrize("name", ["gptq", "gptq_v2", "awq"])
def test_zero_points_in_the_middle_vanish(name):
    tensors = golden(name, 4)
    middle = 0x77777777 if name == "gptq" else 0x88888888
    tensors[".qzeros"] = np.full_like(tensors[".qzeros"], np.uint32(middle).view(np.int32))
    weights = quantmlir.from_checkpoint(tensors, name)
    assert weights.zero_points is None and "zero_point" not in weights.encoding
    written = weights.to_checkpoint(name)
    for suffix, array in tensors.items():
        np.testing.assert_array_equal(written[suffix], array, suffix)


#===-- Bytes ---------------------------------------------------------------===#

def matrix(rows=6, columns=40):
    return np.random.default_rng(1).standard_normal((rows, columns)).astype(np.float32)


@pytest.mark.parametrize("scheme, element", [
    ("fp8,channel", ml_dtypes.float8_e4m3fn), ("fp8,tensor,scale=bf16", ml_dtypes.float8_e4m3fn),
    ("int8,channel", np.int8), ("int8,group=20,scale=f16", np.int8),
    ("int8,channel,asymmetric,scale=bf16", np.int8), ("int8,tensor", np.int8)])
def test_whole_bytes(scheme, element):
    name = "float-quantized" if scheme.startswith("fp8") else "naive-quantized"
    weights = quantmlir.quantize_weights(matrix(), scheme)
    tensors = weights.to_checkpoint(name)
    assert tensors[".weight"].dtype == element and tensors[".weight"].shape == (6, 40)
    scales = tensors[".weight_scale"].astype(np.float32)
    assert scales.shape == ((1,) if "tensor" in scheme else weights.scales.shape)
    zeros = tensors.get(".weight_zero_point", np.float32(0))
    assert ("asymmetric" in scheme) == (".weight_zero_point" in tensors)
    repeat = -(-40 // scales.shape[-1])
    expand = lambda a: np.repeat(a.astype(np.float32), repeat, -1)[..., :40] if a.ndim else a
    expected = (tensors[".weight"].astype(np.float32) - expand(zeros)) * expand(scales)
    np.testing.assert_array_equal(weights.dequantize(), expected)
    again = quantmlir.from_checkpoint(tensors, name)
    assert again.encoding == weights.encoding
    np.testing.assert_array_equal(again.dequantize(), expected)


#===-- What cannot be ------------------------------------------------------===#

@pytest.mark.parametrize("scheme, name, message", [
    ("int4,group=32", "awq", "scales of f16, not f32"),
    ("int3,group=32,scale=f16", "awq", "codes of 4 bits, not 3"),
    ("int5,group=32,scale=f16", "gptq", "2, 3, 4 or 8 bits, not 5"),
    ("nf4,group=32,scale=f16", "gptq", "integer codes"),
    ("fp8", "naive-quantized", "integer codes"),
    ("int8", "float-quantized", "f8E4M3FN codes"),
    ("int4", "naive-quantized", "codes of 8 bits, not 4"),
    ("int4,tensor,scale=f16", "gptq", "belongs to one row"),
    ("int4,block=2x8", "pack-quantized", "belongs to one row"),
    ("int4,channel,scale=f8E8M0FNU", "pack-quantized", "f32, f16 or bf16"),
    ("int4,group=16,scale=f16", "gptq", "do not fill them"),
    ("int4,group=16", "pack-quantized", "16 does not divide 40"),
    ("int4", "gguf", "'gguf' is no format")])
def test_cannot_write(scheme, name, message):
    with pytest.raises(ValueError, match=message):
        quantmlir.quantize_weights(matrix(), scheme).to_checkpoint(name)


def test_last_group_of_gptq_may_be_short():
    weights = quantmlir.quantize_weights(matrix(8, 40), "int4,group=16,scale=f16")
    tensors = weights.to_checkpoint("gptq")
    np.testing.assert_array_equal(tensors[".g_idx"], np.arange(40) // 16)
    again = quantmlir.from_checkpoint(tensors, "gptq")
    assert again.encoding == weights.encoding
    np.testing.assert_array_equal(again.dequantize(), weights.dequantize())
    tensors[".scales"] = tensors[".scales"][:2]
    tensors[".qzeros"] = tensors[".qzeros"][:2]
    with pytest.raises(ValueError, match="'.g_idx' puts column 32 into group 2 of 2"):
        quantmlir.from_checkpoint(tensors, "gptq")


def test_gptq_v1_has_no_zero_point_0():
    weights = np.abs(matrix(8, 32))
    result = quantmlir.quantize_weights(weights, "int4,channel,asymmetric,scale=f16")
    assert (result.zero_points == -8).all()
    with pytest.raises(ValueError, match="zero point 0 of row 0: write gptq_v2"):
        result.to_checkpoint("gptq")
    again = quantmlir.from_checkpoint(result.to_checkpoint("gptq_v2"), "gptq_v2")
    np.testing.assert_array_equal(again.dequantize(), result.dequantize())


def broken(name, bits, suffix, change):
    tensors = golden(name, bits)
    array = change(tensors[suffix])
    if array is None:
        del tensors[suffix]
    else:
        tensors[suffix] = array
    return tensors


@pytest.mark.parametrize("name, bits, suffix, change, message", [
    ("gptq", 4, ".qzeros", lambda a: None, "there is no '.qzeros'"),
    ("gptq", 4, ".qweight", lambda a: a[:, :-1], "'.qweight' is 4x127xi32"),
    ("gptq", 4, ".qweight", lambda a: np.vstack([a, a[:1]]),
     "not 32 columns of 2, 3, 4 or 8 bits"),
    ("gptq", 4, ".qweight", lambda a: a.astype(np.int64), "'.qweight' is 4x128xi64"),
    ("gptq", 4, ".qweight", lambda a: a[:, :0], "'.qweight' is 4x0xi32"),
    ("gptq", 4, ".g_idx", lambda a: a + 1, "puts column 16 into group 2 of 2"),
    ("gptq", 4, ".g_idx", lambda a: a - 1, "puts column 0 into group -1 of 2"),
    ("gptq", 4, ".g_idx", lambda a: a * 0, "puts 0 columns into group 1 and 32 into group 0"),
    ("gptq", 4, ".g_idx", lambda a: (np.arange(32) > 14).astype(np.int32),
     "puts 17 columns into group 1 and 15 into group 0"),
    ("gptq", 4, ".g_idx", lambda a: a.astype(np.int64), "one i32 for each column"),
    ("gptq", 4, ".scales", lambda a: a.astype(np.int32), "'.scales' is 2x128xi32"),
    ("gptq", 4, ".scales", lambda a: np.repeat(a, 3, 0), "'.qzeros' is 2x16xi32"),
    ("gptq", 4, ".scales", lambda a: np.where(np.arange(a.size).reshape(a.shape) == 7, np.nan, a).astype(a.dtype),
     "'.scales' is NaN or infinite at element 7"),
    ("awq", 4, ".scales", lambda a: np.full_like(a, np.inf), "'.scales' is NaN or infinite at element 0"),
    ("pack-quantized", 4, ".weight_scale", lambda a: a * np.float16(np.nan), "'.weight_scale' is NaN or infinite"),
    ("awq", 4, ".qzeros", lambda a: a[:, 1:], "'.qzeros' is 2x15xi32"),
    ("pack-quantized", 4, ".weight_shape", lambda a: None, "there is no '.weight_shape'"),
    ("pack-quantized", 4, ".weight_shape", lambda a: -a, "says -128x-32"),
    ("pack-quantized", 4, ".weight_shape", lambda a: a[:1], "should be 2xi64"),
    ("pack-quantized", 4, ".weight_shape", lambda a: a * 100, "'.weight_packed' is 128x4xi32"),
    ("pack-quantized", 4, ".weight_packed", lambda a: a[:, :1], "not 32 columns of 2 to 8 bits"),
    ("pack-quantized", 4, ".weight_scale", lambda a: a[1:], "'.weight_scale' is 127x2xf16"),
    ("pack-quantized", 4, ".weight_zero_point", lambda a: a[1:],
     "'.weight_zero_point' is 15x2xi32")])
def test_cannot_read(name, bits, suffix, change, message):
    with pytest.raises(ValueError, match=message):
        quantmlir.from_checkpoint(broken(name, bits, suffix, change), name)


def test_group_indices_of_compressed_tensors():
    """Absent, all -1, or runs of columns: the same."""
    weights = matrix(8, 64)
    for format, scheme in (("pack-quantized", "int4,group=16,scale=f16"), ("naive-quantized", "int8,group=16,scale=f16")):
        given = quantmlir.quantize_weights(weights, scheme)
        tensors = given.to_checkpoint(format)
        runs = np.arange(64, dtype=np.int32) // 16
        for indices in (runs, np.full(64, -1, np.int32)):
            again = quantmlir.from_checkpoint({**tensors, ".weight_g_idx": indices}, format)
            np.testing.assert_array_equal(again.dequantize(), given.dequantize())
        for indices, message in ((runs + 1, "'.weight_g_idx' puts column 48 into group 4 of 4"),
                                 (runs.astype(np.int64), "'.weight_g_idx' is 64xi64 where there should be 64xi32"),
                                 (runs // 2, "puts 0 columns into group 2 and 32 into group 0")):
            with pytest.raises(ValueError, match=message):
                quantmlir.from_checkpoint({**tensors, ".weight_g_idx": indices}, format)


def test_float_codes_that_are_no_numbers():
    tensors = quantmlir.quantize_weights(matrix(8, 32), "fp8").to_checkpoint("float-quantized")
    codes = tensors[".weight"].copy()
    codes.view(np.uint8)[1, 3] = 0xff
    with pytest.raises(ValueError, match="'.weight' is NaN at element 35"):
        quantmlir.from_checkpoint({**tensors, ".weight": codes}, "float-quantized")


def test_bits_that_shapes_do_not_tell():
    tensors = quantmlir.quantize_weights(matrix(4, 4), "int4").to_checkpoint("pack-quantized")
    with pytest.raises(ValueError, match="say how many bits"):
        quantmlir.from_checkpoint(tensors, "pack-quantized")
    assert "i4" in quantmlir.from_checkpoint(tensors, "pack-quantized", bits=4).encoding
    tensors = golden("gptq_v2", 4)
    del tensors[".g_idx"]
    with pytest.raises(ValueError, match="number of bits has to be given"):
        quantmlir.from_checkpoint(tensors, "gptq_v2")
    assert "i4" in quantmlir.from_checkpoint(tensors, "gptq_v2", bits=4).encoding


#===-- Groups of columns that are not side by side -------------------------===#

def indexed(name, *, bits=4, rows=32, columns=64, group=16, scheme=""):
    """A checkpoint of act-order, made here: tensors, and what they mean."""
    rng = np.random.default_rng(bits)
    source = quantmlir.quantize_weights(
        matrix(rows, columns), f"int{bits},group={group},asymmetric,scale=f16{scheme}")
    groups = rng.permutation(np.arange(columns) // group).astype(np.int32)
    tensors = source.to_checkpoint(name)
    tensors[".g_idx" if "gptq" in name else ".weight_g_idx"] = groups
    codes = np.zeros((rows, columns))
    for slot in range(columns):
        shift = slot * bits
        low = np.unpackbits(np.ascontiguousarray(source.codes).view(np.uint8), axis=1,
                            bitorder="little")[:, shift:shift + bits]
        codes[:, slot] = (low * (1 << np.arange(bits))).sum(1)
    codes -= (codes >= 1 << (bits - 1)) * (1 << bits)
    wide = codes - source.zero_points.astype(np.float64)[:, groups]
    return tensors, groups, wide * source.scales.astype(np.float64)[:, groups]


@pytest.mark.parametrize("name, bits", [("gptq", 4), ("gptq_v2", 3), ("gptq_v2", 8),
                                        ("pack-quantized", 4), ("naive-quantized", 8)])
def test_groups_by_index(name, bits):
    tensors, groups, expected = indexed(name, bits=bits)
    weights = quantmlir.from_checkpoint(tensors, name)
    np.testing.assert_array_equal(weights.group_index, groups)
    np.testing.assert_array_equal(weights.dequantize(), expected.astype(np.float32))
    again = weights.to_checkpoint(name)
    assert again.keys() == tensors.keys()
    for suffix, array in tensors.items():
        np.testing.assert_array_equal(again[suffix], array, suffix)
    with pytest.raises(ValueError, match="awq holds groups that are runs of columns" if bits == 4
                       else "awq holds codes of 4 bits"):
        weights.to_checkpoint("awq")


def test_groups_by_index_with_a_short_one():
    tensors, groups, expected = indexed("gptq_v2", columns=72)
    weights = quantmlir.from_checkpoint(tensors, "gptq_v2")
    assert "block = [1, 16]" in weights.encoding
    np.testing.assert_array_equal(weights.dequantize(), expected.astype(np.float32))
    # Which of them is the short one is not free.
    tensors[".g_idx"] = 4 - groups
    with pytest.raises(ValueError, match="puts 16 columns into group 1 and 8 into group 0"):
        quantmlir.from_checkpoint(tensors, "gptq_v2")


def test_sorted_index_is_none():
    tensors, groups, _ = indexed("gptq_v2")
    tensors[".g_idx"] = np.sort(groups)
    assert quantmlir.from_checkpoint(tensors, "gptq_v2").group_index is None
