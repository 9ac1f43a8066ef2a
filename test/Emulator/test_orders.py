"""What is found does not depend on who happens to go first.

With --seed threads take turns, and bulk copies come, in an order drawn from it, in
which some warps fall far behind. In any order the planted faults are told, of the
same op or of the other one of a pair, and their correct twins are silent.
"""

import pathlib
import re

import pytest

from test_faults import FAULTS

SEEDS = (1, 2, 3)


def findings(tool, file, seed):
    """Kernel -> findings, the kernel being that of the part they are in."""
    options = re.search(r"RUN: quant-emulate %s(.*)", file.read_text())[1].split()
    options.remove("-verify-diagnostics")
    said = tool("quant-emulate", file, *options, f"--seed={seed}", check=False).stderr
    lines = file.read_text().splitlines()
    starts = [i for i, line in enumerate(lines) if i == 0 or line == "// -----"]
    found = {}
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < len(starts) else len(lines)
        part = "\n".join(lines[start:end])
        for name in re.findall(r"llvm\.func @(\w+)\([^\n]*\) attributes \{gpu\.kernel", part):
            found[name] = []
            for at, message in re.findall(rf"split at \S+:(\d+) offset \S+ error: (\[.*)", said):
                if start <= int(at) - 1 < end:
                    found[name].append(message)
    return found


@pytest.mark.parametrize("file", sorted(FAULTS.glob("*.mlir")), ids=lambda f: f.stem)
def test_in_any_order(tool, file):
    for seed in SEEDS:
        for name, messages in findings(tool, file, seed).items():
            assert bool(messages) == name.startswith("faulty"), (seed, name, messages)


def test_a_drawn_order_is_another_one(tool, tmp_path):
    """Each thread takes a ticket: by number without a seed, else as it is drawn, and
    with the same seed again the same."""
    source = tmp_path / "tickets.mlir"
    source.write_text("""
gpu.module @kernels {
  llvm.func @tickets(%next: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      block = array<i64: 128>, arguments = ["inout i32 1", "out i32 128"]}} {
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %ticket = llvm.atomicrmw add %next, %one monotonic : !llvm.ptr<1>, i32
    %to = llvm.getelementptr %out[%ticket] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %tid, %to : i32, !llvm.ptr<1>
    llvm.return
  }
}
""")

    def order(seed):
        out = tool("quant-emulate", source, "--print-buffers", f"--seed={seed}")
        return [int(v) for v in re.search(r"arg1: (.*)", out)[1].split()]

    assert order(0) == list(range(128))
    drawn = [order(seed) for seed in (1, 2, 3, 4)]
    assert all(sorted(each) == list(range(128)) for each in drawn)
    assert len({tuple(each) for each in [order(0), *drawn]}) > 2
    assert order(3) == drawn[2]
