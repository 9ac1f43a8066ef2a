"""quant-reference: what it says of calls that it cannot make."""

import numpy as np

TEXT = """
func.func @f(%x: tensor<4xf32> {quant_tensor.name = "x"}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
"""


def fails(tool, *arguments):
    result = tool("quant-reference", *arguments, check=False)
    assert result.returncode == 1, result
    return result.stderr


def test_calls_that_cannot_be_made(tool, tmp_path):
    module, inputs = tmp_path / "m.mlir", tmp_path / "in.npz"
    module.write_text(TEXT)
    np.savez(inputs, y=np.zeros(4, np.float32))
    out = tmp_path / "out.npz"
    assert "expected one or more of: function inputs.npz outputs.npz" in fails(tool, module, "f", inputs)
    assert "has no array 'x'" in fails(tool, module, "f", inputs, out)
    assert "nosuch" in fails(tool, module, "nosuch", inputs, out)
    np.savez(inputs, x=np.zeros(5, np.float32))
    assert "'x'" in fails(tool, module, "f", inputs, out)
    assert not out.exists()
