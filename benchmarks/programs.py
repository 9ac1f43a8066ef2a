"""The programs that are checked and timed, each with its exact result.

A program knows how it is written (`mlir`), draws random arrays by the names of
its arguments (`weights`, `activations`), and computes in float64 what the result
is exactly and how far from it a kernel may be (`reference`): the numeric
contract with the constants that the kernels' manifest declares.
"""

import copy
import math

import ml_dtypes
import numpy as np
from weights import (
    DTYPES,
    HALF_ULP,
    TINY,
    Encoding,
    Weight,
    contract_bound,
    float_values,
    quantize_rows,
)

#: Up to these many rows of activations, encoded weights stream.
STREAM_ROWS = 16

MAPS = """#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
"""

def write_gelu(source):
    """The ops that make %r, in f32, of a value."""
    return f"""    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %root = arith.constant 0.70710678118654752 : f32
    %z = arith.mulf {source}, %root : f32
    %erf = math.erf %z : f32
    %above = arith.addf %erf, %one : f32
    %share = arith.mulf %above, %half : f32
    %r = arith.mulf {source}, %share : f32
"""


def apply_gelu(values, bound):
    """GELU of values that are known within a bound. Its slope is at most 1.13, and a
    GPU's erf is within a few units in the last place of one."""
    erf = np.vectorize(math.erf, otypes=[np.float64])
    share = 0.5 * (1 + erf(values / np.sqrt(2)))
    return values * share, 1.13 * bound + 2.0**-20 * (np.abs(values) + bound)


def _arguments(scope):
    """The arguments of a constructor, from its locals() (`super` adds a class)."""
    return {n: value for n, value in scope.items() if n not in ("self", "__class__")}


class EncodedWeight:
    """A program's `weight`, of `_encoding`."""

    _weight = None

    def share_weight(self, other):
        """Takes another program's random weight where it is the same, since drawing
        a large one takes seconds."""
        mine, its = (
            (p._encoding, p.n, p.k) if isinstance(p, EncodedWeight) else None
            for p in (self, other)
        )
        if mine == its:
            self._weight = other.weight

    def take(self, columns):
        """The program that computes those columns of this one's result."""
        result = copy.copy(self)
        result._weight = self.weight.take(columns)
        result.n = result.columns = len(columns)
        return result

    @property
    def weight(self):
        """Random until one is given; drawn when asked for, since some are large."""
        if self._weight is None:
            self._weight = Weight(self._encoding, self.n, self.k)
        return self._weight


