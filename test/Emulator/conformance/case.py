"""What a conformance case is, and the kernels that most of them are.

A case is one kernel that executes one instruction (or a few forms of it) on many
sets of operands. The same MLIR goes through the compiler's PTX emission for the
hardware and through the emulator.
"""

import dataclasses
import re
import zlib

import numpy as np


@dataclasses.dataclass
class Buffer:
    """A buffer that the kernel gets a pointer to, in 32-bit words.

    `role` is that of quant-emulate: `in`, `inout` or `out`. `data` are the
    initial words; an `out` has none.
    """

    role: str
    words: int
    data: np.ndarray = None

    @property
    def recorded(self):
        return self.role != "in"


def given(array):
    data = np.ascontiguousarray(array).view(np.uint32).reshape(-1)
    return Buffer("in", data.size, data)


def updated(array):
    data = np.ascontiguousarray(array).view(np.uint32).reshape(-1)
    return Buffer("inout", data.size, data)


def result(words):
    return Buffer("out", words)


@dataclasses.dataclass
class TensorMap:
    """A tiled tensor map of a buffer (cuTensorMapEncodeTiled).

    `dims` and `box` count elements, innermost first; `strides` are bytes, one
    fewer than dimensions. `swizzle` is 0, 32, 64 or 128 bytes. `buffer` is the
    position among the case's arguments.
    """

    element: str
    dims: tuple
    strides: tuple
    box: tuple
    buffer: int
    swizzle: int = 0


@dataclasses.dataclass
class Case:
    name: str
    #: The line of the table of results that it counts for.
    instruction: str
    #: MLIR of a gpu.module's contents; the kernel is called `@kernel`.
    text: str
    arguments: list
    #: How many independent sets of operands it executes.
    sets: int
    block: int = 32
    grid: int = 1
    cluster: int = 1
    #: How a recorded result and the emulator's may differ: see compare.py.
    rule: str = "bits"

    @property
    def symbol(self):
        return "k_" + re.sub(r"[^A-Za-z0-9]", "_", self.name)

    def mlir(self):
        """The contents of a gpu.module, with symbols of its own."""
        return self.text.replace("@kernel", "@" + self.symbol)

    def fingerprint(self):
        """A checksum of all the kernel is given."""
        crc = 0
        for argument in self.arguments:
            if isinstance(argument, Buffer) and argument.data is not None:
                crc = zlib.crc32(argument.data.tobytes(), crc)
        return crc


def random(name):
    """The generator of a case. RandomState's streams never change."""
    return np.random.RandomState(zlib.crc32(name.encode()))


def words(rs, *shape):
    """Random 32-bit words."""
    size = int(np.prod(shape))
    return np.frombuffer(rs.bytes(4 * size), np.uint32).reshape(shape)


def word(name, value, type="i32"):
    return f"%{name} = llvm.mlir.constant({value} : {type}) : {type}"


def indent(lines):
    if isinstance(lines, str):
        lines = lines.split("\n")
    return "\n".join("    " + line.strip() for line in lines if line.strip())


#: The kernel's number of its thread, and its lane.
THREAD = """
%tid = nvvm.read.ptx.sreg.tid.x : i32
%bid = nvvm.read.ptx.sreg.ctaid.x : i32
%bdim = nvvm.read.ptx.sreg.ntid.x : i32
%first = llvm.mul %bid, %bdim : i32
%t = llvm.add %first, %tid : i32
%lane = nvvm.read.ptx.sreg.laneid : i32
"""


def columns(prefix, base, count, threads):
    """Addresses %<prefix>0.. of this thread's word of each column of a table."""
    lines = []
    for i in range(count):
        lines += [
            word(f"{prefix}o{i}", i * threads),
            f"%{prefix}a{i} = llvm.add %t, %{prefix}o{i} : i32",
            f"%{prefix}{i} = llvm.getelementptr %{base}[%{prefix}a{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
        ]
    return lines


def load_columns(prefix, values, base, count, threads):
    lines = columns(prefix, base, count, threads)
    for i in range(count):
        lines.append(f"%{values}{i} = llvm.load %{prefix}{i} : !llvm.ptr<1> -> i32")
    return lines


def store_columns(prefix, values, base, count, threads):
    lines = columns(prefix, base, count, threads)
    for i in range(count):
        lines.append(f"llvm.store %{values}{i}, %{prefix}{i} : i32, !llvm.ptr<1>")
    return lines


def thread_case(
    name,
    instruction,
    table,
    results,
    body,
    block=128,
    guard=None,
    globals="",
    sets=None,
    extra=(),
    **options,
):
    """A kernel in which each thread has a row of a table of words.

    `table` has a column of 32-bit words for each input, `%x0`.. in `body`, which
    defines `%r0`.., `results` words. Where `guard` names an i1 that `body`'s
    first part (before the line `---`) defines, only threads that have it execute
    the second part, and the others have zeros. `extra` are more arguments,
    pointers `%e0`...
    """
    table = [np.ascontiguousarray(c).view(np.uint32).reshape(-1) for c in table]
    threads = table[0].size
    assert threads % block == 0 and all(c.size == threads for c in table), name
    grid = threads // block

    def text(body):
        before, _, after = body.partition("---") if guard else ("", "", body)
        lines = THREAD.split("\n")
        lines += load_columns("from", "x", "in", len(table), threads)
        lines.append(word("zero", 0))
        if guard:
            types = ", ".join(["i32"] * results)
            zeros = ", ".join(["%zero"] * results)
            inner = ", ".join(f"%v{i}" for i in range(results))
            lines += before.split("\n")
            lines.append(f"llvm.cond_br %{guard}, ^inside, ^after({zeros} : {types})")
            lines.append("^inside:")
            lines += after.split("\n")
            outer = ", ".join(f"%r{i}" for i in range(results))
            lines.append(f"llvm.br ^after({outer} : {types})")
            lines.append(
                "^after(" + ", ".join(f"%v{i}: i32" for i in range(results)) + "):"
            )
            lines += store_columns("to", "v", "out", results, threads)
        else:
            lines += after.split("\n")
            lines += store_columns("to", "r", "out", results, threads)
        pointers = "".join(f", %e{i}: !llvm.ptr<1>" for i in range(len(extra)))
        return f"""
  {globals}
  llvm.func @kernel(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>{pointers}) attributes {{gpu.kernel, nvvm.kernel}} {{
{indent(lines)}
    llvm.return
  }}"""

    arguments = [given(np.concatenate(table)), result(results * threads), *extra]
    return Case(
        name,
        instruction,
        text(body),
        arguments,
        sets or threads,
        block=block,
        grid=grid,
        **options,
    )
