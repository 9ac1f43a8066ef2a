"""Instructions in the emulator against formulas from the PTX manual in NumPy.

Each test makes a kernel of one warp whose lane i reads its registers from row i
of a table, executes one instruction and writes the results to row i of another.
"""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

LANES = np.arange(32)
GROUP, MEMBER = LANES // 4, LANES % 4


def warp_kernel(inputs, results, body, shared_bytes=0):
    """MLIR of a kernel around `body`, which defines %r0.. from %x0.. (i32)."""
    loads = "\n".join(
        f"""
    %i{i} = llvm.mlir.constant({i} : i32) : i32
    %a{i} = llvm.add %row_in, %i{i} : i32
    %p{i} = llvm.getelementptr %in[%a{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %x{i} = llvm.load %p{i} : !llvm.ptr<1> -> i32"""
        for i in range(inputs)
    )
    stores = "\n".join(
        f"""
    %j{i} = llvm.mlir.constant({i} : i32) : i32
    %b{i} = llvm.add %row_out, %j{i} : i32
    %q{i} = llvm.getelementptr %out[%b{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %r{i}, %q{i} : i32, !llvm.ptr<1>"""
        for i in range(results)
    )
    return f"""
gpu.module @kernels {{
  llvm.mlir.global internal @tile() {{addr_space = 3 : i32, alignment = 128 : i64}} : !llvm.array<{max(shared_bytes, 16)} x i8>
  llvm.func @k(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {{gpu.kernel, nvvm.kernel}} {{
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %inputs = llvm.mlir.constant({inputs} : i32) : i32
    %results = llvm.mlir.constant({results} : i32) : i32
    %all = llvm.mlir.constant(-1 : i32) : i32
    %row_in = llvm.mul %lane, %inputs : i32
    %row_out = llvm.mul %lane, %results : i32{loads}
{body}{stores}
    llvm.return
  }}
}}
"""


@pytest.fixture
def run(tool, tmp_path):
    """run(body, table, results) gives the words that each lane wrote."""

    def call(body, table, results, shared_bytes=0):
        table = np.ascontiguousarray(table).view(np.uint32).reshape(32, -1)
        source, put, got = (tmp_path / n for n in ("k.mlir", "in", "out"))
        source.write_text(
            warp_kernel(table.shape[1], results, body, shared_bytes)
        )
        table.tofile(put)
        tool(
            "quant-emulate",
            source,
            "--kernel=k",
            "--block=32",
            f"--arg=in i32 {table.size} file={put}",
            f"--arg=out i32 {32 * results} file={got}",
        )
        return np.fromfile(got, np.uint32).reshape(32, results)

    return call


def rng(*seed):
    return np.random.default_rng(list(seed))


# frem ----------------------------------------------------------------------


def device_remainder(a, b):
    """a - trunc(a / b) * b, of which the quotient and the result are rounded."""
    kind = a.dtype.type
    if a.dtype.itemsize == 2:
        return device_remainder(a.astype(np.float32), b.astype(np.float32)).astype(kind)
    quotient = np.trunc(a / b)
    exact = [Fraction(float(x)) - Fraction(float(q)) * Fraction(float(y))
             for x, q, y in zip(a, quotient, b)]
    return np.array([float(x) for x in exact], a.dtype)