class Layer(EncodedWeight):
    """y = x wᵀ (+ bias). x is of a float type; or `codes`: int8 with a scale for
    each row; or `quantized` to that by the program, from `element`. `kind` names
    a line of the speed table; the only `activation` is "gelu"."""

    def __init__(
        self,
        n,
        k,
        m=None,
        x="bf16",
        storage="i4",
        group=0,
        scale="f32",
        zero=None,
        rows=1,
        bias=False,
        out="f32",
        chip="sm_90a",
        element="f32",
        kind=None,
        activation=None,
    ):
        self.arguments = _arguments(locals())
        # A block is at most the dimension.
        group = min(group, k)
        self.n, self.k, self.m, self.x = n, k, m, x
        self.columns, self.group, self.kind = n, group, kind
        self.bias, self.out, self.chip = bias, out, chip
        self.activation = activation
        self.is_integer = x in ("codes", "quantized")
        #: Groups of weights are decoded to f16, beside codes that are cast to it.
        self.is_decoded = self.is_integer and (group > 0 or rows > 1)
        self.element = element if self.is_integer else x
        parts = [f"{'dynamic' if m is None else m}x{n}x{k}", x, storage, f"g{group}"]
        parts += [scale, f"zp_{zero}" if zero else "", "bias" if bias else "", activation or ""]
        parts += [f"rows{rows}" if rows != 1 else "", out, chip]
        parts += [element if self.is_integer and element != "f32" else ""]
        self.name = "-".join(filter(None, parts))
        self.rng = np.random.default_rng(n * k)
        self._encoding = Encoding(storage, group, scale, zero, rows)
        self.bits = self._encoding.bits

    def mlir(self):
        m, n, k = "?" if self.m is None else self.m, self.n, self.k
        x, w = f"tensor<{m}x{k}x{self.element}>", f"tensor<{n}x{k}x{self.element}, #weight>"
        token = f"tensor<{m}x{k}x{self.element}, #token>"
        acc, out = f"tensor<{m}x{n}xf32>", f"tensor<{m}x{n}x{self.out}>"
        arguments, lines = [], []
        source, source_type, lhs, lhs_type = "%x", x, "%x", x
        if self.x == "codes":
            source, source_type = "%codes", f"tensor<{m}x{k}xi8>"
            scales = f"tensor<{m}x1xf32>"
            arguments.append(f'%codes: {source_type} {{quant_tensor.name = "x.codes"}}')
            arguments.append(f'%scales: {scales} {{quant_tensor.name = "x.scales"}}')
            lines.append(
                f"%lhs = quant_tensor.assemble %codes, %scales : {source_type}, {scales} -> {token}"
            )
        else:
            arguments.append(f'%x: {x} {{quant_tensor.name = "x"}}')
        if self.x == "quantized":
            lines.append(f"%lhs = quant_tensor.quantize %x : {x} -> {token}")
        if self.is_integer:
            lhs, lhs_type = "%lhs", token
        arguments.append(f'%w: {w} {{quant_tensor.name = "w"}}')
        size = ""
        if self.m is None:
            lines.append("%c0 = arith.constant 0 : index")
            lines.append(f"%m = tensor.dim {source}, %c0 : {source_type}")
            size = "%m"
        lines += [
            "%zero = arith.constant 0.0 : f32",
            f"%empty = tensor.empty({size}) : {acc}",
            f"%init = linalg.fill ins(%zero : f32) outs(%empty : {acc}) -> {acc}",
            f"%y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins({lhs}, %w : {lhs_type}, {w})"
            f" outs(%init : {acc}) -> {acc}",
        ]
        result = "%y"
        if self.bias:
            arguments.append(f'%bias: tensor<{n}xf32> {{quant_tensor.name = "bias"}}')
            lines.append(
                "%biased = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types ="
                ' ["parallel", "parallel"]}'
                f" ins(%y, %bias : {acc}, tensor<{n}xf32>) outs(%empty : {acc}) {{\n"
                "  ^bb0(%a: f32, %b: f32, %o: f32):\n"
                "    %s = arith.addf %a, %b : f32\n    linalg.yield %s : f32\n"
                f"  }} -> {acc}"
            )
            result = "%biased"
        if self.activation:
            lines.append(
                "%active = linalg.generic {indexing_maps = [#id, #id], iterator_types ="
                f' ["parallel", "parallel"]}} ins({result} : {acc}) outs(%empty : {acc}) {{\n'
                f"  ^bb0(%a: f32, %o: f32):\n{write_gelu('%a')}"
                f"    linalg.yield %r : f32\n  }} -> {acc}"
            )
            result = "%active"
        if self.out != "f32":
            lines.append(f"%narrow = arith.truncf {result} : {acc} to {out}")
            result = "%narrow"
        lines.append(f"return {result} : {out}")
        body = "\n".join("  " + line for line in lines)
        return (
            f"{MAPS}"
            "#id = affine_map<(m, n) -> (m, n)>\n#row = affine_map<(m, n) -> (n)>\n"
            f"#weight = #quant_tensor.encoding<{{{self._encoding}}}>\n"
            "#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>\n"
            f"func.func @linear({', '.join(arguments)}) -> ({out} "
            f'{{quant_tensor.name = "y"}}) {{\n{body}\n}}\n'
        )

    def family(self, rows):
        """What multiplies when there are `rows` rows."""
        if self.is_integer and not self.is_decoded:
            return _plain_family(self.chip, self.k)
        # There is no mma of f32, a lane's columns are of one group, and f16 does
        # not hold all weights times their scales.
        narrow = self.x == "f16" and self._encoding.scale != "f8E4M3FN"
        if self.x == "f32" or self.group % 8 or (self.group % 32 and narrow):
            return "reduce"
        if rows > STREAM_ROWS and (self.group % 32 or self._encoding.bits not in (2, 4, 8)):
            # Not dealt out to wgmma's lanes: scales, or codes that straddle words.
            return "mma_sync"
        return _decoded_family(self.chip, self.k, rows)

    def use_weight(self, values):
        """Takes a real weight, float32 and N×K, in place of a random one."""
        self._weight = Weight(self._encoding, self.n, self.k, values=values)

    def weights(self):
        return self.weight.inputs("w")

    def activations(self, rows):
        inputs = {}
        if self.x == "codes":
            inputs["x.codes"] = self.rng.integers(-128, 128, (rows, self.k), dtype=np.int8)
            inputs["x.scales"] = self.rng.uniform(0.01, 0.03, (rows, 1)).astype(np.float32)
        else:
            x = self.rng.standard_normal((rows, self.k)).astype(np.float32)
            inputs["x"] = x.astype(DTYPES[self.element])
        if self.bias:
            inputs["bias"] = self.rng.standard_normal(self.n).astype(np.float32)
        return inputs

    def reference(self, inputs, contract):
        """The exact result in float64, and the bound on the error."""
        if self.is_integer:
            if self.x == "codes":
                codes, scales = inputs["x.codes"], inputs["x.scales"]
            else:
                codes, scales = quantize_rows(inputs["x"])
            x = codes.astype(np.float64) * scales
            # The sum of integers is exact, whatever cancels in it.
            total = codes.astype(np.float64) @ self.weight.codes.T
            exact = total * scales.astype(np.float64) * self.weight.scales[:, 0]
            # The definition adds up the values themselves, in f64; that is far
            # below one unit of the sum.
            bound = self.k * 2.0**-53 * (np.abs(x) @ np.abs(self.weight.values).T)
            if self.is_decoded:
                exact = x @ self.weight.values.T
                bound = contract_bound(x, self.weight, contract)
        else:
            x = inputs["x"].astype(np.float64)
            exact = x @ self.weight.values.T
            bound = contract_bound(x, self.weight, contract)
        # What follows the accumulator rounds once for each operation.
        bound = bound + 4 * 2.0**-24 * np.abs(exact)
        if self.bias:
            exact = exact + inputs["bias"].astype(np.float64)
            bound = bound + 2.0**-24 * (np.abs(exact) + bound)
        if self.activation:
            exact, bound = apply_gelu(exact, bound)
        rounding = HALF_ULP[self.out] * 2 * (np.abs(exact) + bound) + TINY[self.out]
        return exact, bound + rounding


