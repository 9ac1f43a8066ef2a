"""wgmma in the emulator against NumPy: types, shapes, swizzles, A in registers.

Each kernel is one warpgroup. It copies an image of shared memory, laid out here
as PTX's matrix descriptors describe, from its first buffer, multiplies, and
writes each thread's accumulators to a row of its second.
"""

import ml_dtypes
import numpy as np
import pytest

THREADS = np.arange(128)
WARP, GROUP, MEMBER = THREADS // 32, THREADS % 32 // 4, THREADS % 4

TYPES = {
    "i8": np.int8,
    "ui8": np.uint8,
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f8E4M3FN": ml_dtypes.float8_e4m3fn,
    "f8E5M2": ml_dtypes.float8_e5m2,
}


def random(r, shape, kind):
    dtype = TYPES[kind]
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return r.integers(info.min, info.max, shape, dtype, endpoint=True)
    return (4 * r.standard_normal(shape)).astype(dtype)


def lay_out(matrix, swizzle, base):
    """Bytes of `matrix` (rows of a multiple of 32 bytes) from offset `base` on,
    and the descriptor of each 32 columns of bytes."""
    rows = matrix.view(np.uint8).reshape(matrix.shape[0], -1)
    count, width = rows.shape
    span = max(swizzle, 16)
    image = np.zeros(count * width, np.uint8)
    mode = {0: 0, 128: 1, 64: 2, 32: 3}[swizzle]
    chunks = width // span  # side by side: pieces of `span` bytes of each row
    for r in range(count):
        for b in range(0, width, 16):
            at = (b // span) * count * span + r * span + b % span
            line = ((base + at) >> 7) % (span // 16)
            image[(at ^ (line << 4)) : (at ^ (line << 4)) + 16] = rows[r, b : b + 16]
    stride, leading = 8 * span, count * span
    descriptors = []
    for b in range(0, width, 32):
        start = base + (b // span) * count * span + b % span
        if swizzle == 0:
            leading = count * 16
        descriptors.append(
            start >> 4 | (leading >> 4) << 16 | (stride >> 4) << 32 | mode << 62
        )
    assert chunks * count * span == image.size
    return image, descriptors


def kernel(kind_a, kind_b, n, steps, image_bytes, registers, fence=True):
    """`steps` = (descriptor of A or None, of B) of each multiplication."""
    word = "i32" if "i8" in kind_a else "f32"
    struct = f"!llvm.struct<({', '.join([word] * (n // 2))})>"
    lines = []
    add = lines.append
    for i in range(image_bytes // 2048):
        add(f"""
    %o{i} = llvm.mlir.constant({2048 * i} : i32) : i32
    %at{i} = llvm.add %mine, %o{i} : i32
    %f{i} = llvm.getelementptr %in[%at{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %v{i} = llvm.load %f{i} {{alignment = 16 : i64}} : !llvm.ptr<1> -> vector<4xi32>
    %t{i} = llvm.getelementptr %tile[%at{i}] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    llvm.store %v{i}, %t{i} {{alignment = 16 : i64}} : vector<4xi32>, !llvm.ptr<3>""")
    add(f"""
    nvvm.fence.proxy {{kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}}
    nvvm.barrier0
    %d0 = llvm.mlir.zero : {struct}""")
    if registers:
        for i in range(4 * len(steps)):
            add(f"""
    %ro{i} = llvm.mlir.constant({image_bytes + 512 * i} : i32) : i32
    %ra{i} = llvm.add %ro{i}, %word : i32
    %rf{i} = llvm.getelementptr %in[%ra{i}] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %r{i} = llvm.load %rf{i} : !llvm.ptr<1> -> i32""")
    add("    nvvm.wgmma.fence.aligned")
    for i, (a, b) in enumerate(steps):
        flag = "%false" if i == 0 else "%true"
        add(f"    %b{i} = llvm.mlir.constant({b - (b >> 63 << 64)} : i64) : i64")
        if registers:
            a_text = ", ".join(f"%r{4 * i + j}" for j in range(4)) + " : i32, i32, i32, i32"
        else:
            add(f"    %a{i} = llvm.mlir.constant({a - (a >> 63 << 64)} : i64) : i64")
            a_text = f"%a{i} : i64"
        add(
            f"    %d{i + 1} = quant_tile.wgmma a({a_text}) b(%b{i}) into %d{i} accumulate({flag})"
            f" n = {n} types({kind_a}, {kind_b}) : {struct}"
        )
    add(f"""
    nvvm.wgmma.commit.group.sync.aligned
    %done = quant_tile.wgmma_wait 0, %d{len(steps)} : {struct}""")
    for i in range(n // 2):
        add(f"""
    %e{i} = llvm.extractvalue %done[{i}] : {struct}
    %p{i} = llvm.getelementptr %row[{i}] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    llvm.store %e{i}, %p{i} : {word}, !llvm.ptr<1>""")
    return f"""
gpu.module @kernels {{
  llvm.mlir.global external @tile() {{addr_space = 3 : i32, alignment = 1024 : i64}} : !llvm.array<0 x i8>
  llvm.func @k(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {{gpu.kernel, nvvm.kernel}} {{
    %true = llvm.mlir.constant(true) : i1
    %false = llvm.mlir.constant(false) : i1
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %words = llvm.mlir.constant({n // 2} : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %mine = llvm.mul %tid, %c16 : i32
    %word = llvm.mul %tid, %c4 : i32
    %first = llvm.mul %tid, %words : i32
    %row = llvm.getelementptr %out[%first] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
{chr(10).join(lines)}
    llvm.return
  }}
}}
"""


def fragments(a):
    """Rows of registers of 128 threads that hold `a`, 64 rows of 32 bytes."""
    words = a.view(np.uint8).reshape(64, -1).view(np.uint32)
    return np.stack(
        [words[16 * WARP + GROUP + 8 * (r % 2), MEMBER + 4 * (r // 2)] for r in range(4)]
    )


@pytest.fixture
def multiply(tool, tmp_path):
    def call(a, b, kind_a, kind_b, swizzle=128, registers=False):
        n = b.shape[0]
        image, b_descriptors = lay_out(b, swizzle, 0)
        image = np.pad(image, (0, -image.size % 1024))
        a_descriptors = [None] * len(b_descriptors)
        if not registers:
            a_image, a_descriptors = lay_out(a, swizzle, image.size)
            image = np.concatenate([image, a_image])
        image = np.pad(image, (0, -image.size % 2048))
        table = [image]
        if registers:
            width = 32 // a.dtype.itemsize
            for i in range(0, a.shape[1], width):
                table.append(fragments(np.ascontiguousarray(a[:, i : i + width])).view(np.uint8).ravel())
        table = np.concatenate(table)
        source, put, got = (tmp_path / name for name in ("k.mlir", "in", "out"))
        source.write_text(
            kernel(kind_a, kind_b, n, list(zip(a_descriptors, b_descriptors)), image.size, registers)
        )
        table.tofile(put)
        tool(
            "quant-emulate", source, "--kernel=k", "--block=128",
            f"--dynamic-shared-memory={image.size}",
            f"--arg=in i8 {table.size} file={put}", f"--arg=out i32 {64 * n} file={got}",
        )
        words = np.fromfile(got, np.int32 if "i8" in kind_a else np.float32).reshape(128, n // 2)
        result = np.zeros((64, n), words.dtype)
        for i in range(n // 2):
            result[16 * WARP + GROUP + i // 2 % 2 * 8, i // 4 * 8 + 2 * MEMBER + i % 2] = words[:, i]
        return result

    return call


def check(result, a, b, steps):
    if result.dtype == np.int32:
        want = a.astype(np.int64) @ b.astype(np.int64).T
        np.testing.assert_array_equal(result, want.astype(np.int32))
        return
    # Each instruction cuts its terms off 25 bits (13 for 8-bit floats) behind the
    # largest, and its result to as many: what exactly comes of it is in
    # conformance/.
    terms, cut = (33, 13) if a.dtype.itemsize == 1 else (17, 25)
    a, b = a.astype(np.float64), b.astype(np.float64)
    bound = steps * (terms * 2.0**-cut + 2.0 ** -min(cut, 23)) * (np.abs(a) @ np.abs(b).T)
    assert (np.abs(result - a @ b.T) <= bound).all()


@pytest.mark.parametrize("registers", [False, True])
@pytest.mark.parametrize(
    "kind_a,kind_b",
    [("i8", "i8"), ("ui8", "i8"), ("i8", "ui8"), ("f16", "f16"), ("bf16", "bf16"),
     ("f8E4M3FN", "f8E4M3FN"), ("f8E4M3FN", "f8E5M2")],
)
def test_types(multiply, kind_a, kind_b, registers):
    r = np.random.default_rng([len(kind_a), len(kind_b), registers])
    k = 128 // np.dtype(TYPES[kind_a]).itemsize
    a, b = random(r, (64, k), kind_a), random(r, (24, k), kind_b)
    check(multiply(a, b, kind_a, kind_b, registers=registers), a, b, 4)


@pytest.mark.parametrize("swizzle", [0, 32, 64, 128])
@pytest.mark.parametrize("n", [8, 64, 256])
def test_swizzles(multiply, swizzle, n):
    r = np.random.default_rng([swizzle, n])
    a, b = random(r, (64, 256), "i8"), random(r, (n, 256), "i8")
    check(multiply(a, b, "i8", "i8", swizzle), a, b, 8)
