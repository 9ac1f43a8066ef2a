"""Products of plain arrays: of integers, which are exact, and of 16-bit floats."""

import math

import numpy as np
from weights import DTYPES

from .common import arguments_of, plain_family, write_rows


class Integers:
    """y = x wᵀ in i32, neither with scales: exact. Of `unsigned`, "lhs" and "rhs",
    codes are read as unsigned; with `points`, both have zero points."""

    out, chip = "i32", "sm_90a"

    def __init__(self, n, k, m=None, unsigned=(), points=False, chip="sm_90a"):
        self.arguments = arguments_of(locals())
        self.columns = n
        self.n, self.k, self.m, self.chip = n, k, m, chip
        self.unsigned, self.points = unsigned, points
        parts = [f"{'dynamic' if m is None else m}x{n}x{k}", "i8-i8-i32", *unsigned]
        self.name = "-".join(parts + ["points"] * points + [chip])
        self.rng = np.random.default_rng(n * k)

    def mlir(self):
        m, n, k = "?" if self.m is None else self.m, self.n, self.k
        x, w, y = f"tensor<{m}x{k}xi8>", f"tensor<{n}x{k}xi8>", f"tensor<{m}x{n}xi32>"
        size, dim = write_rows(self.m, "%x", x)
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
        return plain_family(self.chip, self.k)

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
        self.arguments = arguments_of(locals())
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
        self.arguments = arguments_of(locals())
        self.columns = n
        self.n, self.k, self.m, self.chip, self.element = n, k, m, chip, element
        self.name = f"{'dynamic' if m is None else m}x{n}x{k}-{element}-{element}-{chip}"
        self.rng = np.random.default_rng(n * k)

    def mlir(self):
        m, n, k = "?" if self.m is None else self.m, self.n, self.k
        x, w = f"tensor<{m}x{k}x{self.element}>", f"tensor<{n}x{k}x{self.element}>"
        y = f"tensor<{m}x{n}xf32>"
        size, dim = write_rows(self.m, "%x", x)
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
        return plain_family(self.chip, 2 * self.k)

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