def _decoded_family(chip, k, rows):
    """What multiplies 16-bit activations by encoded weights."""
    if rows <= STREAM_ROWS:
        return "mma_stream"
    return "wgmma_decode" if _plain_family(chip, 2 * k) == "wgmma" else "mma_sync"


def _plain_family(chip, row_bytes):
    """What multiplies plain operands: the accelerator wants rows of 16 bytes."""
    return "wgmma" if chip == "sm_90a" and row_bytes % 16 == 0 else "mma_sync"


class HandScheduled(Layer):
    """A layer that is already one op, with `schedule` written on it by hand."""

    schedule = ""

    def mlir(self):
        head = super().mlir().split("  %zero")[0]
        x = f"tensor<{self.m}x{self.k}x{self.element}>"
        w = f"tensor<{self.n}x{self.k}x{self.element}, #weight>"
        y = f"tensor<{self.m}x{self.n}x{self.out}>"
        narrow = "" if self.out == "f32" else f"    %r = arith.truncf %acc : f32 to {self.out}\n"
        return (
            f"{head}  %init = tensor.empty() : {y}\n"
            f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w}) maps [] outs(%init : {y})"
            f" attributes {{quant_tile.schedule = {self.schedule}}} {{\n"
            f"  ^bb0(%acc: f32):\n{narrow}"
            f"    quant_tensor.yield {'%r' if narrow else '%acc'} : {self.out}\n  }} -> {y}\n"
            f"  return %y : {y}\n}}\n"
        )

    def family(self, rows):
        return self.schedule.split("<")[1].split(",")[0]


class ScheduledLayer(HandScheduled):
    """A layer of int4 weights in groups of 64 with a wgmma_decode schedule; `kind`
    is that of its warpgroups, `rest` what follows them in it."""

    def __init__(self, n, k, m, tile, warps, stages, split_k=1, rest="", out="f32",
                 kind="cooperative"):
        super().__init__(n, k, m, storage="i4", group=64, scale="bf16", out=out)
        self.arguments = _arguments(locals())
        self.schedule = (
            f'#quant_tile.schedule<wgmma_decode, chip = "sm_90a", tile = {tile}, '
            f"warps = {warps}, stages = {stages}, split_k = {split_k}, "
            f"weights = <fragment, tile = [16, 64]>, warpgroups = <{kind}>{rest}>"
        )
        kind = "" if kind == "cooperative" else f"-{kind}"
        self.name += f"-{tile}-{split_k}{kind}{rest}".replace(" ", "").replace("=", "")


class ReducedLayer(HandScheduled):
    """A layer of int8 weights for one row as a product and a sum on CUDA cores, which
    is not what is chosen for them. A block has `warps` along N and K."""

    def __init__(self, n, k, warps, stages, out="bf16"):
        super().__init__(n, k, 1, storage="i8", out=out)
        self.arguments = _arguments(locals())
        rows, columns = warps
        self.schedule = (
            f'#quant_tile.schedule<reduce, chip = "sm_90a", tile = [1, {16 * rows}, {32 * columns}],'
            f" warps = [1, {rows}, {columns}], stages = {stages},"
            " weights = <fragment, tile = [16, 32]>, dependent_launch = true>"
        )
        self.name += f"-reduce-{rows}x{columns}x{stages}"


