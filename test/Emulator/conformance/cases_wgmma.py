"""wgmma: A in shared memory or registers, each swizzle, many n.

A block is one warpgroup. Its shared memory is an image of random bytes: where the
instruction finds its elements there is what is to be known. Several chunks of K
are multiplied one after the other into the same accumulators.
"""

import numpy as np

from .case import Case, given, indent, random, result, words
from .operands import INTEGER_EDGES, STYLES, accumulator_floats, matrix_floats

MLIR_TYPE = {"s8": "i8", "u8": "ui8", "f16": "f16", "bf16": "bf16", "e4m3": "f8E4M3FN", "e5m2": "f8E5M2"}
WIDTH = {"s8": 8, "u8": 8, "f16": 16, "bf16": 16, "e4m3": 8, "e5m2": 8}
#: The descriptor's swizzle field.
SWIZZLE = {0: 0, 128: 1, 64: 2, 32: 3}


def descriptor(rows, swizzle, chunk, rs):
    """The descriptor of chunk `chunk` of K, less the address of the image."""
    if swizzle:
        leading, stride = 1, 8 * swizzle
        start = 32 * chunk
    elif rs.randint(2):  # the two core matrices of a row side by side ...
        leading, stride, start = 128, 256, 0
    else:  # ... or all rows of one after all of the other
        leading, stride, start = rows // 8 * 128, 128, 0
    # Of a swizzled image the leading offset has no meaning; 1 is customary.
    leading = leading if swizzle else leading >> 4
    return SWIZZLE[swizzle] << 62 | (stride >> 4) << 32 | leading << 16 | start >> 4


def elements(rs, type, count, style):
    """Bytes of `count` elements."""
    if type in ("s8", "u8"):
        bytes = np.frombuffer(rs.bytes(count), np.uint8).copy()
        edge = rs.randint(0, 8, count) == 0
        bytes[edge] = rs.choice(np.array([0, 1, 127, 128, 255], np.uint8), edge.sum())
        return bytes
    return np.ascontiguousarray(matrix_floats(rs, (count,), type, style)).view(np.uint8)


