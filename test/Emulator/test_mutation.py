"""No safeguard of a kernel can go unnoticed.

quant-mutate takes away, one at a time, every barrier, wait, fence, commit,
branch and guard of kernels that the compiler makes. Here on a sample, of which
one in ten may survive; on all of them with QUANTMLIR_MUTATE=all
(scripts/mutate.sh), where none may.
"""

import os
import pathlib
import re
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))
from programs import Layer  # noqa: E402

#: Mutants of each layer to try; None for all.
SAMPLE = None if os.environ.get("QUANTMLIR_MUTATE") == "all" else 12

#: Tails in M, N and K, and enough of K to go round each ring of stages.
LAYERS = {
    # Weights decoded in registers; x copied asynchronously.
    "int4": Layer(37, 2600, m=17, storage="i4", group=128, scale="bf16", bias=True),
    # x of rows that no 16 bytes divide: loaded element by element.
    "int4-odd": Layer(37, 2603, m=17, storage="i4", group=32, scale="bf16"),
    # One row: plain sums, over the warps of a block.
    "int4-row": Layer(37, 131, m=1, storage="i4", group=32),
    "int8": Layer(37, 1040, m=33, storage="i8", x="codes", bias=True, out="bf16"),
    "int8-quantized": Layer(37, 2064, m=5, storage="i8", x="quantized"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_mutant_is_noticed(tool, tmp_path, name):
    layer = LAYERS[name]
    source, folder = tmp_path / f"{name}.mlir", tmp_path / f"{name}.qmlir"
    source.write_text(layer.mlir())
    tool("quant-compile", source, f"--chip={layer.chip}", "-o", folder)
    arguments = [folder, f"--equivalent={HERE / 'equivalent-mutants.txt'}", "--seed=1"]
    if SAMPLE:
        arguments.append(f"--sample={SAMPLE}")
    result = tool("quant-mutate", *arguments, check=False, timeout=3600)
    print(result.stdout)
    counts = re.search(
        r"^(\d+) mutants of (\d+): (\d+) killed, .*, (\d+) survived, (\d+) not run$",
        result.stdout,
        re.M,
    )
    assert counts, result.stdout + result.stderr
    tried, total, killed, survived, not_run = map(int, counts.groups())
    assert tried == (SAMPLE or total) and killed > tried / 4 and not_run == 0
    # Whoever asks for all wants each survivor explained in equivalent-mutants.txt.
    allowed = tried // 10 if SAMPLE else 0
    assert survived <= allowed, result.stdout
    assert result.returncode == (1 if survived else 0)