class Integers:
    """y = x wᵀ in i32, neither with scales: exact. Of `unsigned`, "lhs" and "rhs",
    codes are read as unsigned; with `points`, both have zero points."""

    out, chip = "i32", "sm_90a"

    def __init__(self, n, k, m=None, unsigned=(), points=False, chip="sm_90a"):
        self.arguments = _arguments(locals())
        self.columns = n
        self.n, self.k, self.m, self.chip = n, k, m, chip
        self.unsigned, self.points = unsigned, points
        parts = [f"{'dynamic' if m is None else m}x{n}x{k}", "i8-i8-i32", *unsigned]
        self.name = "-".join(parts + ["points"] * points + [chip])
        self.rng = np.random.default_rng(n * k)

    def mlir(self):
        m, n, k = "?" if self.m is None else self.m, self.n, self.k
        x, w, y = f"tensor<{m}x{k}xi8>", f"tensor<{n}x{k}xi8>", f"tensor<{m}x{n}xi32>"
        size, dim = "", ""
        if self.m is None:
            size = "%m"
            dim = f"  %c0 = arith.constant 0 : index\n  %m = tensor.dim %x, %c0 : {x}\n"
        arguments, operands = "", ""
        if self.points:
            p, q = f"tensor<{m}x1xi32>", f"tensor<{n}x1xi32>"
            arguments = (
                f', %p: {p} {{quant_tensor.name = "p"}}'
                f', %q: {q} {{quant_tensor.name = "q", quant_tensor.weight}}'
            )
            operands = f" lhs_zero_points(%p : {p}) rhs_zero_points(%q : {q})"
        flags = "".join(f" {side}_unsigned" for side in self.unsigned)
        product = f"scaled_matmul{flags} ins(%x, %w : {x}, {w})"
        product += (
            f" maps [] outs(%init : {y}) {{\n  ^bb0(%acc: i32):\n"
            f"    quant_tensor.yield %acc : i32\n  }} -> {y}"
        )
        if self.points:
            product = f"int_matmul{flags} ins(%x, %w : {x}, {w}){operands}"
            product += f" outs(%init : {y}) -> {y}"
        return (
            f'func.func @product(%x: {x} {{quant_tensor.name = "x"}}, '
            f'%w: {w} {{quant_tensor.name = "w", quant_tensor.weight}}{arguments}) -> '
            f'({y} {{quant_tensor.name = "y"}}) {{\n{dim}'
            "  %zero = arith.constant 0 : i32\n"
            f"  %empty = tensor.empty({size}) : {y}\n"
            f"  %init = linalg.fill ins(%zero : i32) outs(%empty : {y}) -> {y}\n"
            f"  %y = quant_tensor.{product}\n"
            f"  return %y : {y}\n}}\n"
        )

    def family(self, rows):
        return _plain_family(self.chip, self.k)

    def weights(self):
        return self._draw("w", self.n, "q", "rhs")

    def activations(self, rows):
        return self._draw("x", rows, "p", "lhs")

    def _draw(self, name, count, points, side):
        codes = self.rng.integers(-128, 128, (count, self.k), dtype=np.int8)
        inputs = {name: codes}
        if self.points:
            low = 0 if side in self.unsigned else -128
            values = self.rng.integers(low, low + 256, (count, 1))
            inputs[points] = values.astype(np.int32)
        return inputs

    def reference(self, inputs, contract):
        values = []
        for name, side, points in [("x", "lhs", "p"), ("w", "rhs", "q")]:
            codes = inputs[name]
            codes = codes.view(np.uint8) if side in self.unsigned else codes
            values.append(codes.astype(np.float64) - inputs.get(points, 0))
        exact = values[0] @ values[1].T
        # Less than one: not a bit may be wrong.
        return exact, np.full_like(exact, 0.5)


