"""No kind of fault is missed, and nothing is found in correct kernels.

Each file of Faults/ plants faults of a kind: its kernels named faulty* expect
findings, and its kernel named correct* does the same right and expects none. lit
runs them. Here is the list of what there must be.
"""

import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).resolve().parent
FAULTS = HERE / "Faults"

#: What the emulator promises to find -> (file, the kind that findings name,
#: words of the message).
PROMISES = {
    "out of bounds, global": ("out-of-bounds-global", "out-of-bounds", "of buffer"),
    "out of bounds, shared": ("out-of-bounds-shared", "out-of-bounds", "of shared variable"),
    "out of bounds, dynamic shared": ("out-of-bounds-shared", "out-of-bounds", "dynamic shared"),
    "out of bounds, local": ("local-memory", "out-of-bounds", "of a local variable"),
    "out of bounds, constant": ("constants", "out-of-bounds", "of constant"),
    "misaligned, global": ("misaligned", "misaligned", "of buffer"),
    "misaligned, shared": ("misaligned", "misaligned", "at shared offset"),
    "misaligned, local": ("local-memory", "misaligned", "of a local variable"),
    "unwritten shared memory read": ("uninitialized-shared", "uninitialized-read", "shared byte"),
    "unwritten local memory read": ("local-memory", "uninitialized-read", "local variable"),
    "unwritten global memory read": ("rights", "uninitialized-read", "of buffer"),
    "dangling local variable": ("local-memory", "invalid-pointer", "has returned"),
    "wild pointer": ("rights", "invalid-pointer", "points to no buffer"),
    "input written": ("rights", "read-only-write", "input buffer"),
    "constant written": ("constants", "read-only-write", "of constant"),
    "race on shared memory": ("race-shared", "race", "shared byte"),
    "race on global memory": ("race-global", "race", "of buffer"),
    "race between blocks": ("race-global", "race", "another block of the launch"),
    "asynchronous copy not waited for": ("pending-copy", "pending-copy", "asynchronous copy"),
    "barrier not reached by all": ("divergence", "divergence", "nvvm.barrier0"),
    "named barrier not reached by all": ("divergence", "divergence", "'nvvm.barrier'"),
    "barrier reached by parts of warps": ("divergence", "divergence", "threads of one warp"),
    "barrier for more threads than there are": ("divergence", "invalid-operand", "of which the block has"),
    "warp barrier not reached by all": ("divergence", "divergence", "nvvm.bar.warp.sync"),
    "shuffle not reached by all": ("divergence", "divergence", "nvvm.shfl.sync"),
    "mma not reached by all": ("divergence", "divergence", "nvvm.mma.sync"),
    "wgmma not reached by a warp": ("wgmma", "divergence", "nvvm.wgmma.fence"),
    "wgmma operand overwritten": ("wgmma", "race", "is also read by a wgmma"),
    "accumulators touched before the wait": ("wgmma", "pending-multiplication", "are touched"),
    "wgmma never waited for": ("wgmma", "pending-multiplication", "without a wait"),
    "wgmma never committed": ("wgmma", "pending-multiplication", "without a commit"),
    "register written after wgmma.fence": ("wgmma", "missing-fence", "wgmma.fence"),
    "no proxy fence before wgmma": ("wgmma", "missing-proxy-fence", "matrix B"),
    "matrix inside its swizzle pattern": ("wgmma", "invalid-operand", "swizzle pattern"),
    "box too large": ("tensor-copy", "invalid-operand", "1 to 256"),
    "tensor map larger than its buffer": ("tensor-copy", "invalid-operand", "it spans"),
    "box wider than its swizzle": ("tensor-copy", "invalid-operand", "of its swizzle"),
    "shared memory inside the swizzle pattern": ("tensor-copy", "misaligned", "shared offset"),
    "box between pieces of 16 bytes": ("tensor-copy", "invalid-operand", "multiple of 16 bytes"),
    "bulk store to a negative coordinate": ("tensor-copy", "invalid-operand", "negative coordinate"),
    "bulk load not waited for": ("tensor-copy", "pending-copy", "the block ends"),
    "bulk load waited for elsewhere": ("tensor-copy", "pending-copy", "shared byte"),
    "bulk store not waited for": ("tensor-copy", "pending-copy", "to have read"),
    "bulk store not committed": ("tensor-copy", "pending-copy", "without a commit"),
    "source of a bulk store overwritten": ("tensor-copy", "race", "asynchronous copy"),
    "no proxy fence before a bulk store": ("tensor-copy", "missing-proxy-fence", "asynchronous read"),
    "no proxy fence before a bulk load": ("tensor-copy", "missing-proxy-fence", "asynchronous write"),
    "no proxy fence for global memory": ("tensor-copy", "missing-proxy-fence", "of buffer"),
    "block ends while others use its memory": ("cluster", "race", "from ending"),
    "relaxed cluster barrier": ("cluster", "race", "read of 4 bytes"),
    "store to another block not waited for": ("cluster", "pending-copy", "shared byte"),
    "store counted by another block": ("cluster", "invalid-pointer", "counted by an mbarrier"),
    "cluster barrier not reached by all": ("cluster", "divergence", "is not reached"),
    "no fence between flag and data": ("semaphores", "race", "another block"),
    "flag that never comes": ("semaphores", "deadlock", "never comes"),
    "dependent launch that does not wait": ("dependent-launch", "race", "launch before"),
    "input of a dependent launch read early": ("dependent-launch", "race", "of input buffer"),
    "wait for the wrong phase": ("mbarrier-phases", "invalid-operand", "waited on in the wrong phase: the phase"),
    "wait that others need not wait for": ("mbarrier-phases", "invalid-operand", "may be waited on"),
    "mbarrier initialised twice": ("mbarrier-object", "invalid-operand", "there is one already"),
    "mbarrier written over": ("mbarrier-object", "invalid-operand", "among them an mbarrier"),
    "registers that never come": ("registers", "deadlock", "never come"),
    "registers increased to less": ("registers", "invalid-operand", "to increase"),
    "setmaxnreg not reached by all": ("registers", "divergence", "nvvm.setmaxregister"),
    "mbarrier not made visible to copies": ("mbarrier-init", "missing-proxy-fence", "tell an mbarrier"),
    "mbarrier not made visible to the cluster": ("mbarrier-init", "race", "after its initialisation"),
    "too many arrivals": ("mbarrier-phases", "invalid-operand", "arrivals gets more"),
    "too many bytes": ("mbarrier-phases", "invalid-operand", "bytes more"),
    "poll of an mbarrier nobody arrives at": ("mbarrier-phases", "deadlock", "never comes"),
    "deadlock": ("deadlock", "deadlock", "can never go on"),
    "mbarriers nobody completes": ("deadlock", "deadlock", "nobody completes"),
    "endless loop": ("endless", "step-limit", "may never end"),
    "endless recursion": ("endless", "out-of-bounds", "nested too deep"),
    "division by zero": ("division-by-zero", "invalid-operand", "division by zero"),
    "operand out of range": ("rights", "invalid-operand", "source size"),
    "output never written": ("unwritten-output", "unwritten-output", "output buffer"),
    "prefetch past the end": ("unusual-memory", "out-of-bounds", "prefetch of byte"),
    "box larger than the variable": ("unusual-memory", "out-of-bounds", "of shared variable"),
    "row of a matrix misaligned": ("unusual-memory", "misaligned", "write of 16 bytes"),
    "blocks that overlap": ("unusual-memory", "race", "another block of the launch"),
    "part of a vector unwritten": ("unusual-memory", "uninitialized-read", "read of 8 bytes"),
    "row that ldmatrix gives to others": ("unusual-order", "race", "read of 16 bytes"),
    "flag before the data": ("unusual-order", "race", "another block"),
    "atomics and plain reads": ("unusual-order", "race", "atomic update"),
    "shuffle from a lane that takes no part": ("unusual-order", "invalid-operand", "takes no part"),
    "barriers in opposite orders": ("unusual-order", "divergence", "can never go on"),
    "barrier for too few": ("unusual-order", "divergence", "can never go on"),
    "bytes that never come": ("unusual-asynchronous", "deadlock", "nobody completes"),
    "accumulators read in the next turn": ("unusual-asynchronous", "pending-multiplication", "are touched"),
    "proxy fence before the write": ("unusual-asynchronous", "missing-proxy-fence", "matrix B"),
    "multicast to a block that ends": ("unusual-asynchronous", "race", "from ending"),
    "stage of a wgmma loaded again": ("unusual-asynchronous", "race", "read by a wgmma"),
    "relaxed arrival": ("unusual-asynchronous", "race", "nothing orders"),
    "read that a later one hides": ("hidden", "race", "also read by another block"),
    "atomics of blocks that a later one hides": ("hidden", "race", "written by another block"),
    "atomics of warps that a later one hides": ("hidden", "race", "read of 4 bytes"),
    "write that a later atomic hides": ("hidden", "race", "atomic update"),
    "no proxy fence behind atomics": ("hidden", "missing-proxy-fence", "asynchronous read"),
    "source of a copy overwritten": ("global-copies", "race", "what this copy reads"),
    "bulk store under way": ("global-copies", "pending-copy", "of buffer"),
    "invariant load of what is written": ("global-copies", "race", "never changes"),
    "memory of a block that may not have started": ("cluster", "race", "has started"),
    "mbarrier invalidated under use": ("mbarrier-object", "race", "is invalidated"),
    "unreachable place": ("endless", "unreachable", "none is to come"),
    "waits that lanes meet behind": ("mbarrier-meetings", "invalid-operand", "may be waited on"),
}


