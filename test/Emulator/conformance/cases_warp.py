"""Exchange within a warp, and special registers."""

import numpy as np

from .case import Case, indent, random, result, store_columns, thread_case, word, words
from .operands import int_pairs

WARPS = 1024
THREADS = 32 * WARPS


def shuffle(kind):
    rs = random("shfl." + kind)
    # Words whose bytes are alike tell lanes apart and compress.
    value = rs.randint(0, 256, THREADS).astype(np.uint32) * 0x01010101
    value ^= np.repeat(rs.randint(0, 2**16, WARPS).astype(np.uint32) << 16, 32)
    offset = np.repeat(rs.randint(0, 32, WARPS), 32).astype(np.uint32)
    clamp = np.repeat(rs.randint(0, 32, WARPS), 32).astype(np.uint32)
    segment = np.repeat(rs.choice([0, 0, 16, 24, 28, 30, 31, 5], WARPS), 32).astype(np.uint32)
    usual = np.repeat(np.arange(WARPS) % 2 == 0, 32)
    clamp = np.where(usual, 0 if kind == "up" else 31, clamp).astype(np.uint32)
    # Some warps whose lanes disagree, and bits that mean nothing.
    own = np.repeat(np.arange(WARPS) % 8 == 7, 32)
    offset = np.where(own, words(rs, THREADS), offset)
    clamp = np.where(own, rs.randint(0, 32, THREADS), clamp)
    control = (segment << 8 | clamp).astype(np.uint32)
    control = np.where(own, control | (words(rs, THREADS) & 0xFFFFE0E0), control).astype(np.uint32)
    body = f"""
    %all = llvm.mlir.constant(-1 : i32) : i32
    %s = nvvm.shfl.sync {kind} %all, %x0, %x1, %x2 {{return_value_and_is_valid}} : i32 -> !llvm.struct<(i32, i1)>
    %r0 = llvm.extractvalue %s[0] : !llvm.struct<(i32, i1)>
    %valid = llvm.extractvalue %s[1] : !llvm.struct<(i32, i1)>
    %r1 = llvm.zext %valid : i1 to i32"""
    return thread_case("shfl." + kind, "shfl.sync." + kind, [value, offset, control], 2, body, sets=WARPS)


def masks(rs):
    mask = words(rs, WARPS).copy()
    mask[:64] = 0xFFFFFFFF
    mask[64:96] = 1 << np.arange(32, dtype=np.uint32)
    mask[mask == 0] = 1
    return np.repeat(mask, 32)


GUARD = """
    %bit = llvm.lshr %x0, %lane : i32
    %in_mask = llvm.trunc %bit : i32 to i1
    ---"""


def vote():
    rs = random("vote")
    mask = masks(rs)
    chance = np.repeat(rs.choice([0, 1, 8, 15, 16], WARPS), 32)
    bit = (rs.randint(0, 16, THREADS) < chance).astype(np.uint32)
    body = GUARD + """
    %vote = llvm.trunc %x1 : i32 to i1
    %r0 = nvvm.vote.sync ballot %x0, %vote -> i32
    %any = nvvm.vote.sync any %x0, %vote -> i1
    %r1 = llvm.zext %any : i1 to i32
    %every = nvvm.vote.sync all %x0, %vote -> i1
    %r2 = llvm.zext %every : i1 to i32
    %uni = nvvm.vote.sync uni %x0, %vote -> i1
    %r3 = llvm.zext %uni : i1 to i32"""
    return thread_case("vote", "vote.sync any, all, uni, ballot", [mask, bit], 4, body,
                       guard="in_mask", sets=WARPS)


