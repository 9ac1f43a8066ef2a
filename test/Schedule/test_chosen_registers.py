"""What ptxas makes of the kernels that are chosen for contractions that nobody
named: no spill, no stack frame, no multiplications that are serialized."""

import pathlib
import random
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from programs import Dense, Float8, Integers, Layer, Paired  # noqa: E402

STORAGES = ["i4", "i4", "ui4", "i8", "ui8", "i2", "i3", "i5", "i6", "f8E4M3FN", "f8E5M2", "f4E2M1FN", "nf4"]
COUNT, PAIRS = 48, 12


def draw(number):
    """A contraction of random extents, operands and results, the same for each
    number."""
    rng = random.Random(f"contraction {number}")
    k = rng.choice([rng.choice([128, 256, 784, 1024, 1280, 4096, 11008]), 16 * rng.randrange(1, 300)])
    n = rng.choice([8, 37, 72, 250, 264, 1000, 1001, 1280, 3840, 4096, 4100, 11008, 30522])
    m = rng.choice([1, 4, 16, 33, 64, 100, 200, 256, 300, 512, 1000, 1024, 4096, 9800])
    out = rng.choice(["f32", "bf16", "f16"])
    kind = rng.random()
    if kind < 0.15:
        return Layer(n, k, m=m, storage="i8", x=rng.choice(["codes", "quantized"]), bias=rng.random() < 0.5, out=out)
    if kind < 0.2:
        return Integers(n, k, m=m, points=rng.random() < 0.5)
    if kind < 0.25:
        return Dense(n, k, rng.choice(["bf16", "f16"]), m=m)
    if kind < 0.3:
        return Float8(n, k, m=m, w=rng.choice(["f8E4M3FN", "f8E5M2"]), group=rng.choice([0, 128]), out=out)
    storage = rng.choice(STORAGES)
    zero = rng.choice([None, storage, "f16"]) if storage.startswith("u") else None
    return Layer(n, k, m=m, storage=storage, group=rng.choice([0, 32, 64, 128]), zero=zero,
                 x=rng.choice(["bf16", "f16"]), scale=rng.choice(["bf16", "f16", "f32"]),
                 bias=rng.random() < 0.3, out=out)


def draw_pair(number):
    """One of two weights whose rows alternate."""
    rng = random.Random(f"pair {number}")
    k = rng.choice([128, 1024, 4096, 11008, 16 * rng.randrange(8, 300)])
    n, m = rng.choice([37, 250, 1001, 4096, 11008]), rng.choice([1, 4, 16, 33, 64, 128, 256, 1000])
    storage = rng.choice(STORAGES)
    zero = storage if storage.startswith("u") else None
    return Paired(n, k, m=m, storage=storage, group=rng.choice([0, 32, 64, 128]), zero=zero,
                  x=rng.choice(["bf16", "f16"]), scale=rng.choice(["bf16", "f16", "f32"]),
                  bias=rng.random() < 0.3, out=rng.choice(["f32", "bf16", "f16"]))


@pytest.mark.parametrize("number", range(PAIRS))
def test_no_spills_of_pairs(tool, check_registers, tmp_path, number):
    case = draw_pair(number)
    source, ptx = tmp_path / "op.mlir", tmp_path / "op.ptx"
    source.write_text(case.mlir())
    tool("quant-compile", source, "--emit=ptx", "-o", ptx)
    check_registers(ptx, case.name)


@pytest.mark.parametrize("number", range(COUNT))
def test_no_spills(tool, check_registers, tmp_path, number):
    case = draw(number)
    source, ptx = tmp_path / "op.mlir", tmp_path / "op.ptx"
    source.write_text(case.mlir())
    tool("quant-compile", source, "--emit=ptx", "-o", ptx)
    check_registers(ptx, case.name)
