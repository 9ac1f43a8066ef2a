"""No safeguard of a kernel can go unnoticed.

quant-mutate takes away, one at a time, every barrier, wait, fence, commit,
branch and guard of kernels that the compiler makes. Here a sample that a seed
chooses, on all of them with QUANTMLIR_MUTATE=all (scripts/mutate.sh); each must
be noticed, follow from a thread's place, or be named in equivalent-mutants.txt.
"""

import os
import pathlib
import re
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "benchmarks"), str(HERE.parent / "Integration")]
import layer_runner  # noqa: E402
from programs import Dense, Integers, Layer, Mlp, Scheduled, ScheduledFloat8, ScheduledLayer  # noqa: E402
from rows import program  # noqa: E402

#: Mutants of each program to try; None for all.
SAMPLE = None if os.environ.get("QUANTMLIR_MUTATE") == "all" else 8


class Rows:
    """A group of row-local ops; test_row_groups.py judges its results."""

    chip = "sm_90a"

    def __init__(self, kind, columns, element):
        self._text = program(kind, columns, element)

    def mlir(self):
        return self._text


class Plain:
    """Ops that no family of contractions takes: sums along rows and along columns
    (a warp and a thread for each), then what is transposed and added to them."""

    chip = "sm_90a"

    def mlir(self):
        return """
#mk = affine_map<(m, k) -> (m, k)>
#m = affine_map<(m, k) -> (m)>
#k = affine_map<(m, k) -> (k)>
#km = affine_map<(m, k) -> (k, m)>
func.func @plain(%x: tensor<13x131xf32> {quant_tensor.name = "x"})
    -> (tensor<131x13xf32> {quant_tensor.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %m = tensor.empty() : tensor<13xf32>
  %k = tensor.empty() : tensor<131xf32>
  %out = tensor.empty() : tensor<131x13xf32>
  %m0 = linalg.fill ins(%zero : f32) outs(%m : tensor<13xf32>) -> tensor<13xf32>
  %k0 = linalg.fill ins(%zero : f32) outs(%k : tensor<131xf32>) -> tensor<131xf32>
  %rows = linalg.generic {indexing_maps = [#mk, #m], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<13x131xf32>) outs(%m0 : tensor<13xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %s = arith.addf %acc, %v : f32
    linalg.yield %s : f32
  } -> tensor<13xf32>
  %columns = linalg.generic {indexing_maps = [#mk, #k], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<13x131xf32>) outs(%k0 : tensor<131xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %s = arith.maximumf %acc, %v : f32
    linalg.yield %s : f32
  } -> tensor<131xf32>
  %y = linalg.generic {indexing_maps = [#mk, #m, #k, #km], iterator_types = ["parallel", "parallel"]}
      ins(%x, %rows, %columns : tensor<13x131xf32>, tensor<13xf32>, tensor<131xf32>) outs(%out : tensor<131x13xf32>) {
  ^bb0(%v: f32, %r: f32, %c: f32, %o: f32):
    %a = arith.mulf %v, %r : f32
    %s = arith.addf %a, %c : f32
    linalg.yield %s : f32
  } -> tensor<131x13xf32>
  return %y : tensor<131x13xf32>
}
"""


