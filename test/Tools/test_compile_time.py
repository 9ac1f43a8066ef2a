"""How long the compiler takes, in CPU time, so that a busy machine matters little,
and how much memory."""

import json
import os
import subprocess
import sys

import pytest

HEAD = """
#w4 = #quant_tensor.encoding<{storage = i4, block = [1, 128], scale = bf16}>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#matrix = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
#column = affine_map<(m, n) -> (n)>
"""


def int4(name, m, n, k):
    x, w, y = f"tensor<{m}x{k}xbf16>", f"tensor<{n}x{k}xbf16, #w4>", f"tensor<{m}x{n}xf32>"
    return f"""
func.func @{name}(%x: {x}, %w: {w}, %init: {y}) -> {y} {{
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : {x}, {w}) outs(%init : {y}) -> {y}
  return %y : {y}
}}
"""


def int8(name, m, n, k):
    x, w, acc, y = (f"tensor<{text}>" for text in (
        f"{m}x{k}xi8", f"{n}x{k}xi8", f"{m}x{n}xi32", f"{m}x{n}xbf16"))
    return f"""
func.func @{name}(%x: {x}, %w: {w}, %sx: tensor<{m}xf32>, %sw: tensor<{n}xf32>) -> {y} {{
  %zero = arith.constant dense<0> : {acc}
  %acc = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : {x}, {w}) outs(%zero : {acc}) -> {acc}
  %e = tensor.empty() : {y}
  %y = linalg.generic {{indexing_maps = [#matrix, #row, #column, #matrix],
                       iterator_types = ["parallel", "parallel"]}}
      ins(%acc, %sx, %sw : {acc}, tensor<{m}xf32>, tensor<{n}xf32>) outs(%e : {y}) {{
  ^bb0(%a: i32, %s: f32, %t: f32, %o: bf16):
    %f = arith.sitofp %a : i32 to f32
    %g = arith.mulf %f, %s : f32
    %h = arith.mulf %g, %t : f32
    %r = arith.truncf %h : f32 to bf16
    linalg.yield %r : bf16
  }} -> {y}
  return %y : {y}
}}
"""


#: Runs a command, and prints its CPU seconds and MiB. In a process of its own: what a
#: child has at most counts the memory of the process that spawns it, here pytest's.
MEASURE = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(child, 0)
assert status == 0
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


#: What else takes time: Python compiles a module of its own. Limits are of a machine that
#: takes SECONDS for it; of one that takes longer, before or after, times count less.
YARDSTICK = """
import typing
text = open(typing.__file__).read()
for _ in range(4):
    compile(text, "typing", "exec")
"""
SECONDS = 0.16


def measure(*command):
    """(CPU seconds, MiB) of a command: the best of some runs, as others that share
    the caches slow it down."""
    measured = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", MEASURE, *map(str, command)], check=True,
                              capture_output=True, text=True)
        measured.append(tuple(map(float, done.stdout.split()[-2:])))
    return min(measured)


def slowness():
    """How many times as long as the limits' machine this one takes now, 1 or more."""
    return max(1, measure(sys.executable, "-I", "-c", YARDSTICK)[0] / SECONDS)


def compile_time(build_dir, tmp_path, text):
    """(CPU seconds of the limits' machine, MiB)."""
    source = tmp_path / "m.mlir"
    source.write_text(HEAD + text)
    before = slowness()
    seconds, mebibytes = measure(build_dir / "bin" / "quant-compile", source, "-o", tmp_path / "m.qmlir")
    return seconds / max(before, slowness()), mebibytes


@pytest.mark.parametrize("layer, m", [(int4, 1), (int4, 64), (int4, 4096),
                                      (int8, 1), (int8, 4096)])
def test_one_kernel(build_dir, tmp_path, layer, m):
    """Of int4 it is two: one prepares the weights."""
    seconds, _ = compile_time(build_dir, tmp_path, layer("f", m, 4096, 4096))
    kernels = json.loads((tmp_path / "m.qmlir" / "manifest.json").read_text())["kernels"]
    print(f"{seconds * 1000:.0f} ms for {len(kernels)}")
    assert seconds < 0.3 * len(kernels)


@pytest.mark.parametrize("rows", [1, 64, "?"])
def test_model(build_dir, tmp_path, rows):
    """The linear layers of LLaMA-7B's 32 blocks: seconds in all, and for any number of
    rows, where each has some twenty ranges with a kernel each, as much for each kernel
    as one alone takes, and 30 % for what threads on one core cost each other."""
    shapes = 4 * [(4096, 4096)] + 2 * [(11008, 4096)] + [(4096, 11008)]
    text = "".join(int4(f"block{block}_{index}", rows, *shape)
                   for block in range(32) for index, shape in enumerate(shapes))
    seconds, mebibytes = compile_time(build_dir, tmp_path, text)
    manifest = json.loads((tmp_path / "m.qmlir" / "manifest.json").read_text())
    functions = manifest["functions"]
    conditions = [len(json.dumps(step.get("when", 1))) for function in functions for step in function["steps"]]
    print(f"{seconds:.2f} s, {mebibytes:.0f} MiB, conditions of up to {max(conditions)} characters")
    limit = 3
    if rows == "?":
        alone, _ = compile_time(build_dir, tmp_path, int4("alone", 4096, 4096, 4096))
        limit = 1.3 * alone * len(manifest["kernels"])
        print(f"one kernel alone: {alone:.3f} s")
    assert seconds < limit and mebibytes < 512
    # Those of a range's own two ends, not of all ranges before it.
    assert max(conditions) < 100


@pytest.mark.parametrize("layer", [int4, int8])
def test_grows_linearly(build_dir, tmp_path, layer):
    """Layers with shapes of their own, from one range: four times as many take
    no more than that, but for what measuring adds."""
    few, many = (compile_time(build_dir, tmp_path, "".join(
        layer(f"layer{i}", 1, 4096 + 1024 // count * i, 4096) for i in range(count)))[0] for count in (16, 64))
    print(f"{few:.2f} s, {many:.2f} s")
    assert many < 1.5 * 4 * few
