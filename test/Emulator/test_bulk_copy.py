"""Bulk copies with tensor maps in the emulator against NumPy slices.

A load kernel copies one box into shared memory and dumps that; a store kernel
fills shared memory with an image and stores one box of it. Coordinates go over
every edge of the tensor.
"""

import numpy as np
import pytest

TYPES = {"i8": np.uint8, "i16": np.uint16, "f32": np.float32, "i64": np.int64}

MAP = "!llvm.ptr {llvm.byval = !llvm.array<128 x i8>, llvm.align = 64 : i64, nvvm.grid_constant}"


def constants(values, prefix):
    return "\n".join(
        f"    %{prefix}{i} = llvm.mlir.constant({v} : i32) : i32" for i, v in enumerate(values)
    )


def copies(count, source, target, from_type, to_type):
    """The block's 32 threads copy `count` words."""
    lines = []
    for i in range(-(-count // 32)):
        lines.append(f"""
    %k{i} = llvm.mlir.constant({32 * i} : i32) : i32
    %n{i} = llvm.add %tid, %k{i} : i32
    %f{i} = llvm.getelementptr {source}[%n{i}] : ({from_type}, i32) -> {from_type}, i32
    %v{i} = llvm.load %f{i} : {from_type} -> i32
    %t{i} = llvm.getelementptr {target}[%n{i}] : ({to_type}, i32) -> {to_type}, i32
    llvm.store %v{i}, %t{i} : i32, {to_type}""")
    return "\n".join(lines)


HEAD = """
gpu.module @kernels {
  llvm.mlir.global external @tile() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @k(%tensor: !llvm.ptr<1>, %dense: !llvm.ptr<1>, %map: MAP) attributes {gpu.kernel, nvvm.kernel} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    %leader = llvm.icmp "eq" %tid, %zero : i32
""".replace("MAP", MAP)


def load_kernel(coordinates, size):
    box = ", ".join(f"%c{i}" for i in range(len(coordinates)))
    return HEAD + f"""
{constants(coordinates, "c")}
    %bytes = llvm.mlir.constant({size} : i32) : i32
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.prefetch tensormap, %map : !llvm.ptr
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    nvvm.cp.async.bulk.tensor.shared.cluster.global %tile, %map, %full, box[{box}] {{isCTAOnly = true}} : !llvm.ptr<3>, !llvm.ptr
    llvm.br ^start
  ^start:
    nvvm.barrier0
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
{copies(size // 4, "%tile", "%dense", "!llvm.ptr<3>", "!llvm.ptr<1>")}
    llvm.return
  }}
}}
"""


def store_kernel(coordinates, size):
    box = ", ".join(f"%c{i}" for i in range(len(coordinates)))
    return HEAD + f"""
{constants(coordinates, "c")}
{copies(size // 4, "%dense", "%tile", "!llvm.ptr<1>", "!llvm.ptr<3>")}
    nvvm.fence.proxy {{kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}}
    nvvm.barrier0
    llvm.cond_br %leader, ^store, ^end
  ^store:
    nvvm.cp.async.bulk.tensor.global.shared.cta %map, %tile, box[{box}] : !llvm.ptr, !llvm.ptr<3>
    nvvm.cp.async.bulk.commit.group
    nvvm.cp.async.bulk.wait_group 0 {{read}}
    llvm.br ^end
  ^end:
    llvm.return
  }}
}}
"""


def swizzled(box, swizzle):
    """The bytes of `box` as they lie in shared memory."""
    data = np.ascontiguousarray(box).view(np.uint8).ravel()
    at = np.arange(data.size)
    if swizzle:
        at = at ^ (((at >> 7) % (swizzle // 16)) << 4)
    out = np.empty_like(data)
    out[at] = data
    return out


CASES = [  # type, shape, box, swizzle
    ("i8", (304,), (128,), 0),
    ("i8", (40, 128), (16, 128), 128),
    ("i8", (40, 192), (16, 64), 64),
    ("i16", (20, 48), (8, 16), 32),
    ("f32", (9, 20, 32), (3, 4, 32), 128),
    ("f32", (6, 5, 4, 12), (2, 2, 3, 8), 0),
    ("i64", (3, 4, 5, 4, 8), (2, 2, 2, 2, 8), 64),
]


def spans(kind, shape, box, is_store=False):
    """Starts of a box: inside, over the upper edges, over the lower, outside.

    The innermost coordinate is a multiple of 16 bytes; a store takes no negative.
    """
    unit = 16 // TYPES[kind]().itemsize
    starts = [
        tuple(0 for _ in shape),
        tuple((s - b) // 2 for s, b in zip(shape, box)),
        tuple(s - b // 2 - 1 for s, b in zip(shape, box)),
        tuple(-(b // 2) if i % 2 == 0 else 0 for i, b in enumerate(box)),
        tuple(-1 for _ in box),
        shape,
    ]
    for start in starts:
        start = (*start[:-1], start[-1] // unit * unit)
        if not is_store or min(start) >= 0:
            yield start


def overlap(shape, box, start):
    """Slices of the tensor and of the box that are the same elements."""
    tensor, inside = [], []
    for s, b, o in zip(shape, box, start):
        first, last = max(o, 0), max(min(o + b, s), max(o, 0))
        tensor.append(slice(first, last))
        inside.append(slice(first - o, last - o))
    return tuple(tensor), tuple(inside)


def run(tool, tmp_path, text, roles, kind, shape, box, swizzle, files):
    source = tmp_path / "k.mlir"
    source.write_text(text)
    words = lambda dims: "x".join(str(d) for d in dims)
    size = int(np.prod(box)) * TYPES[kind]().itemsize
    tool(
        "quant-emulate", source, "--kernel=k", "--block=32", f"--dynamic-shared-memory={size}",
        f"--arg={roles[0]} {kind} {words(shape)} file={files[0]}",
        f"--arg={roles[1]} i32 {size // 4} file={files[1]}",
        f"--arg=tensor_map 0 {kind} {words(shape)} {words(box)} {swizzle}",
    )


@pytest.mark.parametrize("kind,shape,box,swizzle", CASES)
def test_load(tool, tmp_path, kind, shape, box, swizzle):
    r = np.random.default_rng(len(shape))
    tensor = r.integers(1, 200, shape).astype(TYPES[kind])
    put, got = tmp_path / "in", tmp_path / "out"
    tensor.tofile(put)
    for start in spans(kind, shape, box):
        want = np.zeros(box, TYPES[kind])
        outside, inside = overlap(shape, box, start)
        want[inside] = tensor[outside]
        run(tool, tmp_path, load_kernel(start[::-1], want.nbytes), ("in", "out"),
            kind, shape, box, swizzle, (put, got))
        np.testing.assert_array_equal(np.fromfile(got, np.uint8), swizzled(want, swizzle), str(start))


@pytest.mark.parametrize("kind,shape,box,swizzle", CASES)
def test_store(tool, tmp_path, kind, shape, box, swizzle):
    r = np.random.default_rng(len(shape))
    before = r.integers(1, 200, shape).astype(TYPES[kind])
    data = r.integers(1, 200, box).astype(TYPES[kind])
    tensor, put = tmp_path / "tensor", tmp_path / "in"
    swizzled(data, swizzle).tofile(put)
    for start in spans(kind, shape, box, is_store=True):
        want = before.copy()
        outside, inside = overlap(shape, box, start)
        want[outside] = data[inside]
        before.tofile(tensor)
        run(tool, tmp_path, store_kernel(start[::-1], data.nbytes), ("inout", "in"),
            kind, shape, box, swizzle, (tensor, put))
        got = np.fromfile(tensor, TYPES[kind]).reshape(shape)
        np.testing.assert_array_equal(got, want, str(start))


def test_multicast(tool, tmp_path):
    """Each of two blocks copies half of a box to both; both wait for all of it."""
    tensor = np.random.default_rng(1).integers(0, 256, (16, 128), np.uint8)
    put, got, source = tmp_path / "in", tmp_path / "out", tmp_path / "k.mlir"
    tensor.tofile(put)
    size = tensor.size
    source.write_text(
        HEAD + f"""
    %both = llvm.mlir.constant(3 : i16) : i16
    %c8 = llvm.mlir.constant(8 : i32) : i32
    %bytes = llvm.mlir.constant({size} : i32) : i32
    %words = llvm.mlir.constant({size // 4} : i32) : i32
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %row = llvm.mul %rank, %c8 : i32
    %half = llvm.getelementptr %tile[%row] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, !llvm.array<128 x i8>
    %there = llvm.addrspacecast %half : !llvm.ptr<3> to !llvm.ptr<7>
    llvm.cond_br %leader, ^init, ^start
  ^init:
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    llvm.br ^start
  ^start:
    nvvm.cluster.arrive {{aligned}}
    nvvm.cluster.wait {{aligned}}
    llvm.cond_br %leader, ^copy, ^wait
  ^copy:
    nvvm.cp.async.bulk.tensor.shared.cluster.global %there, %map, %full, box[%zero, %row] multicast_mask = %both : !llvm.ptr<7>, !llvm.ptr
    llvm.br ^wait
  ^wait:
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    %first = llvm.mul %rank, %words : i32
    %mine = llvm.getelementptr %dense[%first] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
{copies(size // 4, "%tile", "%mine", "!llvm.ptr<3>", "!llvm.ptr<1>")}
    nvvm.cluster.arrive {{aligned}}
    nvvm.cluster.wait {{aligned}}
    llvm.return
  }}
}}
""")
    tool(
        "quant-emulate", source, "--kernel=k", "--grid=2", "--cluster=2", "--block=32",
        f"--dynamic-shared-memory={size}", f"--arg=in i8 16x128 file={put}",
        f"--arg=out i32 {size // 2} file={got}", "--arg=tensor_map 0 i8 16x128 8x128 128",
    )
    want = np.concatenate([swizzled(tensor[:8], 128), swizzled(tensor[8:], 128)])
    np.testing.assert_array_equal(np.fromfile(got, np.uint8).reshape(2, -1), np.stack([want, want]))