class Product:
    """y = x w in i32 of int8 codes, a sum over k as `linalg.generic` has it: exact. `x`,
    `w` and `y` name their dimensions in the order they lie: b of batches, g and m of
    rows, n of columns, k. Where w has b, it is no weight but made by other kernels."""

    out, chip = "i32", "sm_90a"

    def __init__(self, x, w, y, **sizes):
        self.arguments = dict(x=x, w=w, y=y, **sizes)
        self.sides, self.sizes = dict(x=x, w=w, y=y), sizes
        self.n, self.k, self.columns = sizes["n"], sizes["k"], sizes[y[-1]]
        self.m = math.prod(self._shape("y")[:-1])
        extents = "x".join(str(sizes[letter]) for letter in sizes)
        self.name = f"product-{x}-{w}-{y}-{extents}"
        self.rng = np.random.default_rng(self.n * self.k)

    def _shape(self, name):
        return tuple(self.sizes[letter] for letter in self.sides[name])

    def mlir(self):
        loops = sorted(set("".join(self.sides.values())), key="bgmnk".index)
        maps = ", ".join(
            f"affine_map<({', '.join(loops)}) -> ({', '.join(self.sides[name])})>"
            for name in "xwy"
        )
        iterators = ", ".join(f'"{"reduction" if loop == "k" else "parallel"}"' for loop in loops)
        x, w, y = (
            f"tensor<{'x'.join(map(str, self._shape(name)))}x{element}>"
            for name, element in (("x", "i8"), ("w", "i8"), ("y", "i32"))
        )
        weight = "" if "b" in self.sides["w"] else ", quant_tensor.weight"
        return f"""func.func @product(%x: {x} {{quant_tensor.name = "x"}},
    %w: {w} {{quant_tensor.name = "w"{weight}}}) -> ({y} {{quant_tensor.name = "y"}}) {{
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : {y}
  %init = linalg.fill ins(%zero : i32) outs(%empty : {y}) -> {y}
  %y = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}}
      ins(%x, %w : {x}, {w}) outs(%init : {y}) {{
  ^bb0(%a: i8, %b: i8, %acc: i32):
    %p = arith.extsi %a : i8 to i32
    %q = arith.extsi %b : i8 to i32
    %r = arith.muli %p, %q : i32
    %s = arith.addi %acc, %r : i32
    linalg.yield %s : i32
  }} -> {y}
  return %y : {y}
}}
"""

    def family(self, rows):
        # Batches have no warpgroups, and copies of operands rows as they like.
        return "matmul_"

    def weights(self):
        return self._draw("w")

    def activations(self, rows):
        return self._draw("x")

    def _draw(self, name):
        return {name: self.rng.integers(-128, 128, self._shape(name), dtype=np.int8)}

    def reference(self, inputs, contract):
        equation = "{x},{w}->{y}".format(**self.sides)
        exact = np.einsum(equation, *(inputs[name].astype(np.float64) for name in "xw"))
        # Less than one: not a bit may be wrong.
        return exact, np.full_like(exact, 0.5)


class Scheduled(Integers):
    """The same with a wgmma schedule written by hand."""

    def __init__(self, n, k, tile, warps, stages, warpgroups, m=None, split_k=1):
        super().__init__(n, k, m)
        self.arguments = _arguments(locals())
        self.schedule = (
            f'#quant_tile.schedule<wgmma, chip = "sm_90a", tile = {tile}, '
            f"warps = {warps}, stages = {stages}, split_k = {split_k}, "
            f"warpgroups = <{warpgroups}>>"
        )
        parts = [tile, *([f"split{split_k}"] if split_k > 1 else []), warpgroups]
        self.name += "".join(f"-{part}" for part in parts).replace(" ", "").replace("=", "")

    def mlir(self):
        return super().mlir().replace(
            " {\n  ^bb0(%acc",
            f" attributes {{quant_tile.schedule = {self.schedule}}} {{\n  ^bb0(%acc",
        )

    def family(self, rows):
        return "wgmma"


class Dense:
    """y = x wᵀ of plain tensors of 16-bit floats."""

    out = "f32"

    def __init__(self, n, k, element, m=None, chip="sm_90a"):
        self.arguments = _arguments(locals())
        self.columns = n
        self.n, self.k, self.m, self.chip, self.element = n, k, m, chip, element
        self.name = f"{'dynamic' if m is None else m}x{n}x{k}-{element}-{element}-{chip}"
        self.rng = np.random.default_rng(n * k)

    def mlir(self):
        m, n, k = "?" if self.m is None else self.m, self.n, self.k
        x, w = f"tensor<{m}x{k}x{self.element}>", f"tensor<{n}x{k}x{self.element}>"
        y = f"tensor<{m}x{n}xf32>"
        size, dim = "", ""
        if self.m is None:
            size = "%m"
            dim = f"  %c0 = arith.constant 0 : index\n  %m = tensor.dim %x, %c0 : {x}\n"
        return (
            f'func.func @dense(%x: {x} {{quant_tensor.name = "x"}}, '
            f'%w: {w} {{quant_tensor.name = "w", quant_tensor.weight}}) -> '
            f'({y} {{quant_tensor.name = "y"}}) {{\n{dim}'
            f"  %empty = tensor.empty({size}) : {y}\n"
            f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w}) maps [] "
            f"outs(%empty : {y}) {{\n  ^bb0(%acc: f32):\n"
            f"    quant_tensor.yield %acc : f32\n  }} -> {y}\n  return %y : {y}\n}}\n"
        )

    def family(self, rows):
        return _plain_family(self.chip, 2 * self.k)

    def weights(self):
        return {"w": self._draw(self.n)}

    def activations(self, rows):
        return {"x": self._draw(rows)}

    def _draw(self, count):
        values = self.rng.standard_normal((count, self.k))
        return values.astype(DTYPES[self.element])

    def reference(self, inputs, contract):
        x, w = (inputs[name].astype(np.float64) for name in ("x", "w"))
        growth = self.k * contract[0]
        exact, magnitude = x @ w.T, np.abs(x) @ np.abs(w).T
        return exact, growth / (1 - growth) * magnitude + 2.0**-24 * np.abs(exact)


