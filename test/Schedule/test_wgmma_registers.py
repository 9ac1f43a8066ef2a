"""What ptxas makes of the warpgroup kernels that a tuner would list.

Two warpgroups that multiply have 232 registers a thread, of which the largest
tiles take 128 for accumulators. Whatever the result's type and however the
columns end, nothing may spill, and nothing may serialize the multiplications.
"""

import random
import re
import subprocess

import pytest

#: Columns and inner dimension: odd, less than a tile, a tile and a tail, and whole
#: tiles. Only the last two get tiles of more than 96 accumulators.
SHAPES = [(257, 1040), (200, 400), (272, 1040), (384, 1024)]
SAMPLED = 8


def write(name, n, k, out, schedule=None):
    x, w, y = f"tensor<?x{k}xi8>", f"tensor<{n}x{k}xi8>", f"tensor<?x{n}x{out}>"
    finish = {
        "f32": "",
        "bf16": "    %r = arith.truncf %2 : f32 to bf16\n",
        "i8": (
            "    %lo = arith.constant -128.0 : f32\n    %hi = arith.constant 127.0 : f32\n"
            "    %e = math.roundeven %2 : f32\n    %e1 = arith.maximumf %e, %lo : f32\n"
            "    %e2 = arith.minimumf %e1, %hi : f32\n    %r = arith.fptosi %e2 : f32 to i8\n"
        ),
    }[out]
    attribute = f" attributes {{quant_tile.schedule = {schedule}}}" if schedule else ""
    return (
        f"func.func @{name}(%x: {x}, %w: {w}, %sx: tensor<?x1xf32>, %sw: tensor<{n}xf32>, "
        f"%init: {y}) -> {y} {{\n"
        f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w})\n"
        f"      epilogue(%sx, %sw : tensor<?x1xf32>, tensor<{n}xf32>)\n"
        "      maps [affine_map<(m, n) -> (m, 0)>, affine_map<(m, n) -> (n)>]\n"
        f"      outs(%init : {y}){attribute} {{\n  ^bb0(%acc: i32, %a: f32, %b: f32):\n"
        "    %0 = arith.sitofp %acc : i32 to f32\n    %1 = arith.mulf %0, %a : f32\n"
        f"    %2 = arith.mulf %1, %b : f32\n{finish}"
        f"    quant_tensor.yield {'%2' if out == 'f32' else '%r'} : {out}\n  }} -> {y}\n"
        f"  return %y : {y}\n}}\n"
    )


def accumulators(schedule):
    """Of a thread, of those that multiply."""
    m, n, _ = map(int, re.search(r"tile = \[([\d, ]+)\]", schedule)[1].split(", "))
    wm, wn, _ = map(int, re.search(r"warps = \[([\d, ]+)\]", schedule)[1].split(", "))
    return m * n // 128 // (wm // 4 * wn)


@pytest.mark.parametrize("out", ["bf16", "f32", "i8"])
@pytest.mark.parametrize("n,k", SHAPES)
def test_no_spills(tool, ptxas, tmp_path, n, k, out):
    source, ptx = tmp_path / "op.mlir", tmp_path / "op.ptx"
    source.write_text(write("op", n, k, out))
    lines = tool("quant-tune", source, "--list", "--chip=sm_90a", "--rows=300").splitlines()
    listed = [x.split(" // ")[0] for x in lines if x.startswith("#") and "<wgmma" in x]
    # The order of tiles is no question of registers, but whether there is one.
    large = [x for x in listed if accumulators(x) >= 96 and "group_m = 16" not in x]
    sample = random.Random(f"{n} {k} {out}").sample(large, min(SAMPLED, len(large)))
    assert sample
    source.write_text(
        "".join(write(f"f{i}", n, k, out, schedule) for i, schedule in enumerate(sample))
    )
    tool("quant-compile", source, "--chip=sm_90a", "--emit=ptx", "-o", ptx)
    done = subprocess.run(
        [ptxas, "-v", "-arch=sm_90a", ptx, "-o", tmp_path / "op.cubin"],
        capture_output=True, text=True, check=True,
    )
    assert "C75" not in done.stderr, done.stderr
    entries = done.stderr.split("Compiling entry function '")[1:]
    assert len(entries) == len(sample)
    for entry in entries:
        number = int(re.match(r"matmul_wgmma_(\d+)", entry)[1])
        assert "0 bytes stack frame, 0 bytes spill stores" in entry, sample[number]
