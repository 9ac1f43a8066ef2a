"""What ptxas makes of the kernels of programs with any number of rows: of what is
chosen for some range of rows of the weights that are timed, or for one row alone, no
spill, no stack frame, no multiplications that are serialized."""

import concurrent.futures
import itertools
import os
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import cases  # noqa: E402
from programs import Layer  # noqa: E402

#: (N, K) of the weights of models, all of which some blocks divide otherwise.
SHAPES = [(4096, 4096), (11008, 4096), (4096, 11008), (22016, 4096), (28672, 8192), (8192, 28672)]
HALF = dict(x="f16", element="f16", out="f16", scale="f16")
#: What the weights are, as `cases.KINDS` has it: of the first two every kernel is
#: looked at, of the others those of the highest tiles.
KINDS = {
    **{kind: cases.KINDS[kind]
       for kind in ("int4_g128", "int4_g128_f16", "uint4_zp_g128", "int4_g64", "int4_g32", "nf4_g64", "int8_weight")},
    "int4_g64_f16": dict(storage="i4", group=64) | HALF,
    "nf4_g64_f16": dict(storage="nf4", group=64) | HALF,
    "mxfp4_f16": dict(storage="f4E2M1FN", group=32) | HALF | dict(scale="f8E8M0FNU"),
    "int4_g128_f32_f16": dict(storage="i4", group=128) | HALF | dict(scale="f32"),
    "int8_g128_f16": dict(storage="i8", group=128) | HALF,
    "int8_weight_f16": dict(storage="i8") | HALF | dict(scale="f32"),
}
THOROUGH = ("int4_g128", "int4_g128_f16")
#: Modules that the kernels of a kind are compiled in, some at a time.
PARTS = 4
SCHEDULE = re.compile(r"quant_tile\.schedule = (#quant_tile\.schedule<.*>)} \{")


def list_schedules(tool, path, layer):
    """Those that are chosen for ranges of rows of a layer, which its kernels are
    made of: where a range ends is nothing to them, nor what they promise."""
    path.write_text(layer.mlir())
    text = tool("quant-compile", path, "--emit=schedule")
    names = [re.sub(r", (max_m = \d+|contract = <[^>]*>)", "", s) for s in SCHEDULE.findall(text)]
    return list(dict.fromkeys(names))


def get_tile(schedule):
    return [int(x) for x in re.search(r"tile = \[(\d+), (\d+), (\d+)\]", schedule).groups()]


def get_code(layer, schedule, thorough):
    """What two kernels are alike in whose code differs in numbers only: those of
    wgmma_decode have a loop over K. Not `thorough`: in the heights of tiles as well."""
    if "<wgmma_decode" not in schedule:
        return schedule, layer.k, layer.m
    _, rows, columns = get_tile(schedule)
    numbers = r", (stages = \d+|group_m = \d+)|(?<=stream_k) = \d+"
    if not thorough:
        numbers += r"|(?<=tile = \[)\d+"
    return re.sub(numbers, "", schedule), layer.k % max(512, 2 * columns) == 0, layer.n % rows == 0


def write_kernel(number, layer, schedule):
    """A function that is that kernel."""
    rows, size = (layer.m, "") if layer.m else ("?", "%m")
    x, w = f"tensor<{rows}x{layer.k}x{layer.element}>", f"tensor<{layer.n}x{layer.k}x{layer.element}, #weight>"
    y = f"tensor<{rows}x{layer.n}x{layer.out}>"
    dim = f"  %c0 = arith.constant 0 : index\n  %m = tensor.dim %x, %c0 : {x}\n" if size else ""
    return (
        f"func.func @f{number}(%x: {x}, %w: {w}) -> {y} {{\n"
        f"{dim}  %init = tensor.empty({size}) : {y}\n"
        f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w}) maps [] outs(%init : {y})"
        f" attributes {{quant_tile.schedule = {schedule}}} {{\n"
        f"  ^bb0(%acc: f32):\n    %r = arith.truncf %acc : f32 to {layer.out}\n"
        f"    quant_tensor.yield %r : {layer.out}\n  }} -> {y}\n  return %y : {y}\n}}\n"
    )


def list_kernels(tool, path, kind):
    """Of kernels whose code is alike, that of the highest tile, as (layer, schedule)."""
    kernels = {}
    for (n, k), m in itertools.product(SHAPES, (None, 1)):
        layer = Layer(n, k, m, **dict(element="bf16", out="bf16") | KINDS[kind])
        for schedule in list_schedules(tool, path, layer):
            code = get_code(layer, schedule, kind in THOROUGH)
            if code not in kernels or get_tile(kernels[code][1]) < get_tile(schedule):
                kernels[code] = layer, schedule
    return list(kernels.values())


@pytest.mark.parametrize("kind", KINDS)
def test_no_spills(tool, check_registers, tmp_path, kind):
    kernels = list_kernels(tool, tmp_path / "program.mlir", kind)
    assert len(kernels) > 2 * len(SHAPES)
    encoding = kernels[0][0].mlir().split("func.func")[0]

    def check(number):
        part = kernels[number::PARTS]
        source, ptx = tmp_path / f"{number}.mlir", tmp_path / f"{number}.ptx"
        source.write_text(encoding + "".join(write_kernel(i, *kernel) for i, kernel in enumerate(part)))
        tool("quant-compile", source, "--emit=ptx", "-o", ptx)
        check_registers(ptx, [(layer.name, schedule) for layer, schedule in part])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(check, range(PARTS)))