#: Tails in M, N and K. K goes round each ring of stages and ends in the first
#: stage, which what follows the ring uses again.
PROGRAMS = {
    # mma_sync: weights decoded in registers, x copied asynchronously.
    "int4": Layer(37, 2088, m=17, storage="i4", group=128, scale="bf16", bias=True, chip="sm_80"),
    # x of rows that no 16 bytes divide: loaded element by element.
    "int4-odd": Layer(37, 2087, m=17, storage="i4", group=32, scale="bf16"),
    "int8": Layer(37, 1040, m=33, storage="i8", x="codes", bias=True, out="bf16", chip="sm_80"),
    # Ends in another stage: copies beyond K would meet what follows the ring.
    "int8-later": Layer(37, 1296, m=33, storage="i8", x="codes", bias=True, out="bf16", chip="sm_80"),
    # Behind a group of row-local ops.
    "int8-quantized": Layer(37, 4112, m=5, storage="i8", x="quantized", chip="sm_80"),
    "integers": Integers(37, 4103, m=17, points=True, unsigned=("lhs",)),
    "dense": Dense(37, 1560, "bf16", m=17, chip="sm_80"),
    "dense-odd": Dense(37, 2067, "f16", m=17),
    # mma_stream: one row, more than a block's tile has, and one behind another.
    "int4-row": Layer(37, 131, m=1, storage="i4", group=32),
    "int4-stream": Layer(37, 1100, m=13, storage="i4", group=32, scale="bf16"),
    "mlp": Mlp(67, 67),
    # reduce, and the kernel that prepares its weights.
    "reduce": Layer(37, 131, m=3, storage="i4", group=48, x="f32"),
    # wgmma: tiles shared by a cluster or not, stored directly or by TMA.
    "wgmma": Layer(40, 528, m=150, storage="i8", x="codes", bias=True, out="f16"),
    "pingpong": Scheduled(61, 400, [64, 32, 128], [4, 1, 1], 2, "pingpong, group_m = 2", m=130),
    "pingpong-cluster": Scheduled(
        72, 400, [64, 64, 128], [4, 1, 1], 2, "pingpong, cluster = [2, 1]", m=150
    ),
    "cooperative": Scheduled(72, 400, [64, 64, 128], [4, 2, 1], 2, "cooperative", m=70),
    "cooperative-cluster": Scheduled(
        61, 400, [128, 64, 128], [8, 1, 1], 2, "cooperative, cluster = [1, 2]", m=270
    ),
    # Staging tiles as narrow as chunks.
    "narrow": Scheduled(80, 400, [64, 96, 128], [4, 2, 1], 2, "cooperative", m=70),
    # Scales of several runs of steps; blocks of weights end within tiles.
    "scales": ScheduledFloat8(250, 1296, 90, [64, 96, 128], [4, 1, 1], 3, "cooperative"),
    # Tiles of one step each, several for a block.
    "pingpong-step": Scheduled(61, 128, [64, 32, 128], [4, 1, 1], 2, "pingpong", m=270),
    # Tiles that blocks share along K, some with a step more than others.
    "split": Scheduled(72, 1104, [64, 64, 128], [4, 1, 1], 2, "cooperative", m=130, split_k=2),
    "split-cluster": Scheduled(
        61, 1104, [64, 64, 128], [4, 1, 1], 2, "cooperative, cluster = [2, 1]", m=150, split_k=2
    ),
    # wgmma_decode: stores by threads and by TMA, one warpgroup and two, sums or
    # weights scaled. Many steps go round a small ring, from tile to tile.
    "decode": ScheduledLayer(37, 584, 40, [32, 64, 64], [1, 4, 1], 3),
    "decode-bulk": ScheduledLayer(136, 648, 40, [32, 128, 64], [1, 8, 1], 2,
                                  rest=", scale_decoded = true", out="f16"),
    "decode-split": ScheduledLayer(136, 1024, 24, [16, 64, 64], [1, 4, 1], 2, 2, out="bf16"),
    "decode-split-odd": ScheduledLayer(69, 896, 40, [32, 64, 64], [1, 4, 1], 2, 2),
    # Three that multiply in turn, from tile to tile.
    "decode-alternating": ScheduledLayer(200, 328, 40, [32, 192, 64], [1, 12, 1], 3,
                                         kind="alternating", rest=", scale_decoded = true"),
    # Three that multiply parts of groups and scale the sums.
    "decode-parts": ScheduledLayer(208, 1152, 24, [16, 192, 128], [1, 12, 1], 3, group=128),
    # Two blocks that share activations, the second one's last weights past N.
    "decode-cluster": ScheduledLayer(130, 456, 40, [16, 64, 64], [1, 4, 1], 2, out="bf16",
                                     kind="cooperative, cluster = [1, 2]"),
    # Blocks that divide tiles along K, beside whole ones.
    "decode-stream": ScheduledLayer(136, 512, 40, [16, 64, 64], [1, 4, 1], 3, out="bf16",
                                    rest=", dependent_launch = true, stream_k = 100"),
    # Row-local ops: a warp for a row, several, and vectors.
    "rows-warp": Rows("rmsnorm", 131, "f32"),
    "rows-warps": Rows("gate", 1100, "bf16"),
    "rows-vectors": Rows("plain", 200, "bf16"),
    "plain": Plain(),
}

