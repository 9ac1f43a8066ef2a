"""Which instructions there are results of, and which a kernel has.

The emulator lists a kernel's ops (`quant-emulate --list-instructions`, or while it
runs, into the file that QUANTMLIR_EMULATOR_INSTRUCTIONS names). Here each gets the
name of what it is held to: the instruction with its type, and whatever else makes
it another one. The recorded cases are listed in the same way, so that nothing is
claimed that no recorded kernel executes.
"""

import pathlib
import re
import subprocess
import tempfile

from . import cases

#: Ops that move bits, or make and split up values, and compute nothing.
MOVES = {
    "getelementptr", "extractvalue", "insertvalue", "extractelement", "insertelement", "shufflevector", "select",
    "bitcast", "inttoptr", "ptrtoint", "addrspacecast", "load", "store", "alloca", "freeze", "call", "fence",
    "mlir.poison", "mlir.undef", "mlir.zero", "mlir.addressof", "mlir.global", "intr.memcpy", "intr.memset",
    "intr.lifetime.start", "intr.lifetime.end", "intr.assume",
}
#: Instructions that give no value and change none, or only move them: what they mean
#: for others is what test/Emulator/Faults plants faults of.
SILENT = {"nvvm.setmaxregister", "nvvm.prefetch", "nvvm.cp.async.bulk.prefetch", "quant_tile.store_async"}
#: Attributes that make no other instruction: counts that all values of are recorded
#: (tables of lop3) or that only say how much (n of wgmma, groups to wait for), how
#: far an order reaches, and what is known of operands.
IGNORED = {
    "operandSegmentSizes", "range", "n", "table", "group", "pending", "scope", "overflowFlags", "alignment", "read",
    "mask", "position", "isExact", "isDisjoint", "nonNeg", "aligned", "count", "nvvm.structured", "op_bundle_sizes",
    "ordering", "success_ordering", "failure_ordering", "syncscope", "volatile_", "isCTAOnly", "eltType", "shape_",
    "dynamicOffset", "return_value_and_is_valid", "predicate_", "multicast", "level",
}


def register_of(type):
    """The integer that holds an i4, or another that no register of NVPTX has: LLVM
    computes in it, and makes shifts and masks of it of what widens and narrows."""
    width = re.fullmatch(r"i(\d+)", type)
    if not width or int(width[1]) in (1, 8, 16, 32, 64, 128):
        return type
    return next((f"i{held}" for held in (16, 32, 64) if int(width[1]) < held), type)


def attributes_of(text):
    """{name: value} of the text of a dictionary of attributes."""
    found, depth, start, inner = {}, 0, 0, text.strip()[1:-1]
    parts = []
    for i, c in enumerate(inner + ","):
        if c in "<[({":
            depth += 1
        elif c in ">])}" and inner[i - 1 : i + 1] != "->":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(inner[start:i].strip())
            start = i + 1
    for part in filter(None, parts):
        name, _, value = part.partition(" = ")
        found[name] = re.sub(r" : i\d+$", "", value)
    return found


def element_of(type):
    """f32 of vectors of it, which go element by element; 16-bit floats and integers
    go by twos: f16x2."""
    vector = re.fullmatch(r"vector<(\d+)x(\w+)>", type)
    if not vector:
        return re.sub(r"!llvm\.struct<.*>", "struct", type)
    return vector[2] + ("x2" if vector[2] in ("f16", "bf16", "i16") else "")


def name_of(line):
    """What the op of a line of the list is, or None if that is no instruction."""
    op, attributes, operands, results = line.rstrip("\n").split("|")
    dialect, _, short = op.partition(".")
    if (dialect == "llvm" and short in MOVES) or op in SILENT or dialect == "gpu":
        return None
    attributes = attributes_of(attributes)
    operands, results = ([t for t in types.split(";") if t] for types in (operands, results))
    fast = attributes.pop("fastmathFlags", "#llvm.fastmath<none>")
    # What may be computed in another order, or in one instruction with what uses it,
    # is still made of the same instructions.
    flags = set(re.findall(r"\w+", fast.partition("<")[2])) - {"none", "contract", "reassoc"}
    if op.startswith("nvvm.read.ptx.sreg"):
        return op
    if op == "llvm.call_intrinsic":
        return attributes["intrin"]
    if op in ("llvm.icmp", "llvm.fcmp"):
        # All predicates are recorded together.
        return f"{op} {element_of(operands[0])}"
    if op == "llvm.atomicrmw":
        return " ".join([op, attributes["bin_op"], element_of(operands[1]), operands[0]])
    if dialect == "llvm":
        types = [element_of(t) for t in operands[:1] + results]
        narrow = [t for t in types if t != register_of(t)]
        if narrow and short in ("sext", "zext", "trunc"):
            return f"llvm.{'ashr' if short == 'sext' else 'and'} {register_of(narrow[0])}"
        types = [register_of(t) for t in types]
        # Widening goes element by element.
        if op == "llvm.fpext":
            types = [t.removesuffix("x2") for t in types]
        # The words of a predicate's arithmetic are of no width.
        return " ".join([op, *dict.fromkeys(types), *sorted(flags)])
    if op == "nvvm.shfl.sync":
        return f"{op} {attributes['kind']}"
    kept = [f"{key} = {value}" if value else key for key, value in sorted(attributes.items()) if key not in IGNORED]
    if op == "quant_tile.wgmma":
        kept.append("A in registers" if operands[-1] == "i32" else "A in shared memory")
    elif op in ("nvvm.mma.sync", "nvvm.stmatrix", "nvvm.ldmatrix"):
        kept += [f"{len(operands)} operands", *dict.fromkeys(map(element_of, operands[1:] + results))]
    elif dialect == "nvvm" and ("convert" in op or op in ("nvvm.match.sync", "nvvm.vote.sync")):
        kept += map(element_of, operands[-1:] + results)
    return " ".join([op, *kept])


def names_of(lines):
    return {name for name in map(name_of, lines) if name}


def list_recorded(tool):
    """The names of all instructions that recorded cases execute; `tool` is the path
    of quant-emulate."""
    with tempfile.TemporaryDirectory() as directory:
        source = pathlib.Path(directory) / "cases.mlir"
        source.write_text("gpu.module @kernels {" + "\n".join(case.mlir() for case in cases.all_cases()) + "\n}\n")
        run = subprocess.run([str(tool), "--list-instructions", str(source)], capture_output=True, text=True, check=True)
    return names_of(run.stdout.splitlines())
