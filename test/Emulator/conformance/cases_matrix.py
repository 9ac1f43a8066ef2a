"""ldmatrix, stmatrix and mma.sync."""

import numpy as np

from .case import random, thread_case, words
from .operands import INTEGER_EDGES, STYLES, accumulator_floats, matrix_floats

#: Each thread fills 16 bytes of its warp's 512 of shared memory.
FILL = """
    %warp = llvm.udiv %tid, %c32 : i32
    %c512 = llvm.mlir.constant(512 : i32) : i32
    %mine0 = llvm.mul %warp, %c512 : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %mine1 = llvm.mul %lane, %c16 : i32
    %mine2 = llvm.add %mine0, %mine1 : i32
    %tile = llvm.mlir.addressof @kernel_tile : !llvm.ptr<3>
    %mine = llvm.getelementptr %tile[%mine2] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %all = llvm.mlir.constant(-1 : i32) : i32
"""
TILE = ("llvm.mlir.global internal @kernel_tile() {addr_space = 3 : i32, alignment = 128 : i64}"
        " : !llvm.array<2048 x i8>")
ATTRIBUTES = ("layout = #nvvm.mma_layout<%s>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, "
              "eltType = #nvvm.ld_st_matrix_elt_type<b16>")


def access(index, op, values):
    lines = []
    for i in range(4):
        lines.append(f"%s{index}{i} = llvm.getelementptr %mine[{i}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32")
        if op == "store":
            lines.append(f"llvm.store %{values}{i}, %s{index}{i} : i32, !llvm.ptr<3>")
        else:
            lines.append(f"%{values}{i} = llvm.load %s{index}{i} : !llvm.ptr<3> -> i32")
    return "\n".join(lines)


def matrix_addresses(rs, warps):
    """A row of the warp's 32 for each lane, each once."""
    order = np.argsort(rs.random_sample((warps, 32)), 1)
    return order.reshape(-1).astype(np.uint32)


def ldmatrix(count, layout):
    name = f"ldmatrix.x{count}.{layout}"
    rs = random(name)
    warps = 1024 // count
    # Elements that tell their place, and the warp.
    element = np.arange(256, dtype=np.uint16).reshape(32, 8)
    rows = element[None] + (np.arange(warps, dtype=np.uint16) << 8)[:, None, None]
    table = [c for c in rows.reshape(-1, 8).copy().view(np.uint32).T]
    struct = f"!llvm.struct<({', '.join(['i32'] * count)})>" if count > 1 else "i32"
    got = "\n".join(f"%r{i} = llvm.extractvalue %m[{i}] : {struct}" for i in range(count))
    if count == 1:
        got = "%r0 = llvm.or %m, %zero : i32"
    body = "%c32 = llvm.mlir.constant(32 : i32) : i32" + FILL + access("a", "store", "x") + f"""
    nvvm.bar.warp.sync %all : i32
    %row0 = llvm.mul %x4, %c16 : i32
    %row1 = llvm.add %row0, %mine0 : i32
    %row = llvm.getelementptr %tile[%row1] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %m = nvvm.ldmatrix %row {{num = {count} : i32, {ATTRIBUTES % layout}}} : (!llvm.ptr<3>) -> {struct}
    {got}"""
    kind = "ldmatrix.x%d%s" % (count, ".trans" if layout == "col" else "")
    return thread_case(name, kind, [*table, matrix_addresses(rs, warps)], count, body, globals=TILE,
                       sets=warps * count)


