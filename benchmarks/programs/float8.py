"""Products of 8-bit floats with scales."""

import ml_dtypes
import numpy as np
from weights import DTYPES, HALF_ULP, TINY, Encoding, float_values

from .common import MAPS, EncodedWeight, arguments_of, plain_family, write_rows


def multiply_codes(x, w, contract):
    """x wᵀ of codes with scales, each as (codes, scales, storage), and the bound of a
    kernel that multiplies codes and then scales."""

    # The tensor core aligns terms by their exponents, for which a number below the least
    # normal one counts as that.
    def expand(codes, scales, kind):
        values, scales = codes.astype(np.float64), scales.astype(np.float64)
        magnitude = np.abs(values)
        if kind in DTYPES:
            least = float(ml_dtypes.finfo(DTYPES[kind]).smallest_normal)
            magnitude = np.where(values == 0, 0, np.maximum(magnitude, least))
        return values * scales, magnitude * scales

    (x_values, x_size), (w_values, w_size) = expand(*x), expand(*w)
    exact = x_values @ w_values.T
    growth = x_values.shape[1] * contract[0]
    assert growth < 1
    bound = growth / (1 - growth) * (x_size @ w_size.T)
    # What follows the accumulator rounds once for each operation, and the definition adds
    # up in f64.
    bound = bound + 4 * 2.0**-24 * (np.abs(exact) + bound)
    return exact, bound + x_values.shape[1] * 2.0**-53 * (x_size @ w_size.T)


def draw_codes(rng, shape, storage):
    """Random codes of a tensor: every integer of eight bits, or every finite float."""
    if storage == "i8":
        return rng.integers(-128, 128, shape, dtype=np.int8)
    finite = np.flatnonzero(np.isfinite(float_values(storage))).astype(np.uint8)
    return finite[rng.integers(0, len(finite), shape)].view(DTYPES[storage])


def draw_scales(rng, shape):
    """Random scales in f32, of a size that keeps sums of codes of eight bits moderate."""
    return rng.uniform(0.002, 0.02, shape).astype(np.float32)


class Float8(EncodedWeight):
    """y = x wᵀ of 8-bit floats `x` and `w` with scales of type `scale`. Those of x are of
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
        scale="f32",
        kind=None,
    ):
        self.arguments = arguments_of(locals())
        self.columns, self.chip, self.out, self.kind = n, chip, out, kind
        #: Sums stay in the accumulators of tensor cores.
        self.options = ["--fast-accumulation"] if fast else []
        self.n, self.k, self.m, self.x, self.w, self.group = n, k, m, x, w, group
        self.scale = scale
        self._encoding = Encoding(w, group, scale, rows=rows)
        self._token = Encoding(x, group, scale)
        parts = [f"{'dynamic' if m is None else m}x{n}x{k}", x, w, f"g{group}", f"rows{rows}", out]
        parts += [chip] + (["fast"] if fast else []) + ([scale] if scale != "f32" else [])
        self.name = "-".join(parts)
        self.rng = np.random.default_rng(n * k)
        self.bits = self._encoding.bits

    @property
    def groups(self):
        return -(-self.k // self.group) if self.group else 1

    def mlir(self):
        m, n, k = "?" if self.m is None else self.m, self.n, self.k
        codes, scales = f"tensor<{m}x{k}x{self.x}>", f"tensor<{m}x{self.groups}x{self.scale}>"
        x, w = f"tensor<{m}x{k}xf32, #x>", f"tensor<{n}x{k}xf32, #w>"
        y = f"tensor<{m}x{n}x{self.out}>"
        size, dim = write_rows(self.m, "%c", codes)
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
        family = plain_family(self.chip, self.k)
        # mma.sync knows no scales of blocks, wgmma those of its steps along K.
        fits = self.group % 128 == 0 if family == "wgmma" else self.group == 0
        return family if fits else "reduce"

    def weights(self):
        return self.weight.inputs("w")

    def activations(self, rows):
        codes = draw_codes(self.rng, (rows, self.k), self.x)
        scales = draw_scales(self.rng, (rows, self.groups)).astype(DTYPES[self.scale])
        return {"x.codes": codes, "x.scales": scales}

    def reference(self, inputs, contract):
        scales = np.repeat(inputs["x.scales"], self.group or self.k, axis=1)[:, : self.k]
        x = inputs["x.codes"], scales, self.x
        exact, bound = multiply_codes(x, (self.weight.codes, self.weight.scales, self.w), contract)
        return exact, bound + HALF_ULP[self.out] * 2 * (np.abs(exact) + bound) + TINY[self.out]


class ScheduledFloat8(Float8):
    """The same with scales of blocks of 128 and a wgmma schedule written by hand."""

    def __init__(self, n, k, m, tile, warps, stages, warpgroups, out="bf16", split_k=1):
        super().__init__(n, k, m, group=128, rows=128, out=out)
        self.arguments = arguments_of(locals())
        self.schedule = (
            f'#quant_tile.schedule<wgmma, chip = "sm_90a", tile = {tile}, warps = {warps}, '
            f"stages = {stages}, split_k = {split_k}, warpgroups = <{warpgroups}>, promote = 1>"
        )
        self.name += f"-{tile}-{split_k}{warpgroups}".replace(" ", "").replace("=", "")

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
