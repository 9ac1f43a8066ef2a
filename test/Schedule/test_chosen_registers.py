"""What ptxas makes of the kernels that are chosen for contractions that nobody
named: no spill, no stack frame, no multiplications that are serialized."""

import pathlib
import random
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
from programs import Dense, Float8, Gated, Integers, Layer, Paired, PairedCodes  # noqa: E402
from weights import Encoding  # noqa: E402

STORAGES = ["i4", "i4", "ui4", "i8", "ui8", "i2", "i3", "i5", "i6", "f8E4M3FN", "f8E5M2", "f4E2M1FN", "nf4"]
#: Numbers of what is drawn: the first ones, and those that once spilled.
NUMBERS = [*range(48), 1004, 1039, 1205, 1270]
PAIRS = range(18)
EPILOGUES = [*range(30), 1116, 1147, 1159, 1307, 2030]

#: What makes %r, in f32, of %v.
ACTIVATIONS = {
    "gelu": """    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %root = arith.constant 0.70710678118654752 : f32
    %z = arith.mulf %v, %root : f32
    %erf = math.erf %z : f32
    %above = arith.addf %erf, %one : f32
    %share = arith.mulf %above, %half : f32
    %r = arith.mulf %v, %share : f32
""",
    "gelu_tanh": """    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %root = arith.constant 0.79788456 : f32
    %part = arith.constant 0.044715 : f32
    %square = arith.mulf %v, %v : f32
    %inner = math.fma %square, %part, %one : f32
    %scaled = arith.mulf %v, %root : f32
    %z = arith.mulf %inner, %scaled : f32
    %tanh = math.tanh %z : f32
    %above = arith.addf %tanh, %one : f32
    %share = arith.mulf %above, %half : f32
    %r = arith.mulf %v, %share : f32
""",
    "silu": """    %one = arith.constant 1.0 : f32
    %minus = arith.negf %v : f32
    %exp = math.exp %minus : f32
    %below = arith.addf %exp, %one : f32
    %r = arith.divf %v, %below : f32
""",
    "tanh": "    %r = math.tanh %v : f32\n",
}


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
    if number % 3 == 2:
        return PairedCodes(n, -(-k // 16) * 16, rng.choice([m, 4096]),
                           storage=rng.choice(["i8", "f8E4M3FN"]), out=rng.choice(["f32", "bf16", "f16"]))
    storage = rng.choice(STORAGES)
    zero = storage if storage.startswith("u") else None
    return Paired(n, k, m=m, storage=storage, group=rng.choice([0, 32, 64, 128]), zero=zero,
                  x=rng.choice(["bf16", "f16"]), scale=rng.choice(["bf16", "f16", "f32"]),
                  bias=rng.random() < 0.3, out=rng.choice(["f32", "bf16", "f16"]))


class Epilogue:
    """y = f(x wᵀ) with an epilogue that `number` draws: an activation, and operands
    for each token or channel or result that are added, multiply, or are gated."""

    def __init__(self, number):
        rng = random.Random(f"epilogue {number}")
        self.is_integer = rng.random() < 0.2
        storage = rng.choice(["i4", "i4", "i8", "i8", "ui4", "f8E4M3FN"])
        zero = storage if storage.startswith("u") else None
        self.n, self.k = rng.choice([(11008, 4096), (4096, 11008), (4096, 4096), (1280, 5120), (3840, 1280),
                                     (1000, 784), (14336, 4096), (250, 1024)])
        m = rng.choice([1, 8, 16, 32, 64, 128, 256, None])
        self.m = rng.choice([64, 300, 4096]) if self.is_integer else m
        self.out = rng.choice(["f32", "f32", "bf16", "f16", "i8"])
        self.x = "i8" if self.is_integer else rng.choice(["bf16", "bf16", "f16"])
        scale = rng.choice(["bf16", "f32"]) if self.x == "bf16" else "f16"
        self.encoding = Encoding(storage, min(rng.choice([0, 64, 128, 128]), self.k), scale, zero)
        self.operands, self.lines = [], []
        value = "%acc"
        if self.is_integer:
            self.lines.append("    %float = arith.sitofp %acc : i32 to f32\n")
            value = self._combine("mul", self._combine("mul", "%float", "token", "f32"), "channel", "f32")
        if rng.random() < 0.7:
            value = self._combine("add", value, "channel", rng.choice(["f32", "bf16"]))
        self.activation = rng.choice(list(ACTIVATIONS))
        gated = rng.random() < 0.3
        # An activation of what was computed, or of an operand that gates it.
        active = self._operand("full", rng.choice(["f32", "bf16"])) if gated else value
        body = ACTIVATIONS[self.activation].replace("%v", active)
        self.lines.append(body)
        if gated:
            self.lines.append(f"    %gated = arith.mulf %r, {value} : f32\n")
        value = "%gated" if gated else "%r"
        if rng.random() < 0.4:
            value = self._combine("add", value, "full", rng.choice(["f32", "bf16"]))
        if self.out == "i8":
            value = self._combine("mul", value, "scalar", "f32")
            self.lines.append(
                "    %low = arith.constant -128.0 : f32\n    %high = arith.constant 127.0 : f32\n"
                f"    %even = math.roundeven {value} : f32\n"
                "    %above_low = arith.maximumf %even, %low : f32\n"
                "    %code = arith.minimumf %above_low, %high : f32\n"
                "    %y_ = arith.fptosi %code : f32 to i8\n")
        elif self.out != "f32":
            self.lines.append(f"    %y_ = arith.truncf {value} : f32 to {self.out}\n")
        self.result = value if self.out == "f32" else "%y_"

    def _operand(self, shape, kind):
        name = f"%o{len(self.operands)}"
        self.operands.append((name, shape, kind))
        if kind == "f32":
            return f"{name}_"
        self.lines.append(f"    {name}_f = arith.extf {name}_ : {kind} to f32\n")
        return f"{name}_f"

    def _combine(self, op, value, shape, kind):
        other = self._operand(shape, kind)
        self.lines.append(f"    {other}_r = arith.{op}f {value}, {other} : f32\n")
        return f"{other}_r"

    @property
    def name(self):
        operands = "-".join(f"{shape}:{kind}" for _, shape, kind in self.operands)
        weights = "i8" if self.is_integer else self.encoding
        return f"{self.m}x{self.n}x{self.k}-{self.x}-{weights}-{operands}-{self.activation}-{self.out}"

    def mlir(self):
        rows, size = ("?", "%m") if self.m is None else (self.m, "")
        x, y = f"tensor<{rows}x{self.k}x{self.x}>", f"tensor<{rows}x{self.n}x{self.out}>"
        w = f"tensor<{self.n}x{self.k}x{self.x}{'' if self.is_integer else ', #w'}>"
        shapes = {"token": (f"{rows}x1x", "(m, 0)"), "channel": (f"{self.n}x", "(n)"),
                  "full": (f"{rows}x{self.n}x", "(m, n)"), "scalar": ("", "()")}
        kinds = [f"tensor<{shapes[shape][0]}{kind}>" for _, shape, kind in self.operands]
        arguments = ["%x: " + x, "%w: " + w]
        arguments += [f"{name}: {kind}" for (name, *_), kind in zip(self.operands, kinds, strict=True)]
        names = ", ".join(f'{a} {{quant_tensor.name = "{a[1:].split(":")[0]}"}}' for a in arguments)
        operands = ""
        if self.operands:
            operands = f" epilogue({', '.join(o[0] for o in self.operands)} : {', '.join(kinds)})"
        maps = ", ".join(f"affine_map<(m, n) -> {shapes[shape][1]}>" for _, shape, _ in self.operands)
        block = ", ".join([f"%acc: {'i32' if self.is_integer else 'f32'}"] +
                          [f"{name}_: {kind}" for name, _, kind in self.operands])
        dim = f"  %c0 = arith.constant 0 : index\n  %m = tensor.dim %x, %c0 : {x}\n" if size else ""
        return (
            f"#w = #quant_tensor.encoding<{{{self.encoding}}}>\n"
            f'func.func @f({names}) -> ({y} {{quant_tensor.name = "y"}}) {{\n'
            f"{dim}  %init = tensor.empty({size}) : {y}\n"
            f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w}){operands} maps [{maps}]"
            f" outs(%init : {y}) {{\n  ^bb0({block}):\n{''.join(self.lines)}"
            f"    quant_tensor.yield {self.result} : {self.out}\n  }} -> {y}\n"
            f"  return %y : {y}\n}}\n"
        )