class Float8(EncodedWeight):
    """y = x wᵀ of 8-bit floats `x` and `w` with scales in f32. Those of x are of
    `group` columns of a row (0: of all), those of w of blocks of `rows` x `group`."""

    def __init__(
        self,
        n,
        k,
        m=None,
        x="f8E4M3FN",
        w="f8E4M3FN",
        group=0,
        rows=1,
        out="bf16",
        chip="sm_90a",
        fast=False,
        kind=None,
    ):
        self.arguments = _arguments(locals())
        self.columns, self.chip, self.out, self.kind = n, chip, out, kind
        #: Sums stay in the accumulators of tensor cores.
        self.options = ["--fast-accumulation"] if fast else []
        self.n, self.k, self.m, self.x, self.w, self.group = n, k, m, x, w, group
        self._encoding = Encoding(w, group, "f32", rows=rows)
        self._token = Encoding(x, group, "f32")
        parts = [f"{'dynamic' if m is None else m}x{n}x{k}", x, w, f"g{group}", f"rows{rows}", out]
        parts += [chip] + (["fast"] if fast else [])
        self.name = "-".join(parts)
        self.rng = np.random.default_rng(n * k)
        self.bits = self._encoding.bits

    @property
    def groups(self):
        return -(-self.k // self.group) if self.group else 1

    def mlir(self):
        m, n, k = "?" if self.m is None else self.m, self.n, self.k
        codes, scales = f"tensor<{m}x{k}x{self.x}>", f"tensor<{m}x{self.groups}xf32>"
        x, w = f"tensor<{m}x{k}xf32, #x>", f"tensor<{n}x{k}xf32, #w>"
        y = f"tensor<{m}x{n}x{self.out}>"
        size, dim = "", ""
        if self.m is None:
            size = "%m"
            dim = f"  %c0 = arith.constant 0 : index\n  %m = tensor.dim %c, %c0 : {codes}\n"
        acc, result, narrow = f"tensor<{m}x{n}xf32>", "%acc", ""
        if self.out != "f32":
            result, narrow = "%y", f"  %y = arith.truncf %acc : {acc} to {y}\n"
        return (
            f"{MAPS}#x = #quant_tensor.encoding<{{{self._token}}}>\n"
            f"#w = #quant_tensor.encoding<{{{self._encoding}}}>\n"
            f'func.func @float8(%c: {codes} {{quant_tensor.name = "x.codes"}}, '
            f'%s: {scales} {{quant_tensor.name = "x.scales"}}, '
            f'%w: {w} {{quant_tensor.name = "w"}}) -> ({y} {{quant_tensor.name = "y"}}) {{\n{dim}'
            "  %zero = arith.constant 0.0 : f32\n"
            f"  %x = quant_tensor.assemble %c, %s : {codes}, {scales} -> {x}\n"
            f"  %empty = tensor.empty({size}) : {acc}\n"
            f"  %init = linalg.fill ins(%zero : f32) outs(%empty : {acc}) -> {acc}\n"
            f"  %acc = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : {x}, {w})"
            f" outs(%init : {acc}) -> {acc}\n{narrow}  return {result} : {y}\n}}\n"
        )

    def family(self, rows):
        fits = self.group % 128 == 0 and _plain_family(self.chip, self.k) == "wgmma"
        return "wgmma" if fits else "reduce"

    def weights(self):
        return self.weight.inputs("w")

    def activations(self, rows):
        finite = np.flatnonzero(np.isfinite(float_values(self.x))).astype(np.uint8)
        codes = finite[self.rng.integers(0, len(finite), (rows, self.k))]
        scales = self.rng.uniform(0.002, 0.02, (rows, self.groups))
        return {"x.codes": codes.view(DTYPES[self.x]), "x.scales": scales.astype(np.float32)}

    def reference(self, inputs, contract):
        # The tensor core aligns terms by their exponents, for which a number below
        # the least normal one counts as that.
        def expand(codes, scales, kind):
            values = codes.astype(np.float64)
            least = float(ml_dtypes.finfo(DTYPES[kind]).smallest_normal)
            magnitude = np.where(values == 0, 0, np.maximum(np.abs(values), least))
            return values * scales, magnitude * scales

        scales = inputs["x.scales"].astype(np.float64)
        scales = np.repeat(scales, self.group or self.k, axis=1)[:, : self.k]
        x, x_size = expand(inputs["x.codes"], scales, self.x)
        w, w_size = expand(self.weight.codes, self.weight.scales, self.w)
        exact = x @ w.T
        growth = self.k * contract[0]
        assert growth < 1
        bound = growth / (1 - growth) * (x_size @ w_size.T)
        # What follows the accumulator rounds once for each operation.
        bound = bound + 4 * 2.0**-24 * (np.abs(exact) + bound)
        return exact, bound + HALF_ULP[self.out] * 2 * (np.abs(exact) + bound) + TINY[self.out]


class ScheduledFloat8(Float8):
    """The same with scales of blocks of 128 and a wgmma schedule written by hand."""

    def __init__(self, n, k, m, tile, warps, stages, warpgroups, out="bf16"):
        super().__init__(n, k, m, group=128, rows=128, out=out)
        self.arguments = _arguments(locals())
        self.schedule = (
            f'#quant_tile.schedule<wgmma, chip = "sm_90a", tile = {tile}, warps = {warps}, '
            f"stages = {stages}, warpgroups = <{warpgroups}>, promote = 1>"
        )
        self.name += f"-{tile}-{warpgroups}".replace(" ", "").replace("=", "")

    def mlir(self):
        lines = super().mlir().split("\n")
        head = lines[: next(i for i, line in enumerate(lines) if "%zero" in line)]
        (assemble,) = [line for line in lines if "quant_tensor.assemble" in line]
        x = assemble.split(" -> ")[1]
        w, y = f"tensor<{self.n}x{self.k}xf32, #w>", f"tensor<{self.m}x{self.n}x{self.out}>"
        narrow = "" if self.out == "f32" else f"    %r = arith.truncf %acc : f32 to {self.out}\n"
        return "\n".join(head) + (
            f"\n{assemble}\n  %init = tensor.empty() : {y}\n"
            f"  %y = quant_tensor.scaled_matmul ins(%x, %w : {x}, {w}) maps [] outs(%init : {y})"
            f" attributes {{quant_tile.schedule = {self.schedule}}} {{\n"
            f"  ^bb0(%acc: f32):\n{narrow}"
            f"    quant_tensor.yield {'%r' if narrow else '%acc'} : {self.out}\n  }} -> {y}\n"
            f"  return %y : {y}\n}}\n"
        )


class Gated:
    """silu(gate x) * up x in bf16: two products of encoded weights whose results
    nothing else reads. `kind` names a storage of the speed table."""

    chip, out, name_of_result = "sm_90a", "bf16", "h"

    def __init__(self, n, k, m=None, storage="i4", group=32, scale="bf16", kind=None):
        self.arguments = _arguments(locals())
        self.columns = n
        self.n, self.k, self.m, self.kind = n, k, m, kind
        rows = "dynamic" if m is None else m
        self.name = f"gated-{rows}-{n}-{k}-{storage}-g{group}-{scale}"
        self.rng = np.random.default_rng(n)
        self._encoding = Encoding(storage, group, scale)
        self.bits = self._encoding.bits
        self.gate, self.up = (Weight(self._encoding, n, k, seed) for seed in (1, 2))

    def _size(self):
        """Its result's rows, as a type and as an operand have them."""
        return ("?", "%m") if self.m is None else (self.m, "")

    def _matmul(self, name, x, x_type, weight, weight_type, width):
        rows, size = self._size()
        acc = f"tensor<{rows}x{width}xf32>"
        return (
            f"  %{name}_e = tensor.empty({size}) : {acc}\n"
            f"  %{name}_z = linalg.fill ins(%zero : f32) outs(%{name}_e : {acc}) -> {acc}\n"
            f"  %{name} = linalg.matmul indexing_maps = [#mk, #nk, #mn]"
            f" ins({x}, {weight} : {x_type}, {weight_type}) outs(%{name}_z : {acc}) -> {acc}\n"
        )

    def _types(self):
        rows, _ = self._size()
        x, h = f"tensor<{rows}x{self.k}xbf16>", f"tensor<{rows}x{self.n}xbf16>"
        into = f"tensor<{self.n}x{self.k}xbf16, #w>"
        return x, h, [("x", x), ("gate", into), ("up", into)], h

    def _tail(self):
        """What follows h."""
        return ""

    def mlir(self):
        rows, size = self._size()
        x, h, arguments, result = self._types()
        into = arguments[1][1]
        acc = f"tensor<{rows}x{self.n}xf32>"
        dim = f"  %c0 = arith.constant 0 : index\n  %m = tensor.dim %x, %c0 : {x}\n"
        names = ", ".join(
            f'%{name}: {kind} {{quant_tensor.name = "{name}"}}' for name, kind in arguments
        )
        return (
            f"{MAPS}#id = affine_map<(m, n) -> (m, n)>\n"
            f"#w = #quant_tensor.encoding<{{{self._encoding}}}>\n"
            f'func.func @mlp({names}) -> ({result} {{quant_tensor.name = "y"}}) {{\n'
            f"{dim if self.m is None else ''}  %zero = arith.constant 0.0 : f32\n"
            + self._matmul("g", "%x", x, "%gate", into, self.n)
            + self._matmul("u", "%x", x, "%up", into, self.n)
            + f"""  %he = tensor.empty({size}) : {h}
  %h = linalg.generic {{indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}}
      ins(%g, %u : {acc}, {acc}) outs(%he : {h}) {{
  ^bb0(%a: f32, %b: f32, %o: bf16):
    %one = arith.constant 1.0 : f32
    %minus = arith.negf %a : f32
    %exp = math.exp %minus : f32
    %below = arith.addf %exp, %one : f32
    %silu = arith.divf %a, %below : f32
    %product = arith.mulf %silu, %b : f32
    %t = arith.truncf %product : f32 to bf16
    linalg.yield %t : bf16
  }} -> {h}
"""
            + self._tail()
            + f"  return %{self.name_of_result} : {result}\n}}\n"
        )

    def family(self, rows):
        return _decoded_family(self.chip, self.k, rows)

    def take(self, columns):
        """The program that computes those columns of this one's result."""
        result = copy.copy(self)
        result.gate, result.up = self.gate.take(columns), self.up.take(columns)
        result.n = result.columns = len(columns)
        return result

    def weights(self):
        return self.gate.inputs("gate") | self.up.inputs("up")

    def activations(self, rows):
        x = self.rng.standard_normal((rows, self.k)).astype(np.float32)
        return {"x": x.astype(DTYPES["bf16"])}

    def reference(self, inputs, contract):
        x = inputs["x"].astype(np.float64)
        gate, up = x @ self.gate.values.T, x @ self.up.values.T
        gate_error = contract_bound(x, self.gate, contract)
        up_error = contract_bound(x, self.up, contract)
        silu = gate / (1 + np.exp(-gate))
        h = silu * up
        # silu's slope is at most 1.1; exp and the division of a GPU are within
        # a few units in the last place.
        slack = 1.1 * gate_error
        error = np.abs(up) * slack + np.abs(silu) * up_error + slack * up_error
        error += 16 * 2.0**-24 * np.abs(h)
        return h, error + 2 * HALF_ULP["bf16"] * (np.abs(h) + error) + TINY["bf16"]


class Mlp(Gated):
    """down(silu(gate x) * up x), all three int4 in groups of 32."""

    out, name_of_result = "f32", "y"

    def __init__(self, n, k):
        super().__init__(n, k)
        self.arguments = _arguments(locals())
        self.columns, self.name = k, f"mlp-{n}-{k}"
        self.down = Weight(self._encoding, k, n)

    def _types(self):
        x, h, arguments, _ = super()._types()
        back = f"tensor<{self.k}x{self.n}xbf16, #w>"
        return x, h, [*arguments, ("down", back)], f"tensor<?x{self.k}xf32>"

    def _tail(self):
        _, h, arguments, _ = self._types()
        return self._matmul("y", "%h", h, "%down", arguments[-1][1], self.k)

    def weights(self):
        return super().weights() | self.down.inputs("down")

    def reference(self, inputs, contract):
        h, h_error = super().reference(inputs, contract)
        exact = h @ self.down.values.T
        largest = np.abs(h) + h_error
        bound = contract_bound(largest, self.down, contract)
        bound += h_error @ np.abs(self.down.values).T
        return exact, bound + 2.0**-24 * np.abs(exact)


#: By the names that descriptions use.
PROGRAMS = {
    cls.__name__: cls
    for cls in (
        Layer, ScheduledLayer, ReducedLayer, Integers, Product, Scheduled, Dense, Float8,
        ScheduledFloat8, Gated, Mlp,
    )
}


def describe(program):
    """What `from_description` makes the same program of, as JSON has it."""
    return dict(
        name=program.name,
        program=type(program).__name__,
        arguments=program.arguments,
    )


def from_description(entry):
    return PROGRAMS[entry["program"]](**entry["arguments"])
