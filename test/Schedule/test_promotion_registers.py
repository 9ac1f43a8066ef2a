"""What ptxas makes of wgmma kernels that promote their accumulators.

Sums stand beside accumulators, and with scales of blocks the scales of a step:
of what a tuner would list, the largest tiles must not spill, and nothing may
serialize the multiplications.
"""

import pathlib
import random
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from programs import Float8  # noqa: E402

SAMPLED = 8
CASES = [
    Float8(264, 1040, out="f32"),
    Float8(257, 1040, x="f8E5M2", out="bf16"),
    Float8(264, 1040, group=128, rows=128, out="bf16"),
    Float8(257, 1040, group=128, rows=8, out="f32"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_spills(tool, check_registers, tmp_path, case):
    source, listed = tmp_path / "op.mlir", tmp_path / "op.scheduled.mlir"
    source.write_text(case.mlir())
    lines = tool("quant-tune", source, "--list", "--chip=sm_90a", "--rows=300").splitlines()
    schedules = [x.split(" // ")[0] for x in lines if x.startswith("#") and "promote = " in x]

    def accumulators(schedule):
        m, n, _ = map(int, re.search(r"tile = \[([\d, ]+)\]", schedule)[1].split(", "))
        wm, wn, _ = map(int, re.search(r"warps = \[([\d, ]+)\]", schedule)[1].split(", "))
        return m * n // 128 // (wm // 4 * wn)

    large = [x for x in schedules if accumulators(x) >= 48 and "group_m = 16" not in x]
    sample = random.Random(case.name).sample(large, min(SAMPLED, len(large)))
    assert sample
    text = tool("quant-opt", source, "--quant-algebra", "-mlir-print-local-scope")
    for schedule in sample:
        scheduled = re.sub(
            r"(quant_tensor\.scaled_matmul .*?outs\(.*?\)) \{",
            lambda match: f"{match[1]} attributes {{quant_tile.schedule = {schedule}}} {{", text,
        )
        assert scheduled != text
        listed.write_text(scheduled)
        ptx = tmp_path / "op.ptx"
        tool("quant-compile", listed, "--chip=sm_90a", "--emit=ptx", "-o", ptx)
        check_registers(ptx, schedule)