@pytest.fixture
def check(tool, check_registers, tmp_path):
    """check(case) compiles it by the schedules that are chosen, which must not spill."""
    def compile_and_check(case):
        source, ptx = tmp_path / "op.mlir", tmp_path / "op.ptx"
        source.write_text(case.mlir())
        tool("quant-compile", source, "--emit=ptx", "-o", ptx)
        check_registers(ptx, case.name)

    return compile_and_check


@pytest.mark.parametrize("m", [1, 64, 128])
@pytest.mark.parametrize("storage, group", [("i4", 128), ("i8", 0)])
def test_no_spills_of_wide_results(check, storage, group, m):
    """Results of 32 bits, of which a thread stores each by itself: of a gate, which is
    plain, and of up, which reads it, and of a layer with GELU."""
    types = dict(m=m, storage=storage, group=group, scale="bf16")
    for case in (Gated(11008, 4096, **types),
                 Layer(11008, 4096, bias=True, activation="gelu", out="f32", **types)):
        check(case)


@pytest.mark.parametrize("k", [144, 4096])
@pytest.mark.parametrize("out", ["bf16", "f32"])
def test_no_spills_of_odd_columns(check, out, k):
    """Bias and scales that no two columns are read together of, and GELU."""
    check(Layer(11001, k, m=2047, storage="i8", x="codes", bias=True, activation="gelu", out=out))


