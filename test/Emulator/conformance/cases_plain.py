"""What ordinary code is made of: integers of every width, scalar floats of 16 and
64 bits, conversions between all of them; and instructions that only order.

Ops of one type share a kernel: operands are read once, results are columns.
"""

import numpy as np

from .case import random, thread_case, words
from .operands import float_edges, float_tuples, int_pairs

COUNT = 1024
#: Bits of exponent and mantissa, as in operands.py, of doubles.
DOUBLE = (11, 52)


# Words of any width ----------------------------------------------------------


def columns_of(values, width):
    """32-bit columns of integers (as unsigned 64-bit ones) of `width` bits."""
    low = (values & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return [low, (values >> np.uint64(32)).astype(np.uint32)] if width == 64 else [low]


def read(name, column, width):
    """Lines that make %name, `width` bits, of the columns from %x<column> on."""
    if width == 32:
        return [f"%{name} = llvm.or %x{column}, %zero : i32"]
    if width < 32:
        return [f"%{name} = llvm.trunc %x{column} : i32 to i{width}"]
    return [f"%{name}l = llvm.zext %x{column} : i32 to i64", f"%{name}h = llvm.zext %x{column + 1} : i32 to i64",
            f"%{name}u = llvm.shl %{name}h, %c32 : i64", f"%{name} = llvm.or %{name}l, %{name}u : i64"]


def write(name, column, width, source="zero"):
    """Lines that make results %r<column>.. of the bits of %name, exclusive or those
    of %<source> where there are 64: ptxas (13.0) takes a store of a part of what an
    f64 instruction wrote for a conversion to an integer."""
    if width == 32:
        return [f"%r{column} = llvm.or %{name}, %zero : i32"]
    if width < 32:
        return [f"%r{column} = llvm.zext %{name} : i{width} to i32"]
    return [f"%{name}low = llvm.trunc %{name} : i64 to i32", f"%{name}top = llvm.lshr %{name}, %c32 : i64",
            f"%{name}high = llvm.trunc %{name}top : i64 to i32",
            f"%r{column} = llvm.xor %{name}low, %{source} : i32", f"%r{column + 1} = llvm.xor %{name}high, %{source} : i32"]


CONSTANTS = ["%c32 = llvm.mlir.constant(32 : i64) : i64"]


def several(name, instruction, operands, ops):
    """A kernel of several ops. `operands` are (values, type); each of `ops` is
    (text of %d, its type); values are those of unsigned integers of the width."""
    lines, table, results = list(CONSTANTS), [], 0
    for letter, (values, type) in zip("abc", operands):
        width = bits_of(type)
        bits = letter if type.startswith("i") else letter + "bits"
        lines += read(bits, len(table), width)
        if bits != letter:
            lines.append(f"%{letter} = llvm.bitcast %{bits} : i{width} to {type}")
        table += columns_of(values, width)
    for number, (op, type) in enumerate(ops):
        value, width = f"d{number}", bits_of(type)
        lines += op.replace("%d", f"%{value}").replace("%@", "%d").split("\n")
        if not type.startswith("i"):
            lines.append(f"%{value}bits = llvm.bitcast %{value} : {type} to i{width}")
            value += "bits"
        lines += write(value, results, width, "x0" if type == "f64" else "zero")
        results += 2 if width == 64 else 1
    return thread_case(name, instruction, table, results, "\n".join(lines), sets=COUNT)


def bits_of(type):
    if type.startswith("vector"):
        return 32
    return int(type.removeprefix("b").lstrip("if"))


def integers(rs, width, count=COUNT):
    """Random integers and edges of a width, and small ones."""
    values = np.frombuffer(rs.bytes(8 * count), np.uint64).copy()
    values[::4] >>= rs.randint(0, 64, len(values[::4])).astype(np.uint64)
    edges = [0, 1, 2, 3, 7, (1 << width) - 1, (1 << width) - 2, 1 << width - 1, (1 << width - 1) - 1, (1 << width - 1) + 1]
    chosen = rs.randint(0, 4, count) == 0
    values[chosen] = rs.choice(np.array(edges, np.uint64), chosen.sum())
    return values & np.uint64((1 << width) - 1)


# Integers --------------------------------------------------------------------

PREDICATES = ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"]


def mask_of(names, type, op):
    """Text of %d, an i32 with one bit for each predicate."""
    lines = ["%dm0 = llvm.mlir.constant(0 : i32) : i32"]
    for i, name in enumerate(names):
        lines += [f'%dp{i} = llvm.{op} "{name}" %a, %b : {type}', f"%dz{i} = llvm.zext %dp{i} : i1 to i32",
                  f"%ds{i} = llvm.mlir.constant({i} : i32) : i32", f"%dt{i} = llvm.shl %dz{i}, %ds{i} : i32",
                  f"%dm{i + 1} = llvm.or %dm{i}, %dt{i} : i32"]
    return "\n".join(lines + [f"%d = llvm.or %dm{len(names)}, %dm0 : i32"])


def integer_arithmetic(width):
    type = f"i{width}"
    rs = random(f"plain.{type}")
    a, b = integers(rs, width), integers(rs, width)
    ops = [(f"%d = llvm.{name} %a, %b : {type}", type) for name in ("add", "sub", "mul", "and", "or", "xor")]
    ops += [(f"%d = llvm.intr.{name}(%a, %b) : ({type}, {type}) -> {type}", type)
            for name in ("smin", "smax", "umin", "umax")]
    ops.append((mask_of(PREDICATES, type, "icmp"), "i32"))
    yield several(f"{type}.arithmetic", f"add, sub, mul, and, or, xor, min, max, setp {type}", [(a, type), (b, type)],
                  ops)
    # Shifts by what a shift is defined for.
    b = b % np.uint64(width)
    yield several(f"{type}.shift", f"shl, shr {type}", [(a, type), (b, type)],
                  [(f"%d = llvm.{name} %a, %b : {type}", type) for name in ("shl", "lshr", "ashr")])
    # Not by zero, and no quotient that is too large.
    a, b = integers(rs, width), integers(rs, width)
    b[b == 0] = 1
    top, ones = np.uint64(1 << width - 1), np.uint64((1 << width) - 1)
    a[(a == top) & (b == ones)] = 5
    yield several(f"{type}.divide", f"div, rem {type}", [(a, type), (b, type)],
                  [(f"%d = llvm.{name} %a, %b : {type}", type) for name in ("sdiv", "udiv", "srem", "urem")])


def logic():
    """i1: and, or, xor, and their widening."""
    rs = random("plain.i1")
    a, b = (rs.randint(0, 2, COUNT).astype(np.uint64) for _ in range(2))
    lines = ["%p = llvm.trunc %x0 : i32 to i1", "%q = llvm.trunc %x1 : i32 to i1"]
    for i, op in enumerate(("and", "or", "xor")):
        lines += [f"%w{i} = llvm.{op} %p, %q : i1", f"%r{2 * i} = llvm.zext %w{i} : i1 to i32",
                  f"%r{2 * i + 1} = llvm.sext %w{i} : i1 to i32"]
    return thread_case("i1.logic", "and, or, xor, widening of predicates", [a.astype(np.uint32), b.astype(np.uint32)], 6,
                       "\n".join(lines), sets=COUNT)


def integer_widths():
    """trunc, zext and sext between all widths."""
    for width in (8, 16, 32, 64):
        type = f"i{width}"
        a = integers(random(f"widths.{type}"), width)
        ops = [(f"%d = llvm.trunc %a : {type} to i{to}", f"i{to}") for to in (8, 16, 32) if to < width]
        ops += [(f"%d = llvm.{op} %a : {type} to i{to}", f"i{to}")
                for to in (16, 32, 64) if to > width for op in ("zext", "sext")]
        yield several(f"{type}.widths", f"cvt of {type} to other integers", [(a, type)], ops)


# Floats ----------------------------------------------------------------------


def double_edges():
    exponent, mantissa = DOUBLE
    ones, top, one = (1 << mantissa) - 1, ((1 << exponent) - 1) << mantissa, ((1 << exponent - 1) - 1) << mantissa
    edges = [0, 1, 2, ones, ones + 1, ones + 2, one - 1, one, one + 1, top - 1, top, top + 1, top + ones,
             top + (1 << mantissa - 1), one + (mantissa << mantissa)]
    return np.array([e | s for e in edges for s in (0, 1 << 63)], np.uint64)


def doubles(rs, arity):
    """Columns of the bits of doubles: edges, any bits, and numbers of like size."""
    columns = []
    center = rs.standard_normal(COUNT) * 2.0 ** rs.randint(-30, 30, COUNT)
    for _ in range(arity):
        bits = np.frombuffer(rs.bytes(8 * COUNT), np.uint64).copy()
        near = center * (1 + rs.standard_normal(COUNT) * 2.0 ** -rs.randint(0, 54, COUNT))
        bits[COUNT // 3 :] = near.view(np.uint64)[COUNT // 3 :]
        edge = rs.randint(0, 3, COUNT // 3) > 0
        bits[: COUNT // 3][edge] = rs.choice(double_edges(), edge.sum())
        columns.append(bits)
    return columns


def floats(rs, type, arity):
    if type == "f64":
        return doubles(rs, arity)
    return [column.astype(np.uint64) for column in float_tuples(rs, COUNT, arity, type)]


ORDERED = ["oeq", "ogt", "oge", "olt", "ole", "one", "ord", "ueq", "ugt", "uge", "ult", "ule", "une", "uno"]


def float_arithmetic(type):
    rs = random(f"plain.{type}")
    a, b, c = floats(rs, type, 3)
    one, two, three = (f"({', '.join([type] * n)}) -> {type}" for n in (1, 2, 3))
    ops = [f"llvm.f{name} %a, %b : {type}" for name in ("add", "sub", "mul", "div")]
    ops += [f"llvm.fneg %a : {type}", f"llvm.intr.fma(%a, %b, %c) : {three}"]
    ops += [f"llvm.intr.{name}(%a, %b) : {two}" for name in ("minnum", "maxnum", "minimum", "maximum", "copysign")]
    ops += [f"llvm.intr.{name}(%a) : {one}"
            for name in ("fabs", "sqrt", "floor", "ceil", "trunc", "roundeven", "rint", "round")]
    ops = [("%d = " + op, type) for op in ops] + [(mask_of(ORDERED, type, "fcmp"), "i32")]
    # These would become integer ops if nobody took their results for floats; not a
    # copysign of doubles, which stays one.
    ops += [(f"%d = llvm.intr.maxnum(%d{number}, %c) : {two}".replace(f"%d{number}", f"%@{number}"), type)
            for number, (op, _) in enumerate(ops)
            if "fneg" in op or "fabs" in op or ("copysign" in op and type != "f64")]
    yield several(f"{type}.scalar", f"{type}: add, sub, mul, div, fma, min, max, abs, neg, sqrt, roundings, setp",
                  [(a, type), (b, type), (c, type)], ops)
    a, b = floats(random(f"rem.{type}"), type, 2)
    if type == "f64":
        # Of two NaNs either may come out: ptxas orders factors as it likes.
        magnitude, infinity = np.uint64((1 << 63) - 1), np.uint64(0x7FF << 52)
        b[(a & magnitude > infinity) & (b & magnitude > infinity)] = np.uint64(0x3FF << 52)
    yield several(f"{type}.rem", f"rem {type}", [(a, type), (b, type)], [(f"%d = llvm.frem %a, %b : {type}", type)])


def single_rounding():
    a = floats(random("round.f32"), "f32", 1)[0]
    return several("f32.round", "round f32 (ties away from zero)", [(a, "f32")],
                   [("%d = llvm.intr.round(%a) : (f32) -> f32", "f32")])


def float_widths():
    """fpext and fptrunc that cases_scalar.py has not."""
    for type, targets in (("f16", ["f64"]), ("bf16", ["f64"]), ("f32", ["f64"]), ("f64", ["f16", "bf16", "f32"])):
        a = floats(random(f"float widths.{type}"), type, 1)[0]
        if type == "f64":
            # What fits the others, and what lies between two of their numbers.
            rs = random("float widths.near")
            near = rs.standard_normal(COUNT // 2) * 2.0 ** rs.randint(-30, 18, COUNT // 2)
            near[::2] = near[::2].astype(np.float32)
            bits = near.view(np.uint64)
            half = rs.randint(0, 2, bits.size) == 0
            drop = np.uint64(52 - 10)
            bits[half] = bits[half] >> drop << drop | np.uint64(1 << 41)
            bits[half] += rs.randint(-1, 2, half.sum()).astype(np.uint64)
            a[COUNT // 2 :] = bits
        ops = [(f"%d = llvm.{'fpext' if to == 'f64' else 'fptrunc'} %a : {type} to {to}", to) for to in targets]
        yield several(f"{type}.widths", f"cvt of {type} to {', '.join(targets)}", [(a, type)], ops)
    for type in ("f16", "bf16"):
        rs = random(f"pairs.{type}")
        a, b = (c.astype(np.uint64) for c in float_tuples(rs, COUNT, 2, "f32"))
        make = (f"%du = llvm.mlir.poison : vector<2xf32>\n%di = llvm.mlir.constant(0 : i32) : i32\n"
                f"%dj = llvm.mlir.constant(1 : i32) : i32\n"
                f"%dv = llvm.insertelement %a, %du[%di : i32] : vector<2xf32>\n"
                f"%dw = llvm.insertelement %b, %dv[%dj : i32] : vector<2xf32>\n"
                f"%d = llvm.fptrunc %dw : vector<2xf32> to vector<2x{type}>")
        yield several(f"{type}x2.narrow", f"cvt.rn.{type}x2.f32 (fptrunc)", [(a, "f32"), (b, "f32")],
                      [(make, f"vector<2x{type}>")])


def conversions():
    """Between integers and floats, but those of cases_scalar.py."""
    for width in (8, 16, 32, 64):
        a = integers(random(f"to float.i{width}"), width)
        targets = ["f64"] if width == 32 else ["f16", "bf16", "f32", "f64"]
        ops = [(f"%d = llvm.{op} %a : i{width} to {to}", to) for to in targets for op in ("sitofp", "uitofp")]
        yield several(f"i{width}.tofloat", f"cvt of i{width} to {', '.join(targets)}", [(a, f"i{width}")], ops)
    # What does not fit is poison: each op has operands of its own.
    for type in ("f16", "bf16", "f32", "f64"):
        for width in (8, 16, 32, 64):
            if (type, width) == ("f32", 32):
                continue
            operands, ops = [], []
            for op, low, high in (("fptosi", -(2.0 ** (width - 1)), 2.0 ** (width - 1)), ("fptoui", 0.0, 2.0**width)):
                rs = random(f"{op}.{type}.{width}")
                values = np.concatenate([
                    rs.standard_normal(COUNT // 2) * 2.0 ** rs.randint(-3, width + 2, COUNT // 2),
                    np.arange(-64, 64) / 4, rs.random_sample(COUNT // 2 - 128) * (high - low) + low])
                bits, values = round_to(values, type)
                fits = (values > low - 1) & (values >= low) & (values < high)
                half, _ = round_to(np.array([0.5]), type)
                operands.append((np.where(fits, bits, half[0]), type))
                ops.append((f"%d = llvm.{op} {'%a' if op == 'fptosi' else '%b'} : {type} to i{width}", f"i{width}"))
            yield several(f"{type}.toi{width}", f"cvt.rzi of {type} to i{width} (in range)", operands, ops)


def round_to(values, type):
    """Bits of values in a format, and what they then are."""
    from .operands import DTYPES, UNSIGNED, to_bits

    if type == "f64":
        return values.view(np.uint64), values
    bits = to_bits(values, type)
    return bits.astype(np.uint64), bits.view(DTYPES[type]).astype(np.float64)


# Instructions that order, and give nothing -----------------------------------


def ordering():
    """Two warps hand words to each other through named barriers, around
    instructions that must not change them."""
    rs = random("ordering")
    body = """
    nvvm.griddepcontrol wait
    %c32 = llvm.mlir.constant(32 : i32) : i32
    %c64 = llvm.mlir.constant(64 : i32) : i32
    %id0 = llvm.mlir.constant(1 : i32) : i32
    %warp = llvm.lshr %tid, %five : i32
    %pair = llvm.lshr %warp, %id0 : i32
    %id = llvm.add %pair, %id0 : i32
    %tile = llvm.mlir.addressof @kernel_tile : !llvm.ptr<3>
    %own = llvm.getelementptr %tile[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %other = llvm.xor %tid, %c32 : i32
    %far = llvm.getelementptr %tile[%other] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    nvvm.prefetch level = L1, %from0 : !llvm.ptr<1>
    llvm.store %x0, %own : i32, !llvm.ptr<3>
    nvvm.barrier id = %id number_of_threads = %c64
    %got = llvm.load %far : !llvm.ptr<3> -> i32
    nvvm.barrier id = %id number_of_threads = %c64
    llvm.store %got, %own : i32, !llvm.ptr<3>
    nvvm.barrier0
    nvvm.griddepcontrol launch_dependents
    %back = llvm.load %far : !llvm.ptr<3> -> i32
    %r0 = llvm.or %got, %zero : i32
    %r1 = llvm.or %back, %zero : i32"""
    body = "%five = llvm.mlir.constant(5 : i32) : i32" + body
    tile = ("llvm.mlir.global internal @kernel_tile() {addr_space = 3 : i32, alignment = 16 : i64}"
            " : !llvm.array<128 x i32>")
    return thread_case("ordering", "named barriers, griddepcontrol, prefetch", [words(rs, COUNT)], 2, body,
                       globals=tile, sets=COUNT)


def shuffle_floats():
    """The form of shfl that gives a float and no predicate."""
    rs = random("shfl.f32")
    value = words(rs, COUNT * 32)
    lines = ["%all = llvm.mlir.constant(-1 : i32) : i32", "%c31 = llvm.mlir.constant(31 : i32) : i32",
             "%f = llvm.bitcast %x0 : i32 to f32"]
    for i, offset in enumerate((1, 2, 4, 8, 16)):
        lines += [f"%o{i} = llvm.mlir.constant({offset} : i32) : i32",
                  f"%s{i} = nvvm.shfl.sync bfly %all, %f, %o{i}, %c31 : f32 -> f32",
                  f"%b{i} = llvm.bitcast %s{i} : f32 to i32"]
    lines += ["%r0 = llvm.add %b0, %b1 : i32", "%t0 = llvm.xor %b2, %b3 : i32", "%r1 = llvm.add %t0, %b4 : i32"]
    return thread_case("shfl.f32", "shfl.sync.bfly of f32", [value], 2, "\n".join(lines), sets=COUNT)


def cases():
    return [
        *(case for width in (8, 16, 32, 64) for case in integer_arithmetic(width)),
        logic(), *integer_widths(),
        *(case for type in ("f16", "bf16", "f64") for case in float_arithmetic(type)),
        single_rounding(), *float_widths(), *conversions(), ordering(), shuffle_floats(),
    ]