def stmatrix(count, layout):
    name = f"stmatrix.x{count}.{layout}"
    rs = random(name)
    warps = 1024 // count
    element = np.arange(256, dtype=np.uint16).reshape(4, 32, 2)
    values = element[None] + (np.arange(warps, dtype=np.uint16) << 8)[:, None, None, None]
    values = np.ascontiguousarray(values).view(np.uint32).reshape(warps, 4, 32).transpose(1, 0, 2)
    poison = ["%y{0} = llvm.or %x5, %zero : i32".format(i) for i in range(4)]
    sources = ", ".join(f"%x{i}" for i in range(count))
    types = ", ".join(["!llvm.ptr<3>"] + ["i32"] * count)
    body = ("%c32 = llvm.mlir.constant(32 : i32) : i32" + FILL + "\n".join(poison) + "\n"
            + access("a", "store", "y") + f"""
    nvvm.bar.warp.sync %all : i32
    %row0 = llvm.mul %x4, %c16 : i32
    %row1 = llvm.add %row0, %mine0 : i32
    %row = llvm.getelementptr %tile[%row1] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    nvvm.stmatrix %row, {sources} {{{ATTRIBUTES % layout}}} : {types}
    nvvm.bar.warp.sync %all : i32
    """ + access("b", "load", "r"))
    table = [*(c.reshape(-1) for c in values), matrix_addresses(rs, warps),
             np.full(32 * warps, 0xDEADBEEF, np.uint32)]
    kind = "stmatrix.x%d%s" % (count, ".trans" if layout == "col" else "")
    return thread_case(name, kind, table, 4, body, globals=TILE, sets=warps * count)


# mma.sync --------------------------------------------------------------------

WIDTH = {"f16": 16, "bf16": 16, "tf32": 32, "s8": 8, "u8": 8, "s4": 4, "u4": 4, "e4m3": 8, "e5m2": 8}


def mma_body(m, k, a, b, acc, saturate=False):
    """One mma.sync m(m)n8k(k); registers are words."""
    per_k = 128 // WIDTH[a]
    a_regs, b_regs = k // per_k * (m // 8), k // per_k
    c_type = {"s32": "i32", "f32": "f32", "f16": "vector<2xf16>"}[acc]
    c_regs = m // 4 if acc != "f16" else m // 8
    in_type = "vector<2xf16>" if a == "f16" else "i32"
    lines = []
    for i in range(a_regs + b_regs):
        lines.append(f"%v{i} = llvm.bitcast %x{i} : i32 to {in_type}" if in_type != "i32"
                     else f"%v{i} = llvm.or %x{i}, %zero : i32")
    first = a_regs + b_regs
    for i in range(c_regs):
        lines.append(f"%c{i} = llvm.bitcast %x{first + i} : i32 to {c_type}")
    struct = f"!llvm.struct<({', '.join([c_type] * c_regs)})>"
    names = [f"%v{i}" for i in range(first)]
    cs = [f"%c{i}" for i in range(c_regs)]
    if a in ("e4m3", "e5m2"):  # of which NVVM has no op
        name = f"llvm.nvvm.mma.m{m}n8k{k}.row.col.f32.{a}.{b}.f32"
        types = ", ".join([in_type] * first + [c_type] * c_regs)
        lines.append(f'%d = llvm.call_intrinsic "{name}"({", ".join(names + cs)}) : ({types}) -> {struct}')
    else:
        attributes = ["layoutA = #nvvm.mma_layout<row>", "layoutB = #nvvm.mma_layout<col>"]
        if a != "f16":
            attributes.append(f"multiplicandAPtxType = #nvvm.mma_type<{a}>")
            attributes.append(f"multiplicandBPtxType = #nvvm.mma_type<{b}>")
        if acc == "s32":
            over = "satfinite" if saturate else "wrapped"
            attributes.append(f"intOverflowBehavior = #nvvm.mma_int_overflow<{over}>")
        attributes.append(f"shape = #nvvm.shape<m = {m}, n = 8, k = {k}>")
        lines.append(f"%d = nvvm.mma.sync A[{', '.join(names[:a_regs])}] B[{', '.join(names[a_regs:])}] "
                     f"C[{', '.join(cs)}] {{{', '.join(attributes)}}} : ({in_type}, {in_type}, {c_type}) -> {struct}")
    for i in range(c_regs):
        lines.append(f"%d{i} = llvm.extractvalue %d[{i}] : {struct}")
        lines.append(f"%r{i} = llvm.bitcast %d{i} : {c_type} to i32" if c_type != "i32"
                     else f"%r{i} = llvm.or %d{i}, %zero : i32")
    return "\n".join(lines), a_regs, b_regs, c_regs


