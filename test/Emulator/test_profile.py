"""Counts of --profile against what one can count by hand."""

import json
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "test" / "Integration")]
import layer_runner  # noqa: E402
import test_bulk_copy as bulk
import test_wgmma as wgmma
from programs import Dense, Layer  # noqa: E402

HEAD = """
gpu.module @kernels {{
  llvm.mlir.global internal @tile() {{addr_space = 3 : i32, alignment = 128 : i64}} : !llvm.array<1024 x i32>
  llvm.func @k(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>) attributes {{gpu.kernel, emulate.launch = {{
      grid = array<i64: {blocks}>, block = array<i64: 32>, arguments = ["in i32 1024 iota", "inout i32 1024"]}}}} {{
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %stride = llvm.mlir.constant({stride} : i32) : i32
    %i = llvm.mul %tid, %stride : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %zero = llvm.mlir.zero : {type}
    %s = llvm.getelementptr %tile[%i] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %g = llvm.getelementptr %in[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
"""
TAIL = """
    llvm.return
  }
}
"""


@pytest.fixture
def profile(tool, tmp_path):
    """profile(body, ...) gives the loads and stores of a kernel, and its total."""

    def call(body, stride=1, type="i32", blocks=1):
        source, file = tmp_path / "k.mlir", tmp_path / "profile.json"
        source.write_text(HEAD.format(stride=stride, type=type, blocks=blocks) + body + TAIL)
        text = tool("quant-emulate", source, "--profile", f"--profile-json={file}")
        assert "kernel k, 1 launch" in text
        (kernel,) = json.loads(file.read_text())
        sites = [s for s in kernel["sites"] if s["requests"]]
        return sites, kernel

    return call


@pytest.mark.parametrize(
    "stride,type,requests,wavefronts,ideal,ways",
    [
        # Words side by side, every other one, all in one bank, all the same.
        (1, "i32", 1, 1, 1, 1),
        (2, "i32", 1, 2, 1, 2),
        (3, "i32", 1, 1, 1, 1),
        (32, "i32", 1, 32, 1, 32),
        (0, "i32", 1, 1, 1, 1),
        # Half a warp at a time.
        (2, "vector<2xi32>", 1, 2, 2, 1),
        (4, "vector<2xi32>", 1, 4, 2, 2),
        # A quarter at a time.
        (4, "vector<4xi32>", 1, 4, 4, 1),
        (8, "vector<4xi32>", 1, 8, 4, 2),
        (32, "vector<4xi32>", 1, 32, 4, 8),
    ],
)
def test_bank_conflicts(profile, stride, type, requests, wavefronts, ideal, ways):
    size = {"i32": 4, "vector<2xi32>": 8, "vector<4xi32>": 16}[type]
    body = f"    llvm.store %zero, %s {{alignment = {size} : i64}} : {type}, !llvm.ptr<3>\n"
    if not stride:
        # Reading one word is a broadcast; writing it would be a race.
        body = """
    %c0 = llvm.mlir.constant(0 : i32) : i32
    %first = llvm.icmp "eq" %tid, %c0 : i32
    llvm.cond_br %first, ^write, ^read
  ^write:
    llvm.store %zero, %tile : i32, !llvm.ptr<3>
    llvm.br ^read
  ^read:
    nvvm.barrier0
    %x = llvm.load %s : !llvm.ptr<3> -> i32
"""
    sites, kernel = profile(body, stride, type)
    site = sites[-1]
    assert site["op"] == ("llvm.store" if stride else "llvm.load")
    assert (site["requests"], site["wavefronts"], site["ideal_wavefronts"], site["ways"]) == (
        requests,
        wavefronts,
        ideal,
        ways,
    )
    assert site["threads"] == 32
    assert site["shared_written_bytes" if stride else "shared_read_bytes"] == 32 * size
    assert kernel["total"]["sectors"] == 0