def kernel(n, a, b, a_bytes, b_bytes, registers, steps, accumulate, threads):
    integer = a in ("s8", "u8")
    acc, count = ("i32" if integer else "f32"), n // 2
    struct = f"!llvm.struct<({', '.join([acc] * count)})>"
    image = a_bytes + b_bytes
    lines = [
        "%tid = nvvm.read.ptx.sreg.tid.x : i32", "%bid = nvvm.read.ptx.sreg.ctaid.x : i32",
        "%per = llvm.mlir.constant(128 : i32) : i32", "%bytes16 = llvm.mlir.constant(16 : i32) : i32",
        f"%image = llvm.mlir.constant({image} : i32) : i32", "%first = llvm.mul %bid, %image : i32",
        "%mine = llvm.mul %tid, %bytes16 : i32", "%source = llvm.add %first, %mine : i32",
        "%sa = llvm.mlir.addressof @kernel_image : !llvm.ptr<3>",
        "%tb = llvm.mul %bid, %per : i32", "%t = llvm.add %tb, %tid : i32",
    ]
    # The image is copied as it is, 16 bytes a thread and round.
    for i in range(-(-image // 2048)):
        lines += [
            f"%o{i} = llvm.mlir.constant({2048 * i} : i32) : i32",
            f"%f{i} = llvm.add %source, %o{i} : i32", f"%g{i} = llvm.add %mine, %o{i} : i32",
            f"%fp{i} = llvm.getelementptr %in[%f{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8",
            f"%gp{i} = llvm.getelementptr %sa[%g{i}] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8",
        ]
        copy = [f"%w{i} = llvm.load %fp{i} {{alignment = 16 : i64}} : !llvm.ptr<1> -> vector<4xi32>",
                f"llvm.store %w{i}, %gp{i} {{alignment = 16 : i64}} : vector<4xi32>, !llvm.ptr<3>"]
        if 2048 * (i + 1) > image:
            lines += [f'%in{i} = llvm.icmp "ult" %g{i}, %image : i32', f"llvm.cond_br %in{i}, ^copy{i}, ^after{i}",
                      f"^copy{i}:", *copy, f"llvm.br ^after{i}", f"^after{i}:"]
        else:
            lines += copy
    lines += ["nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}",
              "nvvm.barrier0",
              "%address = llvm.ptrtoint %sa : !llvm.ptr<3> to i32", "%four = llvm.mlir.constant(4 : i32) : i32",
              "%units = llvm.lshr %address, %four : i32", "%abase = llvm.zext %units : i32 to i64",
              f"%boff = llvm.mlir.constant({a_bytes >> 4} : i64) : i64", "%bbase = llvm.add %abase, %boff : i64"]
    # Descriptors: two for each step of each block.
    for s in range(steps):
        for which, name in enumerate("ab"):
            v = f"{name}{s}"
            lines += [
                f"%k{v} = llvm.mlir.constant({2 * steps} : i32) : i32", f"%m{v} = llvm.mul %bid, %k{v} : i32",
                f"%j{v} = llvm.mlir.constant({2 * s + which} : i32) : i32", f"%i{v} = llvm.add %m{v}, %j{v} : i32",
                f"%q{v} = llvm.getelementptr %descriptors[%i{v}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i64",
                f"%l{v} = llvm.load %q{v} : !llvm.ptr<1> -> i64", f"%d{v} = llvm.add %l{v}, %{name}base : i64",
            ]
        for r in range(4 if registers else 0):
            v = f"r{s}_{r}"
            lines += [
                f"%k{v} = llvm.mlir.constant({(4 * s + r) * threads} : i32) : i32", f"%i{v} = llvm.add %t, %k{v} : i32",
                f"%q{v} = llvm.getelementptr %registers[%i{v}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
                f"%{v} = llvm.load %q{v} : !llvm.ptr<1> -> i32",
            ]
    lines.append(f"%u = llvm.mlir.poison : {struct}" if not accumulate else f"%c0 = llvm.mlir.poison : {struct}")
    for i in range(count):
        lines += [f"%ko{i} = llvm.mlir.constant({i * threads} : i32) : i32", f"%at{i} = llvm.add %t, %ko{i} : i32"]
        if accumulate:
            lines += [
                f"%cp{i} = llvm.getelementptr %accumulators[%at{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
                f"%cv{i} = llvm.load %cp{i} : !llvm.ptr<1> -> {acc}",
                f"%c{i + 1} = llvm.insertvalue %cv{i}, %c{i}[{i}] : {struct}",
            ]
    value = f"%c{count}" if accumulate else "%u"
    lines += ["%true = llvm.mlir.constant(true) : i1", "%false = llvm.mlir.constant(false) : i1",
              "nvvm.wgmma.fence.aligned"]
    for s in range(steps):
        operand = f"%da{s} : i64"
        if registers:
            operand = ", ".join(f"%r{s}_{r}" for r in range(4)) + " : i32, i32, i32, i32"
        flag = "%true" if accumulate or s else "%false"
        lines.append(f"%s{s} = quant_tile.wgmma a({operand}) b(%db{s}) into {value} accumulate({flag}) n = {n} "
                     f"types({MLIR_TYPE[a]}, {MLIR_TYPE[b]}) : {struct}")
        value = f"%s{s}"
    lines += ["nvvm.wgmma.commit.group.sync.aligned", f"%done = quant_tile.wgmma_wait 0, {value} : {struct}"]
    for i in range(count):
        lines += [
            f"%v{i} = llvm.extractvalue %done[{i}] : {struct}",
            f"%p{i} = llvm.getelementptr %out[%at{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32",
            f"llvm.store %v{i}, %p{i} : {acc}, !llvm.ptr<1>",
        ]
    return f"""
  llvm.mlir.global internal @kernel_image() {{addr_space = 3 : i32, alignment = 1024 : i64}} : !llvm.array<{image} x i8>
  llvm.func @kernel(%in: !llvm.ptr<1>, %descriptors: !llvm.ptr<1>, %registers: !llvm.ptr<1>, %accumulators: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {{gpu.kernel, nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>}} {{
{indent(lines)}
    llvm.return
  }}"""


def wgmma(n, a, b, swizzle, registers=False, blocks=2, steps=1, accumulate=True, styles=STYLES, tag=""):
    pair = a if a == b else f"{a}.{b}"
    name = f"wgmma.n{n}.{pair}.{'rs' if registers else 'ss'}.sw{swizzle}" + tag
    rs = random(name)
    row = swizzle or 32
    a_bytes, b_bytes = 64 * row, n * row
    if registers:
        a_bytes = 0
    integer = a in ("s8", "u8")
    threads = 128 * blocks
    images, descriptors, fragments, accumulators = [], [], [], []
    chunks = row // 32
    # Larger steps than chunks go around.
    for block in range(blocks):
        style = styles[block % len(styles)]
        size = WIDTH[a] // 8
        if a_bytes:
            images.append(elements(rs, a, a_bytes // size, style))
        factors = elements(rs, b, b_bytes // size, "normal" if style == "cancel" else style)
        if style == "cancel" and not integer:
            pairs = factors.view(np.uint8 if size == 1 else np.uint16)
            pairs[1::2] = pairs[0::2]
        images.append(factors)
        for step in range(steps):
            chunk = (block + step) % chunks
            descriptors += [descriptor(64, swizzle, chunk, rs), descriptor(n, swizzle, (chunk + 1) % chunks
                                                                           if block % 2 else chunk, rs)]
        fragments.append(elements(rs, a, steps * 4 * 4 * 128 // size, style).view(np.uint32).reshape(steps * 4, 128))
        if integer:
            c = words(rs, n // 2, 128) >> rs.randint(0, 32, (n // 2, 128)).astype(np.uint32)
            near = rs.randint(0, 6, c.shape) == 0
            c[near] = rs.choice(INTEGER_EDGES, near.sum())
        else:
            c = accumulator_floats(rs, (n // 2, 128), style)
        accumulators.append(c.astype(np.uint32))
    arguments = [
        given(np.concatenate(images)), given(np.array(descriptors, np.uint64)),
        given(np.concatenate(fragments, 1) if registers else np.zeros(4, np.uint32)),
        given(np.concatenate(accumulators, 1) if accumulate else np.zeros(4, np.uint32)),
        result(n // 2 * threads),
    ]
    k = 256 // WIDTH[a]
    acc = "s32" if integer else "f32"
    return Case(
        name, f"wgmma.m64nNk{k}.{acc}.{pair}" + (", A in registers" if registers else ", A in shared memory"),
        kernel(n, a, b, a_bytes, b_bytes, registers, steps, accumulate, threads), arguments,
        64 * n * blocks, block=128, grid=blocks)


PAIRS = [("s8", "s8"), ("u8", "u8"), ("s8", "u8"), ("u8", "s8"), ("bf16", "bf16"), ("f16", "f16"),
         ("e4m3", "e4m3"), ("e5m2", "e5m2"), ("e4m3", "e5m2"), ("e5m2", "e4m3")]


def cases():
    found = []
    for a, b in PAIRS:
        for swizzle in (0, 32, 64, 128):
            found.append(wgmma(16, a, b, swizzle, blocks=4, styles=("normal", "wide", "raw", "special")))
        found.append(wgmma(16, a, b, 128, registers=True, blocks=4, styles=("normal", "wide", "raw", "special")))
    for n in (8, 24, 32, 64, 96, 128, 192, 256):
        for a, registers in (("s8", False), ("bf16", False), ("s8", True), ("bf16", True)):
            # Each n once in each way would be much to keep: large ones once.
            if n > 64 and registers != (a == "bf16"):
                continue
            found.append(wgmma(n, a, a, 128, registers=registers, blocks=2 if n < 64 else 1, styles=("normal",)))
    found.append(wgmma(256, "e4m3", "e4m3", 128, blocks=1, styles=("normal",)))
    # How floats are added up: every style, with and without an accumulator.
    for type in ("f16", "bf16", "e4m3", "e5m2"):
        found.append(wgmma(8, type, type, 128, blocks=9, tag=".styles"))
        found.append(wgmma(8, type, type, 128, registers=True, blocks=9, accumulate=False, tag=".zero"))
        found.append(wgmma(8, type, type, 128, blocks=9, steps=4, tag=".steps"))
    found.append(wgmma(16, "s8", "s8", 128, blocks=4, steps=4, tag=".steps"))
    found.append(wgmma(16, "s8", "s8", 64, registers=True, blocks=4, accumulate=False, tag=".zero"))
    return found