def by_style(rs, warps, make):
    """Rows of words of `warps` warps, each in one of the styles of floats."""
    parts = [None] * warps
    for style in STYLES:
        chosen = [w for w in range(warps) if STYLES[w % len(STYLES)] == style]
        if chosen:
            bits = np.ascontiguousarray(make(style, len(chosen))).view(np.uint32)
            for i, w in enumerate(chosen):
                parts[w] = bits[i]
    return np.concatenate(parts)


def mma_float(m, k, a, b, acc, warps=72):
    name = f"mma.m{m}n8k{k}.{acc}.{a}" + ("" if a == b else "." + b)
    rs = random(name)
    body, a_regs, b_regs, c_regs = mma_body(m, k, a, b, acc)
    per = 32 // WIDTH[a]
    A = by_style(rs, warps, lambda s, n: matrix_floats(rs, (n, 32, a_regs * per), a, s))

    def b_operand(style, n):
        # Of elements that cancel in pairs, the other factor is the same twice.
        bits = matrix_floats(rs, (n, 32, b_regs * per), b, style)
        if style == "cancel" and per > 1:
            bits[..., 1::2] = bits[..., 0::2]
        return bits

    B = by_style(rs, warps, b_operand)
    half = acc == "f16"
    C = by_style(rs, warps, lambda s, n: accumulator_floats(
        rs, (n, 32, c_regs * (2 if half else 1)), s, 16 if half else 32))
    table = np.concatenate([A.reshape(32 * warps, -1), B.reshape(32 * warps, -1), C.reshape(32 * warps, -1)], 1)
    return thread_case(name, f"mma.sync.m{m}n8k{k}.{acc}.{a}" + ("" if a == b else "." + b),
                       list(table.T), c_regs, body, sets=warps * m * 8)


def mma_integer(m, k, a, b, saturate=False, warps=32):
    name = f"mma.m{m}n8k{k}.{a}.{b}" + (".satfinite" if saturate else "")
    rs = random(name)
    body, a_regs, b_regs, c_regs = mma_body(m, k, a, b, "s32", saturate)
    threads = 32 * warps
    A, B = words(rs, threads, a_regs).copy(), words(rs, threads, b_regs).copy()
    # Some registers of extremes only.
    for operand in (A, B):
        edge = rs.randint(0, 4, operand.shape) == 0
        operand[edge] = rs.choice(INTEGER_EDGES, edge.sum())
    C = (words(rs, threads, c_regs) >> rs.randint(0, 32, (threads, c_regs)).astype(np.uint32)).copy()
    near = rs.randint(0, 3, C.shape) == 0
    C[near] = rs.choice(np.array([2**31 - 1, 2**31, 2**31 - 5, 2**31 + 5, 0], np.uint32), near.sum())
    table = np.concatenate([A, B, C], 1)
    over = ".satfinite" if saturate else ""
    return thread_case(name, f"mma.sync.m{m}n8k{k}.s32.{a}.{b}{over}", list(table.T), c_regs, body,
                       sets=warps * m * 8)


def cases():
    result = [op(count, layout) for op in (ldmatrix, stmatrix) for count in (1, 2, 4) for layout in ("row", "col")]
    for type in ("f16", "bf16"):
        for k in (8, 16):
            result.append(mma_float(16, k, type, type, "f32"))
    result += [mma_float(16, k, "f16", "f16", "f16") for k in (8, 16)]
    result += [mma_float(16, k, "tf32", "tf32", "f32") for k in (4, 8)]
    for a in ("e4m3", "e5m2"):
        result += [mma_float(16, 32, a, b, "f32") for b in ("e4m3", "e5m2")]
    for a, b in (("s8", "s8"), ("u8", "u8"), ("s8", "u8"), ("u8", "s8")):
        result += [mma_integer(16, 32, a, b), mma_integer(16, 16, a, b)]
    result += [mma_integer(16, 32, "s8", "s8", True), mma_integer(16, 32, "u8", "u8", True),
               mma_integer(8, 16, "s8", "s8"), mma_integer(8, 16, "u8", "u8")]
    for a, b in (("s4", "s4"), ("u4", "u4"), ("s4", "u4"), ("u4", "s4")):
        result += [mma_integer(16, 64, a, b), mma_integer(16, 32, a, b)]
    result += [mma_integer(16, 64, "s4", "s4", True), mma_integer(8, 32, "s4", "s4")]
    return result