@pytest.mark.parametrize(
    "stride,type,alignment,requests,sectors,ideal",
    [
        (1, "i32", 4, 1, 4, 4),
        (2, "i32", 4, 1, 8, 4),
        (8, "i32", 4, 1, 32, 4),
        (0, "i32", 4, 1, 1, 1),
        (4, "vector<4xi32>", 16, 1, 16, 16),
        (8, "vector<4xi32>", 16, 1, 32, 16),
        # What is aligned to a word goes word by word.
        (4, "vector<4xi32>", 4, 4, 64, 16),
    ],
)
def test_sectors(profile, stride, type, alignment, requests, sectors, ideal):
    body = f"    %x = llvm.load %g {{alignment = {alignment} : i64}} : !llvm.ptr<1> -> {type}\n"
    (site,), kernel = profile(body, stride, type, blocks=2)
    assert (site["requests"], site["sectors"], site["ideal_sectors"]) == (
        2 * requests,
        2 * sectors,
        2 * ideal,
    )
    size = 4 if type == "i32" else 16
    assert site["global_read_bytes"] == kernel["total"]["global_read_bytes"] == 2 * 32 * size
    assert kernel["total"]["wavefronts"] == 0


def test_divergent_lanes_go_together(profile):
    """Half the warp loads twice; what follows a barrier is one request again."""
    body = """
    %c16 = llvm.mlir.constant(16 : i32) : i32
    %low = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %low, ^load, ^join
  ^load:
    %x = llvm.load %g : !llvm.ptr<1> -> i32
    llvm.br ^join
  ^join:
    nvvm.barrier0
    %y = llvm.load %g : !llvm.ptr<1> -> i32
"""
    (half, whole), _ = profile(body)
    assert (half["requests"], half["sectors"], half["threads"]) == (1, 2, 16)
    assert (whole["requests"], whole["sectors"], whole["threads"]) == (1, 4, 32)


def test_copies_and_instructions(profile):
    """cp.async of 16 bytes a lane, ldmatrix of four matrices, and an mma."""
    body = """
    nvvm.cp.async.shared.global %s, %g, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    nvvm.barrier0
    %m = nvvm.ldmatrix %s {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    %a = llvm.extractvalue %m[0] : !llvm.struct<(i32, i32, i32, i32)>
    %d = nvvm.mma.sync A[%a, %a] B[%a] C[%tid, %tid, %tid, %tid] {intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
"""
    (copy, load), kernel = profile(body, stride=4)
    assert copy["op"] == "nvvm.cp.async.shared.global"
    assert copy["global_read_bytes"] == copy["shared_written_bytes"] == 512
    assert (copy["sectors"], copy["wavefronts"], copy["ways"]) == (16, 4, 1)
    assert load["op"] == "nvvm.ldmatrix" and load["shared_read_bytes"] == 512
    assert (load["wavefronts"], load["ideal_wavefronts"]) == (4, 4)
    assert kernel["total"]["operations"] == 2 * 16 * 8 * 16


