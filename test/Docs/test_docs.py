"""The reference in docs/ is what TableGen says now."""

import re
import subprocess
import sys

from conftest import ROOT


def test_reference_is_current():
    result = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate_docs.py"), "--check"],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


def blocks(language):
    """The fenced blocks of the README in that language."""
    text = (ROOT / "README.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_program_of_the_readme_is_the_example():
    assert blocks("mlir")[0] == (ROOT / "examples" / "linear.mlir").read_text()


def test_the_commands_of_the_readme_run(tmp_path, build_dir):
    (commands,) = [b for b in blocks("sh") if "quant-compile" in b]
    commands = commands.replace("$PWD/build", str(build_dir.resolve()))
    commands = commands.replace("examples/", f"{ROOT}/examples/")
    result = subprocess.run(
        ["bash", "-e", "-c", commands], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "weight     arg1.codes" in result.stdout
    assert "#quant_tile.schedule<" in result.stdout
    assert "decodes the right-hand side inside the contraction" in result.stderr
