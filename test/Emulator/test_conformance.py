"""The emulator against results recorded on the hardware (conformance/)."""

import contextlib
import io
import pathlib
import re

import pytest

from conformance import cases, compare, instructions, recorded, table
from conformance.emulate import emulate

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = [(group, case) for group, make in cases.GROUPS.items() for case in make()]


@pytest.fixture(scope="module")
def hardware():
    return recorded.Recorded()


@pytest.fixture(scope="module")
def emulated(build_dir):
    """emulated(group) runs the cases of a group, once."""
    done = {}

    def get(group):
        if group not in done:
            done[group] = emulate(cases.GROUPS[group](), build_dir / "bin" / "quant-emulate")
        return done[group]

    return get


@pytest.mark.parametrize("group,case", CASES, ids=[case.name for _, case in CASES])
def test_reproduces_the_hardware(emulated, hardware, group, case):
    assert hardware.cases[case.name]["fingerprint"] == case.fingerprint(), (
        "the operands are not those that were recorded: run record.py again")
    results, said = emulated(group)
    assert case.name in results, said[:2000]
    want, got = hardware.words(case.name), results[case.name]
    assert want.size == got.size
    wrong = compare.differences(case.rule, want, got)
    examples = [f"[{i}] {got[i]:08x}, hardware {want[i]:08x}" for i in wrong[:8]]
    assert wrong.size == 0, f"{wrong.size} of {want.size} words: " + "; ".join(examples)


@pytest.mark.parametrize("group", cases.GROUPS)
def test_finds_no_fault(emulated, group):
    """The recorded kernels are correct ones."""
    assert emulated(group)[1] == ""


def test_nothing_else_is_recorded(hardware):
    assert set(hardware.cases) == {case.name for _, case in CASES}


def test_a_thousand_sets_of_each_instruction():
    counts = table.count()
    for name, (sets, rule) in counts.items():
        print(f"{sets:8} {name}" + ("" if rule == "bits" else f" ({rule})"))
        assert sets >= 1000, name
    # What has a tolerance is an approximation of the hardware's; no sum is.
    tolerant = {name for name, (_, rule) in counts.items() if rule != "bits"}
    assert tolerant == {"ex2.approx.f32", "ex2.approx.ftz.f32", "rcp.approx.ftz.f32", "tanh.approx.f32"}


def test_an_unrecorded_instruction_is_seen(build_dir):
    """The names that kernels' instructions are looked up by tell types apart."""
    known = instructions.list_recorded(build_dir / "bin" / "quant-emulate")
    form = "layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = {}>"
    words = ";".join(["i32"] * 3 + ["f32"] * 4)
    lines = {
        "llvm.fadd|{fastmathFlags = #llvm.fastmath<none>}|vector<4xf32>;vector<4xf32>|vector<4xf32>": True,
        "llvm.fadd|{fastmathFlags = #llvm.fastmath<contract>}|f32;f32|f32": True,
        "llvm.fadd|{fastmathFlags = #llvm.fastmath<ninf, contract>}|f32;f32|f32": False,
        "llvm.fadd|{fastmathFlags = #llvm.fastmath<none>}|f128;f128|f128": False,
        "llvm.add|{overflowFlags = #llvm.overflow<nsw>}|i64;i64|i64": True,
        "llvm.add|{}|vector<2xi16>;vector<2xi16>|vector<2xi16>": False,
        "llvm.sitofp|{}|i8|bf16": True,
        # An i4 lies in 16 bits.
        "llvm.sitofp|{}|i4|bf16": True,
        "llvm.sext|{}|i4|i8": True,
        "llvm.sitofp|{}|i128|bf16": False,
        "llvm.intr.log2|{}|f32|f32": False,
        "nvvm.shfl.sync|{kind = #nvvm<shfl_kind bfly>}|i32;f32;i32;i32|f32": True,
        "quant_tile.lop3|{table = 17 : i32}|i32;i32;i32|i32": True,
        "quant_tile.wgmma|{a_type = f16, b_type = f16, n = 40 : i64}|!llvm.struct<(f32)>;i1;i64;i64|!llvm.struct<(f32)>": True,
        "quant_tile.wgmma|{a_type = f16, b_type = bf16, n = 40 : i64}|!llvm.struct<(f32)>;i1;i64;i64|!llvm.struct<(f32)>": False,
        f"nvvm.mma.sync|{{{form.format(12)}}}|{words}|!llvm.struct<(f32, f32, f32, f32)>": False,
    }
    for line, is_recorded in lines.items():
        assert (instructions.name_of(line) in known) == is_recorded, line
    assert instructions.name_of("llvm.load|{}|!llvm.ptr<1>|i8") is None


def test_comparison_sees_a_difference(hardware):
    """Each rule refuses what is further off than it says."""
    want = hardware.words("ex2.approx")
    for rule, step in (("bits", 1), ("ulp:1", 2), ("ulp:2", 3), ("relative:-16", 1 << 9)):
        off = want.copy()
        place = len(want) - 1  # an ordinary number
        off[place] += step
        assert compare.differences(rule, want, off).tolist() == [place]


def test_documentation_is_current(hardware):
    text = (ROOT / "docs" / "Conformance.md").read_text()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        table.main()
    assert out.getvalue() in text, "docs/Conformance.md: python -m conformance.table"
    for rule in compare.TOLERANCES.values():
        assert re.sub(r"\s+", " ", rule) in re.sub(r"\s+", " ", text)
    assert hardware.about["device"] in text and hardware.about["date"] in text
