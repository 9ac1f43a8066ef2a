"""Whatever arith and math a scaled_matmul's region holds, each family compiles it
into its one kernel, and kernel and reference agree with what it means."""

import json
import os

import numpy as np
import pytest

import reference_runner as reference
from random_epilogues import KINDS, RandomEpilogue

#: Regions; more where one looks for trouble.
COUNT = int(os.environ.get("QUANTMLIR_RANDOM_EPILOGUES", 35))


@pytest.mark.parametrize("seed", range(COUNT))
def test_region(tool, tmp_path, seed):
    case = RandomEpilogue(seed)
    source, artifact = tmp_path / "f.mlir", tmp_path / "f.qmlir"
    source.write_text(case.mlir())
    tool("quant-compile", source, f"--chip={case.chip}", "-o", artifact)
    manifest = json.loads((artifact / "manifest.json").read_text())
    main = next(function for function in manifest["functions"] if function["name"] == "f")
    if case.family != "plain":
        # Nothing of the region is left to another kernel.
        (name,) = (step["launch"] for step in main["steps"])
        assert str(name).startswith(f"matmul_{case.family}_"), name
    file = tmp_path / "in.npz"
    np.savez(file, **{name: reference.to_bits(a) for name, a in case.arrays().items()})
    for device in ("emulator", "cpu"):
        output = tmp_path / f"{device}.npz"
        tool("quant-run", artifact, f"--device={device}", f"--inputs={file}", "--bits",
             f"--output={output}")
        case.check(np.load(output)["y"])


def test_every_kind_of_result_and_operand_is_there():
    """What the regions of the list are made of."""
    cases = [RandomEpilogue(seed) for seed in range(35)]
    assert {case.out for case in cases} == {"f32", "bf16", "f16", "i8", "f8E4M3FN"}
    assert {case.family for case in cases} == set(RandomEpilogue.FAMILIES)
    assert {shape for case in cases for _, shape, _, _ in case.operands} == {
        "token", "channel", "full", "scalar"}
    assert {case.lhs for case in cases} >= set(KINDS) - {"i32", "f8E5M2"}
    assert any(case.batch for case in cases)