@pytest.mark.parametrize("swizzle", [0, 32, 64, 128])
@pytest.mark.parametrize("registers", [False, True])
def test_wgmma(tool, tmp_path, swizzle, registers):
    """m64n24k32 four times. A core matrix, 8 rows of 16 bytes, is one wavefront:
    it lies in 128 bytes, or the swizzle spreads its rows over all banks."""
    n, k = 24, 128
    r = np.random.default_rng(swizzle)
    a, b = wgmma.random(r, (64, k), "i8"), wgmma.random(r, (n, k), "i8")
    image, b_places = wgmma.lay_out(b, swizzle, 0)
    image = np.pad(image, (0, -image.size % 1024))
    a_image, a_places = wgmma.lay_out(a, swizzle, image.size)
    image = np.concatenate([image, a_image])
    image = np.pad(image, (0, -image.size % 2048))
    table = [image]
    if registers:
        a_places = [None] * len(b_places)
        for i in range(0, k, 32):
            piece = np.ascontiguousarray(a[:, i : i + 32])
            table.append(wgmma.fragments(piece).view(np.uint8).ravel())
    table = np.concatenate(table)
    source, put, file = (tmp_path / name for name in ("k.mlir", "in", "p.json"))
    steps = list(zip(a_places, b_places))
    source.write_text(wgmma.kernel("i8", "i8", n, steps, image.size, registers))
    table.tofile(put)
    text = tool(
        "quant-emulate", source, "--kernel=k", "--block=128",
        f"--dynamic-shared-memory={image.size}", f"--arg=in i8 {table.size} file={put}",
        f"--arg=out i32 {64 * n} file={tmp_path / 'out'}", "--profile", f"--profile-json={file}",
    )
    (kernel,) = json.loads(file.read_text())
    sites = [s for s in kernel["sites"] if s["op"] == "quant_tile.wgmma"]
    rows = n if registers else 64 + n
    for site in sites:
        assert site["threads"] == 128
        assert site["shared_read_bytes"] == rows * 32
        # Two columns of core matrices.
        assert site["requests"] == site["wavefronts"] == site["ideal_wavefronts"] == rows // 8 * 2
        assert site["ways"] == 1
        assert site["operations"] == 2 * 64 * n * 32
    assert len(sites) == 4 and kernel["total"]["operations"] == 4 * 2 * 64 * n * 32
    # It and nothing else reads shared memory; the image came by 16-byte stores.
    assert kernel["total"]["shared_read_bytes"] == 4 * rows * 32
    assert kernel["total"]["shared_written_bytes"] == image.size
    words = 16 * len(steps) * 128 if registers else 0
    assert kernel["total"]["global_read_bytes"] == image.size + words
    assert kernel["total"]["global_written_bytes"] == 64 * n * 4
    (line,) = [x.split() for x in text.splitlines() if x.split()[:1] == ["quant_tile.wgmma"]]
    assert line[1:] == ["16", str(4 * 2 * 64 * n * 32)]


@pytest.mark.parametrize(
    "span,ways",
    # Rows of a tile lie side by side: those that start in the same bank, of the
    # eight that 16-byte stores go by at a time.
    [(32, 2), (64, 4), (128, 8)],
)
@pytest.mark.parametrize("is_swizzled", [False, True])
def test_stores_to_a_swizzled_tile(profile, span, ways, is_swizzled):
    """Each lane writes the first 16 bytes of a row, as before a tensor store."""
    pattern = span // 16 if is_swizzled else 1
    body = f"""
    %span = llvm.mlir.constant({span} : i32) : i32
    %c7 = llvm.mlir.constant(7 : i32) : i32
    %c4 = llvm.mlir.constant(4 : i32) : i32
    %mask = llvm.mlir.constant({pattern - 1} : i32) : i32
    %row = llvm.mul %tid, %span : i32
    %line = llvm.lshr %row, %c7 : i32
    %phase = llvm.and %line, %mask : i32
    %moved = llvm.shl %phase, %c4 : i32
    %at = llvm.xor %row, %moved : i32
    %to = llvm.getelementptr %tile[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    llvm.store %zero, %to {{alignment = 16 : i64}} : vector<4xi32>, !llvm.ptr<3>
"""
    (site,), _ = profile(body, type="vector<4xi32>")
    ways = 1 if is_swizzled else ways
    assert (site["requests"], site["ways"]) == (1, ways)
    assert (site["wavefronts"], site["ideal_wavefronts"]) == (4 * ways, 4)
    assert site["shared_written_bytes"] == 32 * 16