def match(width):
    rs = random(f"match.{width}")
    mask = masks(rs)
    kinds = np.repeat(rs.choice([1, 2, 3, 8], WARPS), 32)
    low = (rs.randint(0, 2**30, THREADS) % kinds).astype(np.uint32) * 0x01234567
    high = np.where(rs.randint(0, 4, THREADS) == 0, 1, 0).astype(np.uint32)
    high = (high * (np.repeat(np.arange(WARPS), 32) % 2)).astype(np.uint32)
    if width == 32:
        value, type = "", "i32"
        name = "%x1"
    else:
        type, name = "i64", "%w"
        value = """
    %lo = llvm.zext %x1 : i32 to i64
    %hi = llvm.zext %x2 : i32 to i64
    %c32 = llvm.mlir.constant(32 : i64) : i64
    %up = llvm.shl %hi, %c32 : i64
    %w = llvm.or %lo, %up : i64"""
    body = GUARD + value + f"""
    %r0 = nvvm.match.sync any %x0, {name} : {type} -> i32
    %m = nvvm.match.sync all %x0, {name} : {type} -> !llvm.struct<(i32, i1)>
    %r1 = llvm.extractvalue %m[0] : !llvm.struct<(i32, i1)>
    %p = llvm.extractvalue %m[1] : !llvm.struct<(i32, i1)>
    %r2 = llvm.zext %p : i1 to i32"""
    return thread_case(f"match.b{width}", f"match.sync any, all b{width}", [mask, low, high], 3, body,
                       guard="in_mask", sets=WARPS)


def elect():
    rs = random("elect")
    body = GUARD + """
    %e = nvvm.elect.sync %x0 -> i1
    %r0 = llvm.zext %e : i1 to i32"""
    return thread_case("elect", "elect.sync", [masks(rs)], 1, body, guard="in_mask", sets=WARPS)


def redux():
    rs = random("redux")
    value = int_pairs(rs, THREADS, 1)[0]
    value = np.where(rs.randint(0, 2, THREADS) == 0, value, value & 0xFF).astype(np.uint32)
    kinds = ["add", "and", "or", "xor", "umax", "umin", "max", "min"]
    body = GUARD + "".join(
        f"\n    %r{i} = nvvm.redux.sync {kind} %x1, %x0 : i32 -> i32" for i, kind in enumerate(kinds)
    )
    return thread_case("redux", "redux.sync add, and, or, xor, min, max (s32, u32)",
                       [masks(rs), value], len(kinds), body, guard="in_mask", sets=WARPS)


def registers():
    names = [f"{r}.{d}" for r in ("tid", "ntid", "ctaid", "nctaid") for d in "xyz"]
    names += ["laneid", "warpsize", "lanemask.eq", "lanemask.lt", "lanemask.le", "lanemask.gt", "lanemask.ge"]
    body = "\n".join(f"    %r{i} = nvvm.read.ptx.sreg.{n} : i32" for i, n in enumerate(names))
    # The thread's number in the grid, x fastest.
    lines = body.split("\n") + [
        "%bz0 = llvm.mul %r8, %r10 : i32", "%bz1 = llvm.add %bz0, %r7 : i32",
        "%bz2 = llvm.mul %bz1, %r9 : i32", "%block = llvm.add %bz2, %r6 : i32",
        "%tz0 = llvm.mul %r2, %r4 : i32", "%tz1 = llvm.add %tz0, %r1 : i32",
        "%tz2 = llvm.mul %tz1, %r3 : i32", "%thread = llvm.add %tz2, %r0 : i32",
        "%n0 = llvm.mul %r3, %r4 : i32", "%n1 = llvm.mul %n0, %r5 : i32",
        "%base = llvm.mul %block, %n1 : i32", "%t = llvm.add %base, %thread : i32",
    ]
    block, grid = (5, 3, 4), (3, 2, 5)
    threads = int(np.prod(block) * np.prod(grid))
    lines += store_columns("to", "r", "out", len(names), threads)
    text = f"""
  llvm.func @kernel(%out: !llvm.ptr<1>) attributes {{gpu.kernel, nvvm.kernel}} {{
{indent(lines)}
    llvm.return
  }}"""
    return Case("registers", "special registers", text, [result(len(names) * threads)], threads,
                block=block, grid=grid)


def cases():
    return [
        *(shuffle(kind) for kind in ("up", "down", "bfly", "idx")),
        vote(), match(32), match(64), elect(), redux(), registers(),
    ]