@pytest.mark.parametrize("kind", ["f32", "f16", "bf16", "f64"])
def test_remainder_is_what_nvptx_makes_of_it(run, kind):
    """Not fmod, which it is far from where the quotient is large."""
    dtype = {"f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64}[kind]
    r = rng(len(kind), 5)
    exponents = r.integers(-12, 15 if kind == "f16" else 40, 32)
    a = (r.standard_normal(32) * 2.0**exponents).astype(dtype)
    b = (r.uniform(0.1, 7, 32) * r.choice([-1, 1], 32)).astype(dtype)
    a[:2] = [1, -3]
    b[:2] = [np.inf, -np.inf]  # a remainder of anything by infinity is itself
    words = max(1, a.itemsize // 4)
    table = np.zeros((32, 2 * words), np.uint32)
    table.view(np.uint8)[:, : a.itemsize] = a.view(np.uint8).reshape(32, -1)
    table.view(np.uint8)[:, 4 * words : 4 * words + a.itemsize] = b.view(np.uint8).reshape(32, -1)
    lines = []
    for i, name in enumerate("ab"):
        if kind == "f64":
            lines += [f"%l{name} = llvm.zext %x{2 * i} : i32 to i64",
                      f"%h{name} = llvm.zext %x{2 * i + 1} : i32 to i64",
                      f"%s{name} = llvm.mlir.constant(32 : i64) : i64",
                      f"%u{name} = llvm.shl %h{name}, %s{name} : i64",
                      f"%w{name} = llvm.or %l{name}, %u{name} : i64",
                      f"%{name} = llvm.bitcast %w{name} : i64 to f64"]
        elif kind == "f32":
            lines.append(f"%{name} = llvm.bitcast %x{i} : i32 to f32")
        else:
            lines += [f"%w{name} = llvm.trunc %x{i} : i32 to i16",
                      f"%{name} = llvm.bitcast %w{name} : i16 to {kind}"]
    lines.append(f"%d = llvm.frem %a, %b : {kind}")
    if kind == "f64":
        lines += ["%bits = llvm.bitcast %d : f64 to i64", "%high = llvm.lshr %bits, %sa : i64",
                  "%r0 = llvm.trunc %bits : i64 to i32", "%r1 = llvm.trunc %high : i64 to i32"]
    elif kind == "f32":
        lines.append("%r0 = llvm.bitcast %d : f32 to i32")
    else:
        lines += [f"%bits = llvm.bitcast %d : {kind} to i16", "%r0 = llvm.zext %bits : i16 to i32"]
    got = run("\n".join("    " + line for line in lines), table, words)
    got = np.ascontiguousarray(got).view(np.uint8)[:, : a.itemsize].copy().view(dtype).ravel()
    finite = np.isfinite(b.astype(np.float64))
    np.testing.assert_array_equal(got[~finite], a[~finite])
    want = device_remainder(a[finite], b[finite])
    np.testing.assert_array_equal(got[finite], want)
    true = np.fmod(a[finite].astype(np.float64), b[finite].astype(np.float64)).astype(dtype)
    # Only there are quotients of more bits than a significand has.
    assert kind in ("f16", "f64") or (want != true).any()


# mma.sync ------------------------------------------------------------------


def a_index(width, i):
    """(row, column) of A that every lane holds as its element i, m16."""
    per = 32 // width
    row = np.where((i // per) % 2 == 0, GROUP, GROUP + 8)
    column = MEMBER * per + i % per + (4 * per if i >= 2 * per else 0)
    return row, column


def b_index(width, i):
    """(k, column) of B that every lane holds as its element i."""
    per = 32 // width
    return MEMBER * per + i % per + (4 * per if i >= per else 0), GROUP


def c_index(i):
    return np.where(i < 2, GROUP, GROUP + 8), MEMBER * 2 + i % 2


def matrices(a, b, c, k):
    """Whole matrices of per-lane elements (32 x count each)."""
    width = a.dtype.itemsize * 8
    big = np.float64 if a.dtype.kind not in "iu" else np.int64
    A, B, C = np.zeros((16, k), big), np.zeros((k, 8), big), np.zeros((16, 8), big)
    for i in range(a.shape[1]):
        A[a_index(width, i)] = a[:, i].astype(big)
    for i in range(b.shape[1]):
        B[b_index(width, i)] = b[:, i].astype(big)
    for i in range(4):
        C[c_index(i)] = c[:, i].astype(big)
    return A, B, C


def mma_body(k, kind, a_regs, b_regs):
    """One mma.sync m16n8 of `kind`, registers as words."""
    c_type = "i32" if kind in ("s8", "u8") else "f32"
    in_type = "vector<2xf16>" if kind == "f16" else "i32"
    lines, names = [], []
    for i in range(a_regs + b_regs):
        if in_type == "i32":
            names.append(f"%x{i}")
        else:
            lines.append(f"%v{i} = llvm.bitcast %x{i} : i32 to {in_type}")
            names.append(f"%v{i}")
    c_names = []
    for i in range(a_regs + b_regs, a_regs + b_regs + 4):
        lines.append(f"%c{i} = llvm.bitcast %x{i} : i32 to {c_type}")
        c_names.append(f"%c{i}")
    struct = f"!llvm.struct<({', '.join([c_type] * 4)})>"
    typed = "" if kind == "f16" else (
        f"multiplicandAPtxType = #nvvm.mma_type<{kind}>, "
        f"multiplicandBPtxType = #nvvm.mma_type<{kind}>, ")
    over = "intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, " if c_type == "i32" else ""
    lines.append(
        f"%d = nvvm.mma.sync A[{', '.join(names[:a_regs])}] "
        f"B[{', '.join(names[a_regs:])}] C[{', '.join(c_names)}] "
        f"{{{over}layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, "
        f"{typed}shape = #nvvm.shape<m = 16, n = 8, k = {k}>}} : "
        f"({in_type}, {in_type}, {c_type}) -> {struct}"
    )
    for i in range(4):
        lines.append(f"%d{i} = llvm.extractvalue %d[{i}] : {struct}")
        lines.append(f"%r{i} = llvm.bitcast %d{i} : {c_type} to i32")
    return "\n".join("    " + line for line in lines)


@pytest.mark.parametrize("kind,k", [("f16", 16), ("f16", 8), ("bf16", 16), ("bf16", 8)])
def test_mma_float(run, kind, k):
    dtype = np.float16 if kind == "f16" else ml_dtypes.bfloat16
    r = rng(k, len(kind))
    a = r.standard_normal((32, k // 2)).astype(dtype)
    b = r.standard_normal((32, k // 4)).astype(dtype)
    c = r.standard_normal((32, 4)).astype(np.float32)
    words = [x.view(np.uint32) for x in (a, b, c)]
    got = run(mma_body(k, kind, k // 4, k // 8), np.hstack(words), 4).view(np.float32)
    A, B, C = matrices(a, b, c, k)
    want = A @ B + C
    # Aligned to the largest and cut off 25 bits behind it, then cut to f32: what
    # exactly comes of it is in conformance/.
    largest = np.maximum((np.abs(A)[:, :, None] * np.abs(B)[None]).max(1), np.abs(C))
    bound = (k + 1) * 4 * largest * 2.0**-25 + np.abs(want) * 2.0**-23
    for i in range(4):
        error = np.abs(got[:, i] - want[c_index(i)])
        assert (error <= bound[c_index(i)]).all()


@pytest.mark.parametrize("kind,k", [("s8", 32), ("s8", 16), ("u8", 32)])
def test_mma_integer(run, kind, k):
    dtype = np.int8 if kind == "s8" else np.uint8
    r = rng(k)
    info = np.iinfo(dtype)
    a, b = (r.integers(info.min, info.max, (32, n), dtype, endpoint=True) for n in (k // 2, k // 4))
    # Some sums leave 32 bits: they wrap.
    c = r.integers(-(2**31), 2**31 - 1, (32, 4), np.int32, endpoint=True)
    c[:, 0] = 2**31 - 1
    words = [x.view(np.uint32) for x in (a, b, c)]
    got = run(mma_body(k, kind, k // 8, k // 16), np.hstack(words), 4).view(np.int32)
    A, B, C = matrices(a, b, c, k)
    want = (A @ B + C).astype(np.int32)
    for i in range(4):
        np.testing.assert_array_equal(got[:, i], want[c_index(i)])


# ldmatrix ------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("layout", ["row", "col"])
def test_ldmatrix(run, count, layout):
    """Lane l fills 16 bytes of shared memory with its row; rows are permuted."""
    r = rng(count)
    rows = r.integers(0, 2**16, (32, 8), np.uint16)
    order = r.permutation(32).astype(np.uint32)
    struct = f"!llvm.struct<({', '.join(['i32'] * count)})>" if count > 1 else "i32"
    extract = "\n".join(
        f"    %r{i} = llvm.extractvalue %m[{i}] : {struct}" for i in range(count)
    ) if count > 1 else "    %zero = llvm.mlir.constant(0 : i32) : i32\n    %r0 = llvm.add %m, %zero : i32"
    stores = "\n".join(
        f"    %s{i} = llvm.getelementptr %mine[{i}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32\n"
        f"    llvm.store %x{i}, %s{i} : i32, !llvm.ptr<3>"
        for i in range(4)
    )
    body = f"""
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %my_offset = llvm.mul %lane, %c16 : i32
    %mine = llvm.getelementptr %tile[%my_offset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
{stores}
    nvvm.bar.warp.sync %all : i32
    %from = llvm.mul %x4, %c16 : i32
    %address = llvm.getelementptr %tile[%from] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %m = nvvm.ldmatrix %address {{num = {count} : i32, layout = #nvvm.mma_layout<{layout}>,
      shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>}} : (!llvm.ptr<3>) -> {struct}
{extract}"""
    table = np.hstack([rows.view(np.uint32), order[:, None]])
    got = run(body, table, count, 512).view(np.uint16).reshape(32, count, 2)
    for matrix in range(count):
        m = rows[order[8 * matrix : 8 * matrix + 8]]
        if layout == "col":
            m = m.T
        for half in range(2):
            np.testing.assert_array_equal(
                got[:, matrix, half], m[GROUP, 2 * MEMBER + half]
            )


# Exchange within the warp ---------------------------------------------------


def shuffle(kind, value, b, c):
    """shfl.sync as the manual's pseudo code has it."""
    out, valid = value.copy(), np.zeros(32, bool)
    for lane in range(32):
        bval, cval, mask = b[lane] & 31, c[lane] & 31, (c[lane] >> 8) & 31
        maximum = (lane & mask) | (cval & ~mask & 31)
        minimum = lane & mask
        if kind == "up":
            j, p = lane - bval, lane - bval >= maximum
        elif kind == "down":
            j, p = lane + bval, lane + bval <= maximum
        elif kind == "bfly":
            j, p = lane ^ bval, (lane ^ bval) <= maximum
        else:
            j = minimum | (bval & ~mask & 31)
            p = j <= maximum
        out[lane] = value[j if p else lane]
        valid[lane] = p
    return out, valid


@pytest.mark.parametrize("kind", ["up", "down", "bfly", "idx"])
@pytest.mark.parametrize("segment", [0x1F00 - 0x1F00, 0x1000, 0x1800])
def test_shuffle(run, kind, segment):
    r = rng(segment)
    value = r.integers(0, 2**32, 32, np.uint32)
    for offset in (0, 1, 5, 16, 31):
        b = np.full(32, offset, np.int64)
        c = np.full(32, segment | (0 if kind == "up" else 31), np.int64)
        body = f"""
    %s = nvvm.shfl.sync {kind} %all, %x0, %x1, %x2 {{return_value_and_is_valid}} : i32 -> !llvm.struct<(i32, i1)>
    %r0 = llvm.extractvalue %s[0] : !llvm.struct<(i32, i1)>
    %valid = llvm.extractvalue %s[1] : !llvm.struct<(i32, i1)>
    %r1 = llvm.zext %valid : i1 to i32"""
        table = np.stack([value, b.astype(np.uint32), c.astype(np.uint32)], 1)
        got = run(body, table, 2)
        want, valid = shuffle(kind, value, b, c)
        np.testing.assert_array_equal(got[:, 0], want)
        np.testing.assert_array_equal(got[:, 1], valid)


def test_vote_and_redux(run):
    r = rng(1)
    value = r.integers(0, 2**32, 32, np.uint32)
    flag = r.integers(0, 2, 32, np.uint32)
    names = {"add": np.add, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
             "umax": np.maximum, "umin": np.minimum, "max": np.maximum, "min": np.minimum}
    body = "\n".join(
        f"    %r{i} = nvvm.redux.sync {name} %x0, %all : i32 -> i32"
        for i, name in enumerate(names)
    )
    body += """
    %bit = llvm.trunc %x1 : i32 to i1
    %r8 = nvvm.vote.sync ballot %all, %bit -> i32
    %any = nvvm.vote.sync any %all, %bit -> i1
    %r9 = llvm.zext %any : i1 to i32
    %every = nvvm.vote.sync all %all, %bit -> i1
    %r10 = llvm.zext %every : i1 to i32"""
    got = run(body, np.stack([value, flag], 1), 11)
    for i, (name, function) in enumerate(names.items()):
        data = value.view(np.int32) if name in ("max", "min") else value
        want = function.reduce(data, dtype=data.dtype)
        np.testing.assert_array_equal(got[:, i].view(data.dtype), want, name)
    np.testing.assert_array_equal(got[:, 8], np.sum(flag << LANES.astype(np.uint32), dtype=np.uint32))
    assert (got[:, 9] == 1).all() and (got[:, 10] == 0).all()


# Bytes ----------------------------------------------------------------------


def permute(mode, a, b, s):
    pool = list(int(a).to_bytes(4, "little") + int(b).to_bytes(4, "little"))
    low = int(s) & 3
    table = {  # byte picked, most significant first (PTX ISA, prmt)
        "f4e": [[3, 2, 1, 0], [4, 3, 2, 1], [5, 4, 3, 2], [6, 5, 4, 3]],
        "b4e": [[5, 6, 7, 0], [6, 7, 0, 1], [7, 0, 1, 2], [0, 1, 2, 3]],
        "rc8": [[0] * 4, [1] * 4, [2] * 4, [3] * 4],
        "ecl": [[3, 2, 1, 0], [3, 2, 1, 1], [3, 2, 2, 2], [3, 3, 3, 3]],
        "ecr": [[0, 0, 0, 0], [1, 1, 1, 0], [2, 2, 1, 0], [3, 2, 1, 0]],
        "rc16": [[1, 0, 1, 0], [3, 2, 3, 2], [1, 0, 1, 0], [3, 2, 3, 2]],
    }
    if mode != "default":
        return int.from_bytes(bytes(pool[i] for i in table[mode][low]), "big")
    out = 0
    for i in range(4):
        nibble = (int(s) >> (4 * i)) & 15
        byte = pool[nibble & 7]
        if nibble & 8:
            byte = 255 if byte & 128 else 0
        out |= byte << (8 * i)
    return out


@pytest.mark.parametrize("mode", ["default", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"])
def test_prmt(run, mode):
    table = rng(len(mode)).integers(0, 2**32, (32, 3), np.uint32)
    if mode in ("default", "f4e", "b4e"):
        body = f"    %r0 = nvvm.prmt #nvvm.permute_mode<{mode}> %x2, %x0, %x1 : i32"
    else:
        body = f"    %r0 = nvvm.prmt #nvvm.permute_mode<{mode}> %x2, %x0 : i32"
        table[:, 1] = 0
    got = run(body, table, 1)[:, 0]
    want = [permute(mode, *row) for row in table]
    np.testing.assert_array_equal(got, np.array(want, np.uint32))


# cp.async -------------------------------------------------------------------


@pytest.mark.parametrize("size", [4, 8, 16])
def test_cp_async_fills_with_zeros(run, size):
    """Lane l copies l mod (size + 1) bytes of its row and zeros after them."""
    rows = rng(size).integers(1, 256, (32, 16), np.uint8)
    length = (LANES % (size + 1)).astype(np.uint32)
    words = size // 4
    reads = "\n".join(
        f"    %s{i} = llvm.getelementptr %mine[{i}] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32\n"
        f"    %r{i} = llvm.load %s{i} : !llvm.ptr<3> -> i32"
        for i in range(words)
    )
    body = f"""
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %my_offset = llvm.mul %lane, %c16 : i32
    %mine = llvm.getelementptr %tile[%my_offset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %source = llvm.getelementptr %in[%row_in] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    nvvm.cp.async.shared.global %mine, %source, {size}, cache = ca, %x4 : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
{reads}"""
    # Rows of 8 words, so that 16-byte copies are aligned.
    table = np.hstack([rows.view(np.uint32), length[:, None], np.zeros((32, 3), np.uint32)])
    got = run(body, table, words, 512).view(np.uint8)
    want = np.where(np.arange(size) < length[:, None], rows[:, :size], 0)
    np.testing.assert_array_equal(got, want)


# dp4a and conversions -------------------------------------------------------


@pytest.mark.parametrize("a_type", ["signed", "unsigned"])
@pytest.mark.parametrize("b_type", ["signed", "unsigned"])
def test_dp4a(run, a_type, b_type):
    table = rng(len(a_type), len(b_type)).integers(0, 2**32, (32, 3), np.uint32)
    table[0] = [0x80808080, 0x80808080, 0x7FFFFFFF]
    table[1] = [0xFFFFFFFF, 0x7F7F7F7F, 0]
    body = f"""
    %a = llvm.bitcast %x0 : i32 to vector<4xi8>
    %b = llvm.bitcast %x1 : i32 to vector<4xi8>
    %r0 = nvvm.dot.accumulate.4way %a <{a_type}>, %b <{b_type}>, %x2 : vector<4xi8>, vector<4xi8>"""
    got = run(body, table, 1)[:, 0]
    dtype = {"signed": np.int8, "unsigned": np.uint8}
    a, b = (
        np.ascontiguousarray(table[:, i]).view(dtype[t]).reshape(32, 4).astype(np.int64)
        for i, t in ((0, a_type), (1, b_type))
    )
    want = (a * b).sum(1) + table[:, 2].astype(np.int64)
    np.testing.assert_array_equal(got, want.astype(np.uint32))


FLOATS = np.array(
    [0.0, -0.0, 1.0, -1.5, 448.0, 449.0, 463.9, 464.0, 1e9, -1e9, 57344.0, 61440.0, np.inf, -np.inf, np.nan,
     2.0**-9, 2.0**-10, 3 * 2.0**-11, 2.0**-16, 2.0**-17, 2.0**-18, 65504.0, 65520.0, 1e-30, 0.1, -0.1, 17.0, 18.0,
     19.0, 1.0625, 1.1875, 3.3e38], np.float32)


@pytest.mark.parametrize("kind", ["f8E4M3FN", "f8E5M2"])
@pytest.mark.parametrize("relu", [False, True])
def test_convert_to_float8(run, kind, relu):
    dtype = {"f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2}[kind]
    largest = np.float32(ml_dtypes.finfo(dtype).max)
    values = np.stack([FLOATS, rng(relu).standard_normal(32).astype(np.float32) * 100], 1)
    body = f"""
    %a = llvm.bitcast %x0 : i32 to f32
    %b = llvm.bitcast %x1 : i32 to f32
    %p = nvvm.convert.f32x2.to.f8x2 %a, %b {{rnd = #nvvm.fp_rnd_mode<rn>, sat = #nvvm.sat_mode<satfinite>, relu = {str(relu).lower()}}} : i16 ({kind})
    %r0 = llvm.zext %p : i16 to i32"""
    got = run(body, values, 1)[:, 0]
    clipped = np.clip(np.where(relu & (values < 0), 0, values), -largest, largest)
    if relu:
        clipped = np.where(values == 0, 0, clipped)
    want = clipped.astype(dtype).view(np.uint8).astype(np.uint32)
    if relu:
        want = np.where(values == 0, 0, want)
    want[np.isnan(values)] = 0x7F
    negative_zero = (values == 0) & np.signbit(values)
    want[negative_zero] = 0 if relu else 0x80
    np.testing.assert_array_equal(got, want[:, 0] << 8 | want[:, 1])


@pytest.mark.parametrize("kind", ["f16", "bf16"])
@pytest.mark.parametrize("mode", ["rn", "rz"])
def test_convert_to_half(run, kind, mode):
    values = np.stack([FLOATS, rng(3).standard_normal(32).astype(np.float32)], 1)
    body = f"""
    %a = llvm.bitcast %x0 : i32 to f32
    %b = llvm.bitcast %x1 : i32 to f32
    %p = nvvm.convert.f32x2.to.{kind}x2 %a, %b {{rnd = #nvvm.fp_rnd_mode<{mode}>}} : vector<2x{kind}>
    %r0 = llvm.bitcast %p : vector<2x{kind}> to i32"""
    got = run(body, values, 1)[:, 0]
    dtype = np.float16 if kind == "f16" else ml_dtypes.bfloat16
    with np.errstate(over="ignore"):
        near = values.astype(dtype)
    bits = near.view(np.uint16).astype(np.uint32)
    if mode == "rz":  # one step back towards zero where rounding went away from it
        away = np.abs(near.astype(np.float64)) > np.abs(values.astype(np.float64))
        bits = np.where(away, bits - 1, bits)
    bits[np.isnan(values)] = 0x7FFF
    np.testing.assert_array_equal(got, bits[:, 0] << 16 | bits[:, 1])


@pytest.mark.parametrize("kind", ["f8E4M3FN", "f8E5M2"])
def test_convert_from_float8(run, kind):
    dtype = {"f8E4M3FN": ml_dtypes.float8_e4m3fn, "f8E5M2": ml_dtypes.float8_e5m2}[kind]
    codes = np.arange(256, dtype=np.uint8).reshape(32, 8)
    body = "".join(f"""
    %av{i} = llvm.bitcast %x{i} : i32 to vector<4xi8>
    %lv{i} = llvm.shufflevector %av{i}, %av{i} [0, 1] : vector<4xi8>
    %hv{i} = llvm.shufflevector %av{i}, %av{i} [2, 3] : vector<4xi8>
    %cv{i} = nvvm.convert.f8x2.to.f16x2 %lv{i} : vector<2xi8> ({kind}) -> vector<2xf16>
    %dv{i} = nvvm.convert.f8x2.to.f16x2 %hv{i} : vector<2xi8> ({kind}) -> vector<2xf16>
    %r{2 * i} = llvm.bitcast %cv{i} : vector<2xf16> to i32
    %r{2 * i + 1} = llvm.bitcast %dv{i} : vector<2xf16> to i32""" for i in range(2))
    got = run(body, codes, 4).view(np.float16)
    np.testing.assert_array_equal(got, codes.view(dtype).astype(np.float16))


@pytest.mark.parametrize("mode", ["rn", "rna", "rz"])
def test_convert_to_tf32(run, mode):
    values = rng(len(mode)).standard_normal((32, 2)).astype(np.float32)
    values[:, 1] = FLOATS
    values[0, 0] = np.uint32(0x3F801000).view(np.float32)  # a tie
    values[1, 0] = np.uint32(0x3F803000).view(np.float32)
    bits = values.view(np.uint32).astype(np.uint64)
    add = {"rn": 0xFFF + ((bits >> 13) & 1), "rna": np.uint64(0x1000), "rz": np.uint64(0)}[mode]
    want = ((bits + add) & ~np.uint64(0x1FFF)).astype(np.uint32)
    want = np.where(np.isinf(values), values.view(np.uint32), want)
    body = "".join(f"""
    %f{i} = llvm.bitcast %x{i} : i32 to f32
    %r{i} = nvvm.convert.float.to.tf32 %f{i} {{rnd = #nvvm.fp_rnd_mode<{mode}>}}""" for i in range(2))
    got = run(body, values, 2)
    number = ~np.isnan(values)
    np.testing.assert_array_equal(got[number], want[number])
    assert np.isnan(got.view(np.float32)[~number]).all()


@pytest.mark.parametrize("kind_a,kind_b", [("e4m3", "e4m3"), ("e4m3", "e5m2"), ("e5m2", "e5m2")])
def test_mma_float8(run, kind_a, kind_b):
    types = {"e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2}
    r = rng(len(kind_a), kind_a < kind_b)
    a = r.standard_normal((32, 16)).astype(types[kind_a])
    b = r.standard_normal((32, 8)).astype(types[kind_b])
    c = r.standard_normal((32, 4)).astype(np.float32)
    struct = "!llvm.struct<(f32, f32, f32, f32)>"
    lines = [f"%cv{i} = llvm.bitcast %x{6 + i} : i32 to f32" for i in range(4)]
    operands = ", ".join([f"%x{i}" for i in range(6)] + [f"%cv{i}" for i in range(4)])
    lines.append(
        f'%d = llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.f32.{kind_a}.{kind_b}.f32"({operands}) : '
        f"({', '.join(['i32'] * 6 + ['f32'] * 4)}) -> {struct}"
    )
    for i in range(4):
        lines.append(f"%e{i} = llvm.extractvalue %d[{i}] : {struct}")
        lines.append(f"%r{i} = llvm.bitcast %e{i} : f32 to i32")
    table = np.hstack([x.view(np.uint32) for x in (a, b, c)])
    got = run("\n".join("    " + line for line in lines), table, 4).view(np.float32)
    A, B, C = matrices(a, b, c, 32)
    # Each of 33 terms is cut off 13 bits behind the largest (docs/Conformance.md).
    want, bound = A @ B + C, 34 * 2.0**-13 * (np.abs(A) @ np.abs(B) + np.abs(C))
    for i in range(4):
        assert (np.abs(got[:, i] - want[c_index(i)]) <= bound[c_index(i)]).all()
