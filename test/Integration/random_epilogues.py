"""Random regions of scaled_matmul, with what each may give.

A region is grown from the accumulator and random operands by random arith and
math ops. Beside the MLIR of each value stands an interval that holds it whatever
the last bits of its ops are, so that kernels and reference can be held to it.
Operands of the product are small integers: every sum is exact in any order.
"""

import math
import random

import ml_dtypes
import numpy as np

KINDS = {
    "f32": np.dtype(np.float32), "bf16": np.dtype(ml_dtypes.bfloat16), "f16": np.dtype(np.float16),
    "i8": np.dtype(np.int8), "i32": np.dtype(np.int32),
    "f8E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn), "f8E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
#: Of one op of f32; of a function that is approximated, relative and absolute.
ROUNDED, APPROXIMATE = 2.0**-23, 2.0**-19
#: Half the distance of neighbours, relative, and where they are subnormal; the largest.
NARROW = {"f32": (0, 0, np.inf), "bf16": (2.0**-8, 2.0**-133, np.inf), "f16": (2.0**-11, 2.0**-24, 65504),
          "f8E4M3FN": (2.0**-4, 2.0**-10, 448), "f8E5M2": (2.0**-3, 2.0**-17, 57344)}


class Interval:
    """Elementwise [low, high] in float64."""

    def __init__(self, low, high=None):
        self.low, self.high = np.float64(low), np.float64(low if high is None else high)

    def widen(self, relative, absolute=2.0**-140):
        grow = lambda x: np.abs(x) * relative + absolute
        return Interval(self.low - grow(self.low), self.high + grow(self.high))

    def map(self, function):
        """Of a function that never falls."""
        return Interval(function(self.low), function(self.high))

    @staticmethod
    def hull(*values):
        values = np.broadcast_arrays(*values)
        return Interval(np.minimum.reduce(values), np.maximum.reduce(values))


def corners(a, b, function):
    values = [function(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    return Interval.hull(*values)


def magnitude(a):
    low = np.where((a.low <= 0) & (a.high >= 0), 0.0, np.minimum(np.abs(a.low), np.abs(a.high)))
    return Interval(low, np.maximum(np.abs(a.low), np.abs(a.high)))


erf = np.vectorize(math.erf, otypes=[np.float64])


class Region:
    """One random region; `lines` are its ops."""

    def __init__(self, rng, accumulator, is_integer, operands):
        self.rng, self.lines, self.count = rng, [], 0
        self.constants = {}
        value = ("%acc", Interval(accumulator))
        if is_integer:
            corrections = [op for op in operands if op[1] == "i32"]
            total = accumulator
            name = "%acc"
            for argument, _, array in corrections:
                name = self.emit(f"arith.subi {name}, {argument} : i32")
                total = total - array
            value = (self.emit(f"arith.sitofp {name} : i32 to f32"), Interval(total))
        # Floats of the size of a result, whatever K is.
        scale = self.constant(2.0**-7)
        self.pool = [(self.emit(f"arith.mulf {value[0]}, {scale[0]} : f32"),
                      corners(value[1], scale[1], np.multiply))]
        for argument, kind, array in operands:
            if kind == "i32":
                continue
            name = argument if kind == "f32" else self.emit(f"arith.extf {argument} : {kind} to f32")
            self.pool.append((name, Interval(array.astype(np.float64))))

    def emit(self, text):
        self.count += 1
        self.lines.append(f"    %v{self.count} = {text}")
        return f"%v{self.count}"

    def constant(self, value):
        if value not in self.constants:
            name = self.emit(f"arith.constant {value!r} : f32")
            self.constants[value] = (name, Interval(value))
        return self.constants[value]

    def clamp(self, value, low, high):
        name, interval = value
        low_name, high_name = self.constant(low)[0], self.constant(high)[0]
        name = self.emit(f"arith.maximumf {name}, {low_name} : f32")
        name = self.emit(f"arith.minimumf {name}, {high_name} : f32")
        return name, interval.map(lambda x: np.clip(x, low, high))

    def grow(self, steps):
        """Adds random ops; each takes what is there, the newest most often."""
        result = self.pool[0]
        for step in range(steps):
            # Every operand is read: the first steps take them in turn.
            other = self.pool[step + 1] if step + 1 < len(self.pool) else self.rng.choice(self.pool)
            result = self.step(result, other)
            self.pool.append(result)
            self.pool = self.pool[-8:] if step > 8 else self.pool
        return result

    def step(self, a, b):
        (x, i), (y, j) = a, b
        kind = self.rng.choice(
            ["add", "sub", "mul", "mul", "max", "min", "div", "fma", "select", "unary", "unary", "unary"])
        if kind in ("add", "sub"):
            function = np.add if kind == "add" else np.subtract
            return self.emit(f"arith.{kind}f {x}, {y} : f32"), corners(i, j, function).widen(ROUNDED)
        if kind == "mul":
            # Products of products must not overflow.
            (x, i), (y, j) = self.clamp(a, -256.0, 256.0), self.clamp(b, -16.0, 16.0)
            return self.emit(f"arith.mulf {x}, {y} : f32"), corners(i, j, np.multiply).widen(ROUNDED)
        if kind in ("max", "min"):
            function = np.maximum if kind == "max" else np.minimum
            word = self.rng.choice(["imumf", "numf"])
            return self.emit(f"arith.{kind}{word} {x}, {y} : f32"), corners(i, j, function)
        if kind == "div":
            # By something from 1 on.
            y = self.emit(f"math.absf {y} : f32")
            one = self.constant(1.0)
            y = self.emit(f"arith.addf {y}, {one[0]} : f32")
            j = magnitude(j)
            j = Interval(j.low + 1, j.high + 1).widen(ROUNDED)
            return self.emit(f"arith.divf {x}, {y} : f32"), corners(i, j, np.divide).widen(ROUNDED)
        if kind == "fma":
            (x, i), (y, j) = self.clamp(a, -256.0, 256.0), self.clamp(b, -16.0, 16.0)
            z, k = self.rng.choice(self.pool)
            product = corners(i, j, np.multiply)
            return self.emit(f"math.fma {x}, {y}, {z} : f32"), corners(product, k, np.add).widen(ROUNDED)
        if kind == "select":
            z, k = self.rng.choice(self.pool)
            condition = self.emit(f"arith.cmpf olt, {x}, {y} : f32")
            name = self.emit(f"arith.select {condition}, {y}, {z} : f32")
            surely, never = i.high < j.low, i.low >= j.high
            both = Interval.hull(j.low, j.high, k.low, k.high)
            low = np.where(surely, j.low, np.where(never, k.low, both.low))
            return name, Interval(low, np.where(surely, j.high, np.where(never, k.high, both.high)))
        return self.unary(a)

    def unary(self, a):
        x, i = a
        kind = self.rng.choice(["neg", "abs", "exp", "tanh", "erf", "sqrt", "rsqrt", "silu", "relu", "round", "log"])
        if kind == "neg":
            return self.emit(f"arith.negf {x} : f32"), Interval(-i.high, -i.low)
        if kind == "abs":
            return self.emit(f"math.absf {x} : f32"), magnitude(i)
        if kind == "exp":
            x, i = self.clamp(a, -30.0, 6.0)
            return self.emit(f"math.exp {x} : f32"), i.map(np.exp).widen(APPROXIMATE)
        if kind == "tanh":
            return self.emit(f"math.tanh {x} : f32"), i.map(np.tanh).widen(APPROXIMATE, 2.0**-20)
        if kind == "erf":
            return self.emit(f"math.erf {x} : f32"), i.map(erf).widen(APPROXIMATE, 2.0**-20)
        if kind in ("sqrt", "rsqrt", "log"):
            x, i = self.emit(f"math.absf {x} : f32"), magnitude(i)
            one = self.constant(1.0)
            x = self.emit(f"arith.addf {x}, {one[0]} : f32")
            i = Interval(i.low + 1, i.high + 1).widen(ROUNDED)
            name = self.emit(f"math.{kind} {x} : f32")
            if kind == "rsqrt":
                return name, Interval(i.high**-0.5, i.low**-0.5).widen(APPROXIMATE)
            return name, i.map(np.sqrt if kind == "sqrt" else np.log).widen(APPROXIMATE, 2.0**-20)
        if kind == "silu":
            x, i = self.clamp(a, -60.0, 60.0)
            one = self.constant(1.0)
            name = self.emit(f"arith.negf {x} : f32")
            name = self.emit(f"math.exp {name} : f32")
            name = self.emit(f"arith.addf {name}, {one[0]} : f32")
            sigmoid = i.map(lambda v: 1 / (1 + np.exp(-v))).widen(2 * APPROXIMATE)
            return (self.emit(f"arith.divf {x}, {name} : f32"),
                    corners(i, sigmoid, np.multiply).widen(APPROXIMATE))
        if kind == "relu":
            zero = self.constant(0.0)
            return self.emit(f"arith.maximumf {x}, {zero[0]} : f32"), i.map(lambda v: np.maximum(v, 0))
        return self.emit(f"math.roundeven {x} : f32"), i.map(np.rint)

    def finish(self, value, out):
        """Narrows to the result's type."""
        if out == "f32":
            return value
        if out == "i8":
            x, i = self.emit(f"math.roundeven {value[0]} : f32"), value[1].map(np.rint)
            x, i = self.clamp((x, i), -128.0, 127.0)
            return self.emit(f"arith.fptosi {x} : f32 to i8"), i
        relative, absolute, largest = NARROW[out]
        x, i = value
        if np.isfinite(largest):
            x, i = self.clamp(value, -float(largest), float(largest))
        return self.emit(f"arith.truncf {x} : f32 to {out}"), i.widen(relative, absolute)


class RandomEpilogue:
    """y = region(x wᵀ, operands): everything drawn from `seed`. `family` says what
    the kernel is to be, which decides the types of the product."""

    FAMILIES = ["wgmma", "wgmma", "mma_sync", "mma_stream", "wgmma_decode", "reduce", "plain"]

    def __init__(self, seed):
        rng = self.rng = random.Random(f"epilogue {seed}")
        self.family = self.FAMILIES[seed % len(self.FAMILIES)]
        self.chip = "sm_90a"
        self.encoding = ""
        self.lhs = self.rhs = rng.choice({
            "wgmma": ["i8", "i8", "bf16", "f16", "f8E4M3FN", "f8E5M2"],
            "mma_sync": ["i8", "i8", "bf16", "f16"],
            "reduce": ["f32"], "plain": ["f32"],
        }.get(self.family, ["bf16", "f16"]))
        self.m = rng.choice([1, 5, 16]) if self.family == "mma_stream" else rng.choice([33, 67, 130])
        self.n = rng.choice([24, 37, 72])
        k = rng.choice([48, 96, 272])
        # Odd rows are what the accelerator does not take.
        self.k = k + 1 if self.family == "mma_sync" else k
        if self.family in ("mma_stream", "wgmma_decode", "reduce"):
            self.encoding = "#w = #quant_tensor.encoding<{storage = i4, block = [1, 32], scale = f32}>\n"
            self.k = 32 * (k // 32)
        self.out = rng.choice(["f32", "bf16", "f16", "i8", "f8E4M3FN"])
        #: Rank 3 activations, in `m` rows of them.
        self.batch = rng.random() < 0.25 and self.m % 3 == 0
        self.is_integer = self.lhs == "i8"
        numbers = np.random.default_rng(seed)
        most = 2 if self.lhs.startswith("f8") else 3
        x = numbers.integers(-most, most + 1, (self.m, self.k))
        w = numbers.integers(-most, most + 1, (self.n, self.k))
        self.inputs = {"x": x.astype(KINDS[self.lhs])}
        if self.encoding:
            codes = (w & 15).astype(np.uint8)
            self.inputs["w.codes"] = (codes[:, ::2] | codes[:, 1::2] << 4).view(np.int8)
            self.inputs["w.scales"] = np.ones((self.n, self.k // 32), np.float32)
        else:
            self.inputs["w"] = w.astype(KINDS[self.rhs])
        self.operands = []
        for index in range(rng.randrange(5)):
            shape = rng.choice(["token", "channel", "full", "scalar"])
            kind = rng.choice(["f32", "f32", "bf16", "f16"] + ["i32"] * self.is_integer)
            sizes = {"token": (self.m, 1), "channel": (1, self.n), "full": (self.m, self.n), "scalar": (1, 1)}
            if kind == "i32":
                array = numbers.integers(-50, 50, sizes[shape])
            else:
                array = numbers.uniform(-2, 2, sizes[shape])
            self.operands.append((f"%o{index}", shape, kind, array.astype(KINDS[kind])))
        region = Region(rng, x @ w.T, self.is_integer,
                        [(name, kind, array) for name, _, kind, array in self.operands])
        value = region.grow(rng.randrange(len(self.operands) + 1, len(self.operands) + 9))
        self.result, interval = region.finish(value, self.out)
        self.low, self.high = (np.broadcast_to(v, (self.m, self.n)) for v in (interval.low, interval.high))
        self.lines = region.lines

    def mlir(self):
        rows = [3, self.m // 3] if self.batch else [self.m]
        dims = "(b, m, n)" if self.batch else "(m, n)"
        lead = "b, m" if self.batch else "m"
        tensor = lambda sizes, kind: f"tensor<{'x'.join(map(str, [*sizes, '']))}{kind}>"
        x, y = tensor(rows + [self.k], self.lhs), tensor(rows + [self.n], self.out)
        w = tensor([self.n, self.k], self.rhs + (", #w" if self.encoding else ""))
        arguments = [f'%x: {x} {{quant_tensor.name = "x"}}', f'%w: {w} {{quant_tensor.name = "w"}}']
        kinds, maps, names = [], [], []
        for name, shape, kind, _ in self.operands:
            type, read = {
                "token": (tensor(rows + [1], kind), f"({lead}, 0)"),
                "channel": (tensor([self.n], kind), "(n)"),
                "full": (tensor(rows + [self.n], kind), f"({lead}, n)"),
                "scalar": (f"tensor<{kind}>", "()"),
            }[shape]
            arguments.append(f'{name}: {type} {{quant_tensor.name = "{name[1:]}"}}')
            kinds.append(type)
            maps.append(f"affine_map<{dims} -> {read}>")
            names.append(f"{name}_: {kind}")
        epilogue = ""
        if self.operands:
            epilogue = f" epilogue({', '.join(o[0] for o in self.operands)} : {', '.join(kinds)})"
        body = "\n".join(self.lines)
        for name, *_ in self.operands:
            body = body.replace(f"{name} ", f"{name}_ ").replace(f"{name},", f"{name}_,")
        acc = "i32" if self.is_integer else "f32"
        block = ", ".join([f"%acc: {acc}", *names])
        return (
            f"{self.encoding}func.func @f({', '.join(arguments)}) -> ({y} {{quant_tensor.name = \"y\"}}) {{\n"
            f"  %init = tensor.empty() : {y}\n"
            f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w}){epilogue} maps [{', '.join(maps)}]\n"
            f"      outs(%init : {y}) {{\n  ^bb0({block}):\n{body}\n"
            f"    quant_tensor.yield {self.result} : {self.out}\n  }} -> {y}\n  return %y : {y}\n}}\n"
        )

    def arrays(self):
        rows = (3, self.m // 3) if self.batch else (self.m,)
        result = dict(self.inputs, x=self.inputs["x"].reshape(*rows, self.k))
        for name, shape, _, array in self.operands:
            shapes = {"token": (*rows, 1), "channel": (self.n,), "full": (*rows, self.n), "scalar": ()}
            result[name[1:]] = array.reshape(shapes[shape])
        return result

    def check(self, bits):
        y = bits.view(KINDS[self.out]).reshape(self.m, self.n).astype(np.float64)
        wrong = ~((y >= self.low) & (y <= self.high))
        at = tuple(np.argwhere(wrong)[0]) if wrong.any() else None
        assert at is None, (
            f"{wrong.sum()} of {wrong.size} wrong: y{at} = {y[at]} not in [{self.low[at]}, {self.high[at]}]")
