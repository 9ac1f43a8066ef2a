"""Gate and up of a transformer's MLP with both operands in 8 bits."""

import numpy as np

from .common import arguments_of, plain_family, write_rows
from .float8 import draw_codes, draw_scales, multiply_codes
from .gated import Gated, apply_gate, write_silu


class GatedCodes(Gated):
    """silu(gate x) * up x of codes of `storage`, i8 or a float of 8 bits: a scale for
    each row of x, and for each of gate and of up."""

    _token = "#x = #quant_tensor.encoding<{{storage = {0}, block = [1, 0], scale = f32}}>\n"

    def __init__(self, n, k, m=None, storage="i8", kind=None, merged=False):
        super().__init__(n, k, m, storage, group=0, scale="f32", kind=kind, merged=merged)
        self.arguments = arguments_of(locals())
        self.storage = storage
        self._token = self._token.format(storage)
        self.name = f"codes-{self.name}"

    def _types(self):
        rows, _ = self._size()
        codes, scales = f"tensor<{rows}x{self.k}x{self.storage}>", f"tensor<{rows}x1xf32>"
        x, h = f"tensor<{rows}x{self.k}xf32, #x>", f"tensor<{rows}x{self.n}xbf16>"
        into = f"tensor<{self.n}x{self.k}xf32, #w>"
        arguments = [("x.codes", codes), ("x.scales", scales)]
        return x, h, [*arguments, ("gate", into), ("up", into)], h

    def _head(self):
        x, _, arguments, _ = self._types()
        codes, scales = arguments[0][1], arguments[1][1]
        return f"  %x = quant_tensor.assemble %x.codes, %x.scales : {codes}, {scales} -> {x}\n"

    def family(self, rows):
        return plain_family(self.chip, self.k)

    def activations(self, rows):
        return {
            "x.codes": draw_codes(self.rng, (rows, self.k), self.storage),
            "x.scales": draw_scales(self.rng, (rows, 1)),
        }

    def reference(self, inputs, contract):
        x = inputs["x.codes"], inputs["x.scales"], self.storage
        gate, up = (
            multiply_codes(x, (weight.codes, weight.scales, self.storage), contract)
            for weight in (self.gate, self.up)
        )
        return apply_gate(*gate, *up, "bf16")


class PairedCodes:
    """The same as the one op that products are merged into, of plain codes `w` whose rows
    are those of gate and up in turn, in `out`."""

    def __init__(self, n, k, m=None, storage="i8", out="bf16", chip="sm_90a"):
        self.arguments = arguments_of(locals())
        self.columns, self.n, self.k, self.m = n, n, k, m
        self.storage, self.out, self.chip, self.options = storage, out, chip, []
        rows = "dynamic" if m is None else m
        self.name = f"paired-codes-{rows}x{n}x{k}-{storage}-{out}-{chip}"
        self.rng = np.random.default_rng(n * k)
        draw = np.random.default_rng([n, k])
        self._w = draw_codes(draw, (2 * n, k), storage)
        # Of gate and of up. One has another shape than the other, so that operands of the
        # epilogue are known by theirs.
        self._scales = {
            "gate": draw_scales(draw, (n, 1)),
            "up": draw_scales(draw, n),
        }

    def mlir(self):
        rows, size = ("?", "%m") if self.m is None else (self.m, "")
        x, w = (f"tensor<{extent}x{self.k}x{self.storage}>" for extent in (rows, 2 * self.n))
        scales = [("token", f"tensor<{rows}x1xf32>"), ("gate", f"tensor<{self.n}x1xf32>"),
                  ("up", f"tensor<{self.n}xf32>")]
        y = f"tensor<{rows}x{self.n}x{self.out}>"
        arguments = ", ".join(
            f'%{name}: {kind} {{quant_tensor.name = "{name}"}}'
            for name, kind in [("x", x), ("w", w), *scales]
        )
        _, dim = write_rows(self.m, "%x", x)
        names, kinds = (", ".join(part) for part in zip(*((f"%{n}", t) for n, t in scales)))
        acc = "i32" if self.storage == "i8" else "f32"
        lines = []
        for side in ("gate", "up"):
            value = f"%{side}_"
            if acc == "i32":
                lines.append(f"    {value}f = arith.sitofp {value} : i32 to f32\n")
                value += "f"
            lines.append(f"    %{side}_t = arith.mulf {value}, %t : f32\n")
            lines.append(f"    %{side}_s = arith.mulf %{side}_t, %of_{side} : f32\n")
        lines.append(f"{write_silu('%gate_s')}    %h = arith.mulf %silu, %up_s : f32\n")
        result = "%h"
        if self.out != "f32":
            lines.append(f"    %narrow = arith.truncf %h : f32 to {self.out}\n")
            result = "%narrow"
        return (
            "#token = affine_map<(m, n) -> (m, 0)>\n#column = affine_map<(m, n) -> (n, 0)>\n"
            "#row = affine_map<(m, n) -> (n)>\n"
            f'func.func @f({arguments}) -> ({y} {{quant_tensor.name = "y"}}) {{\n'
            f"{dim}  %init = tensor.empty({size}) : {y}\n"
            f"  %y = quant_tensor.scaled_matmul paired ins(%x, %w : {x}, {w})"
            f" epilogue({names} : {kinds}) maps [#token, #column, #row] outs(%init : {y}) {{\n"
            f"  ^bb0(%gate_: {acc}, %up_: {acc}, %t: f32, %of_gate: f32, %of_up: f32):\n"
            f"{''.join(lines)}    quant_tensor.yield {result} : {self.out}\n  }} -> {y}\n"
            f"  return %y : {y}\n}}\n"
        )

    def family(self, rows):
        return plain_family(self.chip, self.k)

    def weights(self):
        return {"w": self._w} | self._scales

    def activations(self, rows):
        return {
            "x": draw_codes(self.rng, (rows, self.k), self.storage),
            "token": draw_scales(self.rng, (rows, 1)),
        }

    def reference(self, inputs, contract):
        x = inputs["x"], inputs["token"], self.storage
        gate, up = (
            multiply_codes(
                x,
                (self._w[first::2], self._scales[side].reshape(-1, 1), self.storage),
                contract,
            )
            for first, side in enumerate(("gate", "up"))
        )
        return apply_gate(*gate, *up, self.out)