@pytest.mark.parametrize("number", EPILOGUES)
def test_no_spills_of_epilogues(check, number):
    check(Epilogue(number))


@pytest.mark.parametrize("number", PAIRS)
def test_no_spills_of_pairs(check, number):
    check(draw_pair(number))


def test_no_spills_of_scaled_sums_of_pairs(check):
    """f16, whose sums are scaled where it does not hold scaled weights."""
    for case in (Paired(4096, 4096, m=1000, storage="i4", group=64, x="f16", bias=True, out="bf16"),
                 Paired(4096, 4096, m=1000, storage="i4", group=128, x="f16", scale="bf16", out="f16"),
                 Paired(4096, 11008, m=256, storage="f8E5M2", group=64, x="f16", scale="bf16", out="bf16")):
        check(case)


#: Groups of less than a segment, whose scales are of runs, and tables in f16, whose
#: sums of groups are scaled.
SMALL_GROUPS = [
    dict(n=11008, k=4096, m=64, storage="f4E2M1FN", group=16, scale="f8E4M3FN", out="bf16"),
    dict(n=4096, k=4096, m=300, storage="f4E2M1FN", group=16, scale="f8E4M3FN", x="f16", out="f16"),
    dict(n=1000, k=4096, m=64, storage="i8", group=16, scale="bf16"),
    dict(n=200, k=8192, m=24, storage="ui4", group=48, zero="ui4", scale="bf16"),
    dict(n=13, k=4992, m=48, storage="ui4", group=48, zero="ui4", x="f16", scale="f16", out="f16"),
    dict(n=200, k=4992, m=48, storage="ui4", group=24, zero="ui4", scale="bf16"),
    dict(n=4096, k=14336, m=4, storage="f4E2M1FN", group=16, scale="f8E4M3FN", out="bf16"),
    dict(n=4096, k=4096, storage="f4E2M1FN", group=32, x="f16", scale="f16", out="f16"),
]


@pytest.mark.parametrize("kind", SMALL_GROUPS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_no_spills_of_small_groups(check, kind):
    check(Layer(**kind))


@pytest.mark.parametrize("number", NUMBERS)
def test_no_spills(check, number):
    check(draw(number))
