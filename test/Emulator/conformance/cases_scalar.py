"""Instructions of one thread: bits, integers, floats, conversions, atomics."""

import numpy as np

from .case import given, random, thread_case, updated, words
from .operands import (DTYPES, FIELDS, UNSIGNED, float_edges, float_tuples, int_pairs,
                      to_bits)

COUNT = 4096


def lop3():
    rs = random("lop3")
    # Every table; each bit position of the operands is a set of operands.
    table = int_pairs(rs, 128, 3)
    table[0][:4], table[1][:4], table[2][:4] = 0xF0F0F0F0, 0xCCCCCCCC, 0xAAAAAAAA
    body = "\n".join(
        f"%r{i} = quant_tile.lop3 %x0, %x1, %x2 table {i}" for i in range(256)
    )
    return thread_case("lop3", "lop3.b32, all 256 tables", table, 256, body, sets=128 * 256)


def prmt():
    rs = random("prmt")
    a, b = int_pairs(rs, COUNT)
    selector = rs.randint(0, 2**16, COUNT).astype(np.uint32)
    # Bits of the selector that mean nothing.
    selector[::4] = words(rs, len(selector[::4]))
    lines = []
    for i, mode in enumerate(["default", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"]):
        operands = "%x0, %x1" if i < 3 else "%x0"
        lines.append(f"%r{i} = nvvm.prmt #nvvm.permute_mode<{mode}> %x2, {operands} : i32")
    return thread_case("prmt", "prmt.b32, all 7 modes", [a, b, selector], 7, "\n".join(lines))


def prmt_selectors():
    """Every selector, on bytes of both signs."""
    selector = np.arange(2**16, dtype=np.uint32)
    low = np.full_like(selector, 0x83028100)
    high = np.full_like(selector, 0x07860584)
    body = "%r0 = nvvm.prmt #nvvm.permute_mode<default> %x2, %x0, %x1 : i32"
    return thread_case("prmt.selectors", "prmt.b32, every selector", [low, high, selector], 1, body)


def dp4a():
    rs = random("dp4a")
    table = int_pairs(rs, COUNT, 3)
    lines = ["%a = llvm.bitcast %x0 : i32 to vector<4xi8>", "%b = llvm.bitcast %x1 : i32 to vector<4xi8>"]
    signs = ["signed", "unsigned"]
    for i in range(4):
        lines.append(
            f"%r{i} = nvvm.dot.accumulate.4way %a <{signs[i // 2]}>, %b <{signs[i % 2]}>, %x2 : vector<4xi8>, vector<4xi8>"
        )
    return thread_case("dp4a", "dp4a s32, u32, mixed", table, 4, "\n".join(lines))


# Floats ----------------------------------------------------------------------


def packed(rs, type, arity, count=COUNT):
    """Columns of words of floats; 16-bit ones in pairs."""
    if type == "f32":
        return float_tuples(rs, count, arity, type)
    return [c.view(np.uint32) for c in float_tuples(rs, 2 * count, arity, type)]


def arithmetic(type):
    """add, sub, mul, fma, min, max, neg, abs; div and sqrt of f32."""
    rs = random("arithmetic." + type)
    vector = type if type == "f32" else f"vector<2x{type}>"
    t3 = f"({vector}, {vector}, {vector}) -> {vector}"
    t2 = f"({vector}, {vector}) -> {vector}"
    ops = {
        "add": f"llvm.fadd %a, %b : {vector}",
        "sub": f"llvm.fsub %a, %b : {vector}",
        "mul": f"llvm.fmul %a, %b : {vector}",
        "fma": f"llvm.intr.fma(%a, %b, %c) : {t3}",
        "minnum": f"llvm.intr.minnum(%a, %b) : {t2}",
        "maxnum": f"llvm.intr.maxnum(%a, %b) : {t2}",
        "minimum": f"llvm.intr.minimum(%a, %b) : {t2}",
        "maximum": f"llvm.intr.maximum(%a, %b) : {t2}",
        "neg": f"llvm.fneg %a : {vector}",
        "abs": f"llvm.intr.fabs(%a) : ({vector}) -> {vector}",
    }
    if type == "f32":
        ops["div"] = f"llvm.fdiv %a, %b : {vector}"
        ops["sqrt"] = f"llvm.intr.sqrt(%a) : ({vector}) -> {vector}"
        for name in ("floor", "ceil", "trunc", "roundeven", "rint"):
            ops[name] = f"llvm.intr.{name}(%a) : (f32) -> f32"
        ops["rem"] = f"llvm.frem %a, %b : {vector}"
        ops["copysign"] = f"llvm.intr.copysign(%a, %b) : {t2}"
    for name, op in ops.items():
        arity = 3 if "%c" in op else 2 if "%b" in op else 1
        table = packed(random(f"{name}.{type}"), type, arity)
        lines = [f"%{v} = llvm.bitcast %x{i} : i32 to {vector}" for i, v in enumerate("abc"[:arity])]
        lines += [f"%d = {op}", f"%r0 = llvm.bitcast %d : {vector} to i32"]
        suffix = type if type == "f32" else type + "x2"
        yield thread_case(f"{name}.{suffix}", f"{name} {suffix}", table, 1, "\n".join(lines),
                          sets=COUNT if type == "f32" else 2 * COUNT)


def compare():
    rs = random("compare")
    table = float_tuples(rs, COUNT, 2, "f32")
    predicates = ["oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule",
                  "une", "uno"]
    lines = ["%a = llvm.bitcast %x0 : i32 to f32", "%b = llvm.bitcast %x1 : i32 to f32"]
    lines.append("%m0 = llvm.mlir.constant(0 : i32) : i32")
    for i, predicate in enumerate(predicates):
        lines += [
            f'%p{i} = llvm.fcmp "{predicate}" %a, %b : f32',
            f"%z{i} = llvm.zext %p{i} : i1 to i32",
            f"%s{i} = llvm.mlir.constant({i} : i32) : i32",
            f"%t{i} = llvm.shl %z{i}, %s{i} : i32",
            f"%m{i + 1} = llvm.or %m{i}, %t{i} : i32",
        ]
    lines.append(f"%r0 = llvm.or %m{len(predicates)}, %m0 : i32")
    return thread_case("fcmp", "setp f32, 14 predicates", table, 1, "\n".join(lines))


def unary(name, op, column, result_type="f32", source_type="f32", **options):
    """A function of one f32 (or integer) word."""
    lines = [f"%a = llvm.bitcast %x0 : i32 to {source_type}" if source_type != "i32" else ""]
    lines.append(f"%d = {op}")
    lines.append(f"%r0 = llvm.bitcast %d : {result_type} to i32")
    return thread_case(name, options.pop("instruction", name), [column], 1, "\n".join(lines), **options)


def approximations():
    # All exponents and, between -150 and 129, many arguments of each size.
    rs = random("ex2")
    x = np.concatenate([
        float_tuples(rs, 2048, 1, "f32")[0],
        (rs.random_sample(4096) * 280 - 150).astype(np.float32).view(np.uint32),
        (rs.random_sample(2048) * 2 - 1).astype(np.float32).view(np.uint32),
    ])
    yield unary("ex2.approx", "llvm.intr.exp2(%a) : (f32) -> f32", x, rule="ulp:2",
                instruction="ex2.approx.f32")
    yield unary("ex2.approx.ftz", "quant_tile.ex2 %a", x, rule="ulp:2", instruction="ex2.approx.ftz.f32")
    rs = random("tanh")
    x = np.concatenate([
        float_tuples(rs, 2048, 1, "f32")[0],
        (rs.standard_normal(6144) * 3).astype(np.float32).view(np.uint32),
    ])
    yield unary("tanh.approx", "llvm.intr.tanh(%a) {fastmathFlags = #llvm.fastmath<afn>} : (f32) -> f32",
                x, rule="relative:-16", instruction="tanh.approx.f32")
    rs = random("rcp")
    x = float_tuples(rs, 8192, 1, "f32")[0]
    yield unary("rcp.approx", "nvvm.rcp.approx.ftz.f %a : f32", x, rule="ulp:1",
                instruction="rcp.approx.ftz.f32")


# Conversions -----------------------------------------------------------------


def narrow():
    for type in ("f16", "bf16"):
        rs = random("cvt.rn." + type)
        column = float_tuples(rs, COUNT, 1, "f32")[0]
        # Exactly between two neighbours, and next to that.
        drop = 23 - FIELDS[type][1]
        middle = words(rs, COUNT).copy()
        middle = middle >> drop << drop | 1 << drop - 1
        middle = (middle + rs.randint(-1, 2, COUNT)).astype(np.uint32)
        # Where f16 is subnormal.
        small = (rs.randint(90, 130, COUNT) << 23 | rs.randint(0, 2**23, COUNT)).astype(np.uint32)
        column = np.concatenate([column, middle, small])
        lines = ["%a = llvm.bitcast %x0 : i32 to f32", f"%d = llvm.fptrunc %a : f32 to {type}",
                 f"%e = llvm.bitcast %d : {type} to i16", "%r0 = llvm.zext %e : i16 to i32"]
        yield thread_case(f"cvt.{type}.f32", f"cvt.rn.{type}.f32 (fptrunc)", [column], 1, "\n".join(lines))


def widen():
    for type in ("f16", "bf16"):
        column = np.arange(2**16, dtype=np.uint32)
        lines = ["%h = llvm.trunc %x0 : i32 to i16", f"%a = llvm.bitcast %h : i16 to {type}",
                 f"%d = llvm.fpext %a : {type} to f32", "%r0 = llvm.bitcast %d : f32 to i32"]
        yield thread_case(f"cvt.f32.{type}", f"cvt.f32.{type} (fpext), every value", [column], 1,
                          "\n".join(lines))


def integers():
    for op, name in (("sitofp", "s32"), ("uitofp", "u32")):
        for type in ("f32", "f16", "bf16"):
            column = int_pairs(random(f"{op}.{type}"), COUNT, 1)[0]
            column[COUNT // 2 :] >>= random("shift").randint(0, 32, COUNT // 2).astype(np.uint32)
            if type == "f32":
                tail = "%r0 = llvm.bitcast %d : f32 to i32"
            else:
                tail = f"%h = llvm.bitcast %d : {type} to i16\n%r0 = llvm.zext %h : i16 to i32"
            yield thread_case(f"cvt.{type}.{name}", f"cvt.rn.{type}.{name}", [column], 1,
                              f"%d = llvm.{op} %x0 : i32 to {type}\n" + tail)
    # What does not fit is poison in LLVM: only what fits.
    for op, name, low, high in (("fptosi", "s32", -(2.0**31), 2.0**31), ("fptoui", "u32", 0, 2.0**32)):
        rs = random(op)
        values = np.concatenate([
            rs.standard_normal(COUNT) * 2.0 ** rs.randint(-3, 34, COUNT),
            np.arange(-64, 64) / 4, rs.random_sample(COUNT - 128) * (high - low) + low])
        values = values.astype(np.float32)
        fits = (values > low - 1) & (values >= low) & (values < high)
        values = np.where(fits, values, np.float32(0.5)).astype(np.float32)
        yield thread_case(f"cvt.{name}.f32", f"cvt.rzi.{name}.f32 (in range)", [values.view(np.uint32)],
                          1, f"%a = llvm.bitcast %x0 : i32 to f32\n%r0 = llvm.{op} %a : f32 to i32")


def fp8():
    for type, mlir in (("e4m3", "f8E4M3FN"), ("e5m2", "f8E5M2")):
        rs = random("fp8." + type)
        exponent, mantissa = FIELDS[type]
        bias = (1 << exponent - 1) - 1

        def near(source):
            """Values of the source format around those of the fp8 format."""
            columns = float_tuples(rs, COUNT, 2, source)
            every = np.arange(256, dtype=np.uint8).view(DTYPES[type]).astype(np.float64)
            every = np.where(np.isfinite(every), every, 1.0)
            half = every * (1 + 2.0 ** -(mantissa + 2))
            steps = np.concatenate([every, half, every * (1 + 2.0 ** -(mantissa + 1))])
            bits = to_bits(np.concatenate([steps, steps]), source).astype(np.int64)
            bits = bits + rs.randint(-1, 2, bits.size)
            n = min(bits.size, COUNT)
            columns[0][-n:] = bits[:n].astype(columns[0].dtype)
            columns[1][-n:] = bits[rs.permutation(bits.size)][:n].astype(columns[0].dtype)
            span = (rs.randint(-bias - mantissa - 3, bias + 3, COUNT // 2))
            columns[0][: COUNT // 2 : 2] = to_bits(
                rs.standard_normal(COUNT // 4) * 2.0 ** span[: COUNT // 4], source)
            return columns

        relu = " {relu = true, rnd = #nvvm.fp_rnd_mode<rn>, sat = #nvvm.sat_mode<satfinite>}"
        plain = " {rnd = #nvvm.fp_rnd_mode<rn>, sat = #nvvm.sat_mode<satfinite>}"
        a, b = near("f32")
        lines = ["%a = llvm.bitcast %x0 : i32 to f32", "%b = llvm.bitcast %x1 : i32 to f32"]
        for i, attributes in enumerate((plain, relu)):
            lines += [f"%d{i} = nvvm.convert.f32x2.to.f8x2 %a, %b{attributes} : i16 ({mlir})",
                      f"%r{i} = llvm.zext %d{i} : i16 to i32"]
        yield thread_case(f"cvt.{type}x2.f32", f"cvt.rn.satfinite[.relu].{type}x2.f32", [a, b], 2,
                          "\n".join(lines))
        h, g = near("f16")
        column = (h.astype(np.uint32) | g.astype(np.uint32) << 16)
        lines = ["%a = llvm.bitcast %x0 : i32 to vector<2xf16>"]
        for i, attributes in enumerate(("", " {relu = true}")):
            lines += [f"%d{i} = nvvm.convert.f16x2.to.f8x2 %a{attributes} : vector<2xf16> -> i16 ({mlir})",
                      f"%r{i} = llvm.zext %d{i} : i16 to i32"]
        yield thread_case(f"cvt.{type}x2.f16x2", f"cvt.rn.satfinite[.relu].{type}x2.f16x2", [column], 2,
                          "\n".join(lines))
        column = np.arange(2**16, dtype=np.uint32)
        lines = ["%h = llvm.trunc %x0 : i32 to i16", "%a = llvm.bitcast %h : i16 to vector<2xi8>"]
        for i, attributes in enumerate(("", " {relu = true}")):
            lines += [f"%d{i} = nvvm.convert.f8x2.to.f16x2 %a{attributes} : vector<2xi8> ({mlir}) -> vector<2xf16>",
                      f"%r{i} = llvm.bitcast %d{i} : vector<2xf16> to i32"]
        yield thread_case(f"cvt.f16x2.{type}x2", f"cvt.rn[.relu].f16x2.{type}x2, every pair", [column], 2,
                          "\n".join(lines))


def packed_conversions():
    for type in ("f16", "bf16"):
        a, b = float_tuples(random("f32x2." + type), COUNT, 2, "f32")
        drop = 23 - FIELDS[type][1]
        a[1::2] = a[1::2] >> drop << drop | 1 << drop - 1
        lines = ["%a = llvm.bitcast %x0 : i32 to f32", "%b = llvm.bitcast %x1 : i32 to f32"]
        modes = [f"rnd = #nvvm.fp_rnd_mode<{r}>{relu}" for r in ("rn", "rz") for relu in ("", ", relu = true")]
        for i, mode in enumerate(modes):
            lines += [f"%d{i} = nvvm.convert.f32x2.to.{type}x2 %a, %b {{{mode}}} : vector<2x{type}>",
                      f"%r{i} = llvm.bitcast %d{i} : vector<2x{type}> to i32"]
        yield thread_case(f"cvt.{type}x2.f32", f"cvt.rn, rz[.relu].{type}x2.f32", [a, b], len(modes),
                          "\n".join(lines))
    column = float_tuples(random("tf32"), COUNT, 1, "f32")[0]
    column[1::2] = column[1::2] >> 13 << 13 | 1 << 12
    lines = ["%a = llvm.bitcast %x0 : i32 to f32"]
    modes = ["rnd = #nvvm.fp_rnd_mode<rna>", "rnd = #nvvm.fp_rnd_mode<rn>", "rnd = #nvvm.fp_rnd_mode<rz>",
             "rnd = #nvvm.fp_rnd_mode<rn>, relu = true"]
    for i, mode in enumerate(modes):
        lines.append(f"%r{i} = nvvm.convert.float.to.tf32 %a {{{mode}}}")
    yield thread_case("cvt.tf32.f32", "cvt.rna, rn, rz.tf32.f32", [column], len(modes), "\n".join(lines))


# Atomics ---------------------------------------------------------------------


def atomics():
    """Each thread on a word of its own: the old value and the new one."""

    def case(name, instruction, op, memory, operands, value, shared=False, words_each=1, rule="bits"):
        threads = operands[0].size
        lines = [f"%k = llvm.mlir.constant({words_each} : i32) : i32", "%tk = llvm.mul %t, %k : i32",
                 "%own = llvm.getelementptr %e0[%tk] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32"]
        if shared:
            lines += ["%base = llvm.mlir.addressof @kernel_cells : !llvm.ptr<3>",
                      "%cell = llvm.getelementptr %base[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32",
                      "%before = llvm.load %own : !llvm.ptr<1> -> i32",
                      "llvm.store %before, %cell : i32, !llvm.ptr<3>"]
        lines += [value, op]
        if shared:
            lines += ["%after = llvm.load %cell : !llvm.ptr<3> -> i32",
                      "llvm.store %after, %own : i32, !llvm.ptr<1>"]
        globals = ("llvm.mlir.global internal @kernel_cells() {addr_space = 3 : i32, alignment = 16 : i64}"
                   " : !llvm.array<128 x i32>") if shared else ""
        return thread_case(name, instruction, operands, 2 if words_each == 2 else 1, "\n".join(lines),
                           extra=[updated(memory)], globals=globals, rule=rule)

    for shared in (False, True):
        pointer, space, where = (("%cell", 3, "shared") if shared else ("%own", 1, "global"))
        for kind in ("add", "_and", "_or", "_xor", "max", "min", "umax", "umin", "xchg"):
            memory, operand = int_pairs(random(f"{kind}.{where}"), 1024)
            plain = kind.lstrip("_")
            yield case(f"atom.{where}.{plain}", f"atom.{where}.{plain}.b32",
                       f"%r0 = llvm.atomicrmw {kind} {pointer}, %x0 monotonic : !llvm.ptr<{space}>, i32",
                       memory, [operand], "", shared)
        rs = random(f"cas.{where}")
        memory, operand, new = int_pairs(rs, 1024, 3)
        operand = np.where(rs.randint(0, 2, 1024) == 0, memory, operand)
        yield case(f"atom.{where}.cas", f"atom.{where}.cas.b32",
                   f"%old = llvm.cmpxchg {pointer}, %x0, %x1 monotonic monotonic : !llvm.ptr<{space}>, i32\n"
                   "%got = llvm.extractvalue %old[0] : !llvm.struct<(i32, i1)>\n"
                   "%same = llvm.extractvalue %old[1] : !llvm.struct<(i32, i1)>\n"
                   "%flag = llvm.zext %same : i1 to i32\n%r0 = llvm.xor %got, %flag : i32",
                   memory, [operand, new], "", shared)
        for type in ("f32", "f16", "bf16"):
            vector = type if type == "f32" else f"vector<2x{type}>"
            memory, operand = packed(random(f"fadd.{type}.{where}"), type, 2, 2048)
            suffix = type if type == "f32" else type + "x2"
            yield case(f"atom.{where}.add.{suffix}", f"atom.{where}.add.{suffix}",
                       f"%old = llvm.atomicrmw fadd {pointer}, %v monotonic : !llvm.ptr<{space}>, {vector}\n"
                       f"%r0 = llvm.bitcast %old : {vector} to i32",
                       memory, [operand], f"%v = llvm.bitcast %x0 : i32 to {vector}", shared)
    low = int_pairs(random("add.64"), 1024, 4)
    yield case("atom.global.add.u64", "atom.global.add.u64", """
    %lo = llvm.zext %x0 : i32 to i64
    %hi = llvm.zext %x1 : i32 to i64
    %c32 = llvm.mlir.constant(32 : i64) : i64
    %up = llvm.shl %hi, %c32 : i64
    %w = llvm.or %lo, %up : i64
    %old = llvm.atomicrmw add %own, %w monotonic : !llvm.ptr<1>, i64
    %r0 = llvm.trunc %old : i64 to i32
    %oh = llvm.lshr %old, %c32 : i64
    %r1 = llvm.trunc %oh : i64 to i32""", np.stack(low[:2], 1), low[2:], "", words_each=2)


def cases():
    return [
        lop3(), prmt(), prmt_selectors(), dp4a(),
        *(case for type in ("f32", "f16", "bf16") for case in arithmetic(type)),
        compare(), *approximations(), *narrow(), *widen(), *integers(), *fp8(),
        *packed_conversions(), *atomics(),
    ]