def profile_copy(tool, tmp_path, text, roles, shape, box, swizzle):
    tensor, dense, file = (tmp_path / name for name in ("tensor", "dense", "p.json"))
    np.ones(shape, np.uint8).tofile(tensor)
    np.ones(box, np.uint8).tofile(dense)
    (tmp_path / "k.mlir").write_text(text)
    words = lambda dims: "x".join(str(d) for d in dims)
    tool(
        "quant-emulate", tmp_path / "k.mlir", "--kernel=k", "--block=32",
        f"--dynamic-shared-memory={np.prod(box)}",
        f"--arg={roles[0]} i8 {words(shape)} file={tensor}",
        f"--arg={roles[1]} i32 {np.prod(box) // 4} file={dense}",
        f"--arg=tensor_map 0 i8 {words(shape)} {words(box)} {swizzle}",
        "--profile", f"--profile-json={file}",
    )
    (kernel,) = json.loads(file.read_text())
    (site,) = [s for s in kernel["sites"] if "cp.async.bulk.tensor" in s["op"]]
    return site, kernel["total"]


@pytest.mark.parametrize("swizzle", [0, 32, 64, 128])
@pytest.mark.parametrize("start,rows", [(0, 16), (30, 10)])
def test_tensor_load(tool, tmp_path, swizzle, start, rows):
    """16 rows of a box, of which as many as there are come from memory; all of it
    is written, in lines of 128 bytes."""
    width = swizzle or 48
    shape, box = (40, 2 * width), (16, width)
    text = bulk.load_kernel((width, start), 16 * width)
    site, total = profile_copy(tool, tmp_path, text, ("in", "out"), shape, box, swizzle)
    assert site["global_read_bytes"] == rows * width
    assert site["shared_written_bytes"] == 16 * width
    assert site["global_written_bytes"] == site["shared_read_bytes"] == 0
    # Rows of 48 bytes start in the middle of every sector: 48 and 144 of 96 each.
    sectors = rows * 2 if width == 48 else rows * width // 32
    assert (site["sectors"], site["ideal_sectors"]) == (sectors, rows * -(-width // 32))
    assert site["wavefronts"] == site["ideal_wavefronts"] == 16 * width // 128
    assert site["ways"] == 1 and site["requests"] == rows + 1
    # What the threads then copy out.
    assert total["global_read_bytes"] == rows * width
    assert total["global_written_bytes"] == 16 * width


@pytest.mark.parametrize("swizzle", [0, 32, 64, 128])
@pytest.mark.parametrize("start,rows", [(0, 16), (30, 10)])
def test_tensor_store(tool, tmp_path, swizzle, start, rows):
    width = swizzle or 64
    shape, box = (40, 2 * width), (16, width)
    text = bulk.store_kernel((width, start), 16 * width)
    site, total = profile_copy(tool, tmp_path, text, ("inout", "in"), shape, box, swizzle)
    assert site["shared_read_bytes"] == 16 * width
    assert site["global_written_bytes"] == rows * width
    assert site["global_read_bytes"] == site["shared_written_bytes"] == 0
    assert site["sectors"] == site["ideal_sectors"] == rows * width // 32
    assert site["wavefronts"] == site["ideal_wavefronts"] == 16 * width // 128
    assert site["ways"] == 1
    assert total["global_written_bytes"] == rows * width
    assert total["global_read_bytes"] == 16 * width


def test_multicast_and_bulk_copies(tool, tmp_path):
    """A copy into two blocks is read once and written twice."""
    file = tmp_path / "p.json"
    (tmp_path / "k.mlir").write_text("""
gpu.module @kernels {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<128 x i32>
  llvm.mlir.global internal @full() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<1 x i64>
  llvm.func @k(%in: !llvm.ptr<1>) attributes {gpu.kernel, emulate.launch = {
      grid = array<i64: 2>, cluster = array<i64: 2>, arguments = ["in i32 128"]}} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %one = llvm.mlir.constant(1 : i32) : i32
    %bytes = llvm.mlir.constant(512 : i32) : i32
    %both = llvm.mlir.constant(3 : i16) : i16
    %rank = nvvm.read.ptx.sreg.cluster.ctarank : i32
    %tile = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %tiles = llvm.addrspacecast %tile : !llvm.ptr<3> to !llvm.ptr<7>
    %full = llvm.mlir.addressof @full : !llvm.ptr<3>
    nvvm.mbarrier.init %full, %one : !llvm.ptr<3>, i32
    nvvm.fence.mbarrier.init
    nvvm.mbarrier.arrive.expect_tx %full, %bytes : !llvm.ptr<3>, i32
    nvvm.cluster.arrive
    nvvm.cluster.wait
    %first = llvm.icmp "eq" %rank, %zero : i32
    llvm.cond_br %first, ^copy, ^wait
  ^copy:
    nvvm.cp.async.bulk.shared.cluster.global %tiles, %in, %full, %bytes multicast_mask = %both : !llvm.ptr<7>, !llvm.ptr<1>
    llvm.br ^wait
  ^wait:
    %done = nvvm.mbarrier.try_wait %full, %zero : !llvm.ptr<3>, i32 -> i1
    nvvm.cluster.arrive
    nvvm.cluster.wait
    llvm.return
  }
}
""")
    tool("quant-emulate", tmp_path / "k.mlir", "--profile", f"--profile-json={file}")
    (kernel,) = json.loads(file.read_text())
    (site,) = [s for s in kernel["sites"] if "cp.async.bulk" in s["op"]]
    assert (site["global_read_bytes"], site["sectors"]) == (512, 16)
    assert (site["shared_written_bytes"], site["wavefronts"], site["ways"]) == (1024, 8, 1)
    assert site["requests"] == 3


@pytest.mark.parametrize(
    "family,program,instruction",
    [
        ("wgmma", Layer(40, 144, m=33, storage="i8", x="codes"), "quant_tile.wgmma"),
        ("mma_stream", Layer(40, 256, m=1, storage="i4", group=32), "nvvm.mma.sync"),
        ("mma_sync", Dense(40, 131, "bf16", m=33), "nvvm.mma.sync"),
        ("rows", Layer(40, 144, m=33, storage="i8", x="quantized"), None),
    ],
)
def test_generated_kernels(tool, tmp_path, family, program, instruction):
    """Of every kind of kernel --profile tells what it moves and multiplies."""
    folder, file = tmp_path / "l.qmlir", tmp_path / "p.json"
    layer_runner.compile_layer(tool, folder, program)
    text = tool("quant-run", folder, "--device=emulator", "--random=1", "--profile",
                f"--profile-json={file}")
    (kernel,) = [k for k in json.loads(file.read_text()) if family in k["kernel"]]
    assert f"kernel {kernel['kernel']}, 1 launch" in text
    total = kernel["total"]
    assert total["global_read_bytes"] > 0 and total["sectors"] >= total["ideal_sectors"] > 0
    if instruction is None:
        # Codes of a byte and a scale for each row.
        assert total["global_written_bytes"] == 33 * 144 + 33 * 4
        return
    assert total["global_written_bytes"] >= program.m * program.n * 4
    sites = [s for s in kernel["sites"] if s["op"] == instruction]
    # Tiles are whole, whatever part of them there is.
    assert sum(s["operations"] for s in sites) >= 2 * program.m * program.n * program.k
    assert total["wavefronts"] >= total["ideal_wavefronts"]


def test_artifact(tool, tmp_path):
    """quant-run adds up the launches of each kernel."""
    source, folder, file = (tmp_path / n for n in ("f.mlir", "f.qmlir", "p.json"))
    source.write_text("""
func.func @f(%x: tensor<?x64xf32> {quant_tensor.name = "x"}) -> tensor<?x64xf32> {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%d) : tensor<?x64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  } -> tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}
""")
    tool("quant-compile", source, "-o", folder)
    text = tool("quant-run", folder, "--device=emulator", "--random=1", "--size=5",
                "--bench=2", "--profile", f"--profile-json={file}")
    (kernel,) = json.loads(file.read_text())
    assert kernel["launches"] == 3 and f"kernel {kernel['kernel']}, 3 launches" in text
    assert kernel["total"]["global_read_bytes"] == 3 * 5 * 64 * 4
    assert kernel["total"]["global_written_bytes"] == 3 * 5 * 64 * 4
