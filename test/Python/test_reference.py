"""Running a program's definition on NumPy arrays."""

import ml_dtypes
import numpy as np
import pytest

import quantmlir

MODULE = """\
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 4], scale = bf16}>
func.func @dequantize(
    %w: tensor<2x8xf32, #w4> {quant_tensor.name = "w", quant_tensor.weight})
    -> (tensor<2x8xf32> {quant_tensor.name = "d"}) {
  %d = quant_tensor.dequantize %w : tensor<2x8xf32, #w4> -> tensor<2x8xf32>
  return %d : tensor<2x8xf32>
}
func.func @negate(%x: tensor<?x3xbf16> {quant_tensor.name = "x"}) -> tensor<?x3xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x3xbf16>
  %e = tensor.empty(%m) : tensor<?x3xbf16>
  %y = linalg.negf ins(%x : tensor<?x3xbf16>) outs(%e : tensor<?x3xbf16>) -> tensor<?x3xbf16>
  return %y : tensor<?x3xbf16>
}
"""


@pytest.fixture(scope="module")
def reference():
    return quantmlir.Reference(MODULE)


def test_an_encoded_argument_is_its_parts(reference):
    # Low nibble first; codes -8..7.
    codes = np.array([[0x10, 0x32, 0x98, 0xEF]] * 2, dtype=np.uint8).view(np.int8)
    scales = np.array([[1.0, 0.5], [2.0, -1.0]], dtype=ml_dtypes.bfloat16)
    out = reference.run("dequantize", w=quantmlir.Encoded(codes, scales))["d"]
    numbers = np.array([0, 1, 2, 3, -8, -7, -1, -2], dtype=np.float32)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(
        out, [numbers * np.repeat([1.0, 0.5], 4), numbers * np.repeat([2.0, -1.0], 4)])


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_dynamic_rows_and_bf16(reference, rows):
    x = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    x = x.astype(ml_dtypes.bfloat16)
    y = reference.run("negate", x=x)["result0"]
    assert y.dtype == x.dtype and y.shape == x.shape
    np.testing.assert_array_equal(y, -x)


def test_a_transposed_view_is_read_as_it_looks(reference):
    x = np.arange(6, dtype=np.float32).astype(ml_dtypes.bfloat16).reshape(3, 2).T
    np.testing.assert_array_equal(reference.run("negate", x=x)["result0"], -x)


@pytest.mark.parametrize("arguments, error, words", [
    ({}, TypeError, "missing: x"),
    ({"x": np.zeros((2, 3)), "z": 0}, TypeError, "unknown: z"),
    ({"x": np.zeros((2, 3), np.float32)}, TypeError, "expected bfloat16"),
    ({"x": np.zeros((2, 4), ml_dtypes.bfloat16)}, ValueError, r"expected \?x3, got 2x4"),
    ({"x": np.zeros(3, ml_dtypes.bfloat16)}, ValueError, r"expected \?x3, got 3"),
])
def test_wrong_arguments(reference, arguments, error, words):
    with pytest.raises(error, match=words):
        reference.run("negate", **arguments)


def test_which_function(reference):
    with pytest.raises(TypeError, match="name one of: dequantize, negate"):
        reference.run()
    with pytest.raises(TypeError, match="no function 'other'"):
        reference.run("other")


def test_a_wrong_module_says_where():
    with pytest.raises(quantmlir.CompileError, match="undefined symbol alias"):
        quantmlir.Reference("func.func @f(%x: tensor<2x2xf32, #w>) { return }")
    with pytest.raises(quantmlir.CompileError):
        quantmlir.Reference(b"\x4d\x4c\xef\x52 not bytecode")


def test_arrays_of_every_kind(reference):
    x = np.arange(12, dtype=np.float32).reshape(4, 3).astype(ml_dtypes.bfloat16)
    wide = np.repeat(x, 2, axis=1)[:, ::2]
    frozen = x.copy()
    frozen.flags.writeable = False
    odd = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    for given in x, wide, frozen, odd, np.asfortranarray(x), x[::-1].copy()[::-1], list(x):
        np.testing.assert_array_equal(reference.run("negate", x=given)["result0"], -x)


@pytest.mark.parametrize("inputs", [
    [()], [(1,)], [None], [(np.zeros(3, np.uint8), [2, 3], "bf16")],
    [(np.zeros(12, np.uint8), [-2, 3], "bf16")], [(None, [2, 3], "bf16")]])
def test_nothing_is_read_that_is_not_there(reference, inputs):
    """Below what checks arrays, too."""
    with pytest.raises((RuntimeError, TypeError, ValueError)):
        reference._reference.invoke("negate", inputs)


def test_memory_does_not_grow(reference):
    def resident():
        return int(open("/proc/self/statm").read().split()[1]) * 4096

    x = np.ones((64, 3), ml_dtypes.bfloat16)
    for warm in range(100):
        reference.run("negate", x=x)
    before = resident()
    for call in range(1000):
        reference.run("negate", x=x)
        with pytest.raises(ValueError):
            reference.run("negate", x=x[0])
    assert resident() - before < 1 << 20


def test_more_memory_than_there_is():
    """Nothing as large as 2^54 bytes has an address."""
    fill = quantmlir.Reference("""
        func.func @fill(%x: tensor<?x0xf32>) -> tensor<?x4096xf32> {
          %c0 = arith.constant 0 : index
          %one = arith.constant 1.0 : f32
          %n = tensor.dim %x, %c0 : tensor<?x0xf32>
          %e = tensor.empty(%n) : tensor<?x4096xf32>
          %y = linalg.fill ins(%one : f32) outs(%e : tensor<?x4096xf32>) -> tensor<?x4096xf32>
          return %y : tensor<?x4096xf32>
        }""")
    with pytest.raises(ValueError, match="@fill: there is not enough memory"):
        fill.run(arg0=np.zeros((2**40, 0), np.float32))
    assert fill.run(arg0=np.zeros((2, 0), np.float32))["result0"].shape == (2, 4096)
