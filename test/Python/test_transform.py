"""quantmlir.optimize: text in, text out, and diagnostics that say where."""

import pytest

import quantmlir

MODULE = """\
#w8 = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>
func.func @f(%w: tensor<8x64xf32, #w8>) -> tensor<8x64xf32> {
  %a = quant_tensor.dequantize %w : tensor<8x64xf32, #w8> -> tensor<8x64xf32>
  %b = quant_tensor.dequantize %w : tensor<8x64xf32, #w8> -> tensor<8x64xf32>
  return %b : tensor<8x64xf32>
}
"""


@pytest.mark.parametrize("pipeline", [
    "quant-tensor-verify-encodings,cse",
    "builtin.module(quant-tensor-verify-encodings,cse)",
])
def test_runs_a_pipeline(pipeline):
    result = quantmlir.optimize(MODULE, pipeline)
    assert result.count("quant_tensor.dequantize") == 1


def test_a_parse_error_says_where():
    with pytest.raises(quantmlir.CompileError, match=r"5:\d+.*error"):
        quantmlir.optimize(MODULE.replace("return %b", "return %c"), "cse")


def test_a_wrong_encoding_says_what_was_expected():
    with pytest.raises(quantmlir.CompileError, match="block has 1 extents"):
        quantmlir.optimize(MODULE.replace("[1, 0]", "[1]"), "cse")


def test_an_unknown_pass_is_named():
    with pytest.raises(quantmlir.CompileError, match="no-such-pass"):
        quantmlir.optimize(MODULE, "no-such-pass")


def test_a_failing_pass_is_an_error_at_the_op():
    cast = MODULE.replace(
        "quant_tensor.dequantize %w : tensor<8x64xf32, #w8> -> tensor",
        "tensor.cast %w : tensor<8x64xf32, #w8> to tensor")
    with pytest.raises(quantmlir.CompileError, match=r"tensor\.cast"):
        quantmlir.optimize(cast, "quant-tensor-verify-encodings")
