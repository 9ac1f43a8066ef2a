"""What every tool answers alike: its version, its own options, a wrong one."""

import pytest

TOOLS = ["quant-compile", "quant-emulate", "quant-lsp-server", "quant-mutate",
         "quant-opt", "quant-reference", "quant-report", "quant-run",
         "quant-tune", "quant-weights"]


@pytest.mark.parametrize("name", TOOLS)
def test_versions_and_help(tool, name):
    assert tool(name, "--version").startswith("quant-mlir 0.1.0")
    # Options are the tool's, not those of every target that LLVM has.
    text = tool(name, "--help")
    assert "--help" in text and "aarch64" not in text and "amdgpu-use" not in text


@pytest.mark.parametrize("name", TOOLS)
def test_an_unknown_option_is_an_error(tool, name):
    result = tool(name, "x", "--no-such-option", check=False)
    assert result.returncode not in (0, -6, -11) and "no-such-option" in result.stderr
    assert not result.stdout
