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


@pytest.mark.parametrize("name", ["quant-compile", "quant-emulate", "quant-tune"])
def test_text_that_ends_within_a_string(tool, name, tmp_path):
    # No line end behind it: LLVM's lexer would read on past the buffer.
    source = tmp_path / "cut.mlir"
    source.write_text('func.func @f() attributes {a = "0x04')
    outputs = [] if name == "quant-emulate" else ["-o", tmp_path / "out"]
    result = tool(name, source, *outputs, check=False)
    assert result.returncode == 1
    assert "expected '\"' in string literal" in result.stderr
    assert result.stderr.count("error:") == 1
    assert not (tmp_path / "out").exists()