#: What else to tell quant-mutate. Of the MLP only what makes kernels wait for each
#: other is new, and of encoded weights not what prepares them; a kernel of wgmma loops over tiles where blocks are few.
ARGUMENTS = {
    "int8-later": ["--only=*: predicate llvm.cond_br #1"],
    "mlp": ["--sizes=1,3,13", "--only=mlp/matmul_mma_stream_*: wait *"],
    "wgmma": ["--blocks=1"],
    "pingpong": ["--blocks=1"],
    "pingpong-cluster": ["--blocks=2"],
    "pingpong-step": ["--blocks=1"],
    "cooperative": ["--blocks=1"],
    "scales": ["--blocks=1"],
    "narrow": ["--blocks=1"],
    "cooperative-cluster": ["--blocks=2"],
    "split": ["--blocks=2"],
    "split-cluster": ["--blocks=4"],
    "decode": ["--blocks=1", "--only=*/matmul_*"],
    "decode-bulk": ["--blocks=1", "--only=*/matmul_*"],
    "decode-alternating": ["--blocks=1", "--only=*/matmul_*"],
    "decode-parts": ["--blocks=1", "--only=*/matmul_*"],
    "decode-split": ["--blocks=2", "--only=*/matmul_*"],
    "decode-split-odd": ["--blocks=2", "--only=*/matmul_*"],
    "decode-cluster": ["--blocks=2", "--only=*/matmul_*"],
    "decode-stream": ["--blocks=4", "--only=*/[cm]*"],
}


@pytest.mark.parametrize("name", [n for n, p in PROGRAMS.items() if hasattr(p, "reference")])
def test_the_whole_kernel_is_right(tool, tmp_path, name):
    """Mutants are compared with what the kernel itself computes."""
    layer, folder = PROGRAMS[name], tmp_path / name
    layer_runner.compile_layer(tool, folder, layer)
    inputs = layer.weights() | layer.activations(layer.m or 13)
    outputs = layer_runner.run(tool, folder, inputs, "emulator")
    layer_runner.check(folder, layer, inputs, outputs)
    if layer.out == "i32":
        wanted = layer_runner.run(tool, folder, inputs, "cpu")
        np.testing.assert_array_equal(outputs["y"], wanted["y"])


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_mutant_is_noticed(tool, tmp_path, name):
    folder = tmp_path / f"{name}.qmlir"
    layer_runner.compile_layer(tool, folder, PROGRAMS[name])
    arguments = [folder, f"--equivalent={HERE / 'equivalent-mutants.txt'}", "--seed=1"]
    arguments += ARGUMENTS.get(name, [])
    if SAMPLE:
        arguments.append(f"--sample={SAMPLE}")
    result = tool("quant-mutate", *arguments, check=False, timeout=3600)
    print(result.stdout)
    counts = re.search(
        r"^(\d+) mutants of (\d+): (\d+) killed, .*, (\d+) survived, (\d+) not run$",
        result.stdout,
        re.M,
    )
    assert counts, result.stdout + result.stderr
    tried, total, killed, survived, not_run = map(int, counts.groups())
    assert tried == min(SAMPLE or total, total) and not_run == 0
    assert survived == 0 and result.returncode == 0, result.stdout
    # A sample may come by conditions of a thread's place only.
    assert SAMPLE or killed > tried / 4
