"""Counts of --profile against what one can count by hand."""

import json

import pytest

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