def parts(file):
    """The kernels of a file: (name, text of the part it is in)."""
    for part in re.split(r"^// -----$", file.read_text(), flags=re.M):
        for name in re.findall(r"llvm\.func @(\w+)\([^\n]*\) attributes \{gpu\.kernel", part):
            yield name, part


@pytest.mark.parametrize("promise", PROMISES)
def test_fault_is_planted(promise):
    name, kind, words = PROMISES[promise]
    kernels = list(parts(FAULTS / f"{name}.mlir"))
    expected = [
        line
        for kernel, part in kernels
        for line in part.splitlines()
        if "expected-error" in line and f"[{kind}]" in line and kernel.startswith("faulty")
    ]
    assert any(words in line for line in expected), f"no kernel plants: {promise}"


@pytest.mark.parametrize("file", sorted(FAULTS.glob("*.mlir")), ids=lambda f: f.stem)
def test_twin_is_silent(file):
    assert file.stem in {name for name, _, _ in PROMISES.values()}, "not in the list above"
    kernels = list(parts(file))
    assert any(name.startswith("faulty") for name, _ in kernels)
    assert any(name.startswith("correct") for name, _ in kernels)
    for name, part in kernels:
        assert name.startswith(("faulty", "correct"))
        assert name.startswith("faulty") == ("expected-error" in part), name


@pytest.mark.parametrize("file", sorted(FAULTS.glob("*.mlir")), ids=lambda f: f.stem)
def test_place_block_and_thread_are_named(tool, file):
    """Wherever lit's lines leave that out. An output that nobody wrote is no thread's."""
    options = re.search(r"RUN: quant-emulate %s(.*)", file.read_text())[1].split()
    options.remove("-verify-diagnostics")
    said = tool("quant-emulate", file, *options, check=False).stderr
    errors = re.findall(r"^(.*?)error: \[([a-z-]+)\] (.*)$", said, re.M)
    assert errors
    for place, kind, message in errors:
        if kind != "unwritten-output":
            assert re.search(r"offset :\d+:\d+: $", place), place
            assert re.search(r"; block \(\d+, \d+, \d+\) thread \(\d+, \d+, \d+\)", message), message


def test_every_kind_is_planted():
    source = (HERE.parents[1] / "lib" / "Emulator" / "Report.cpp").read_text()
    kinds = set(re.findall(r'^    return "([a-z-]+)";', source, flags=re.M))
    assert len(kinds) >= 12
    assert kinds == {kind for _, kind, _ in PROMISES.values()}
