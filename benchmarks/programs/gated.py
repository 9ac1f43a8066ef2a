"""Gate and up of a transformer's MLP, and the whole of it."""

import copy

import numpy as np
from weights import DTYPES, HALF_ULP, TINY, Encoding, Weight, contract_bound

from .common import MAPS, EncodedWeight, arguments_of, decoded_family, write_rows


def write_silu(source):
    """The ops that make %silu, in f32, of a value."""
    return f"""    %one = arith.constant 1.0 : f32
    %minus = arith.negf {source} : f32
    %exp = math.exp %minus : f32
    %below = arith.addf %exp, %one : f32
    %silu = arith.divf {source}, %below : f32
"""


def apply_gate(gate, gate_error, up, up_error, out):
    """silu(gate) * up, rounded to `out`, of values that are known within their errors,
    and the bound on its own."""
    silu = gate / (1 + np.exp(-gate))
    h = silu * up
    # silu's slope is at most 1.1; exp and the division of a GPU are within a few
    # units in the last place.
    slack = 1.1 * gate_error
    error = np.abs(up) * slack + np.abs(silu) * up_error + slack * up_error
    error += 16 * 2.0**-24 * np.abs(h)
    return h, error + 2 * HALF_ULP[out] * (np.abs(h) + error) + TINY[out]


class Gated:
    """silu(gate x) * up x in bf16: two products of encoded weights whose results
    nothing else reads. `merged`: as one product. `kind` names a storage of the speed
    table."""

    chip, out, name_of_result = "sm_90a", "bf16", "h"
    #: What the program says of the encoding of activations.
    _token = ""

    def __init__(self, n, k, m=None, storage="i4", group=32, scale="bf16", kind=None, zero=None,
                 merged=False):
        self.arguments = arguments_of(locals())
        self.columns = n
        self.n, self.k, self.m, self.kind = n, k, m, kind
        rows = "dynamic" if m is None else m
        self.name = f"gated-{rows}-{n}-{k}-{storage}-g{group}-{scale}"
        self.name += (f"-zp_{zero}" if zero else "") + ("-merged" if merged else "")
        self.options = ["--merge-contractions"] if merged else []
        self.rng = np.random.default_rng(n)
        self._encoding = Encoding(storage, group, scale, zero)
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

    def _head(self):
        """What makes %x, where that is no argument."""
        return ""

    def _tail(self):
        """What follows h."""
        return ""

    def mlir(self):
        rows, size = self._size()
        x, h, arguments, result = self._types()
        into = dict(arguments)["gate"]
        acc = f"tensor<{rows}x{self.n}xf32>"
        _, dim = write_rows(self.m, f"%{arguments[0][0]}", arguments[0][1])
        names = ", ".join(
            f'%{name}: {kind} {{quant_tensor.name = "{name}"}}' for name, kind in arguments
        )
        return (
            f"{MAPS}{self._token}#id = affine_map<(m, n) -> (m, n)>\n"
            f"#w = #quant_tensor.encoding<{{{self._encoding}}}>\n"
            f'func.func @mlp({names}) -> ({result} {{quant_tensor.name = "y"}}) {{\n'
            f"{dim}{self._head()}  %zero = arith.constant 0.0 : f32\n"
            + self._matmul("g", "%x", x, "%gate", into, self.n)
            + self._matmul("u", "%x", x, "%up", into, self.n)
            + f"""  %he = tensor.empty({size}) : {h}
  %h = linalg.generic {{indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}}
      ins(%g, %u : {acc}, {acc}) outs(%he : {h}) {{
  ^bb0(%a: f32, %b: f32, %o: bf16):
{write_silu('%a')}    %product = arith.mulf %silu, %b : f32
    %t = arith.truncf %product : f32 to bf16
    linalg.yield %t : bf16
  }} -> {h}
"""
            + self._tail()
            + f"  return %{self.name_of_result} : {result}\n}}\n"
        )

    def family(self, rows):
        return decoded_family(self.chip, self.k, rows)

    def share_weight(self, other):
        """Takes another program's random weights where they are the same, since drawing
        large ones takes seconds."""
        mine, its = (
            (p._encoding, p.n, p.k) if isinstance(p, Gated) else None for p in (self, other)
        )
        if mine == its:
            self.gate, self.up = other.gate, other.up

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
        return apply_gate(gate, gate_error, up, up_error, "bf16")


class Mlp(Gated):
    """down(silu(gate x) * up x), all three int4 in groups of 32."""

    out, name_of_result = "f32", "y"

    def __init__(self, n, k):
        super().__init__(n, k)
        self.arguments = arguments_of(locals())
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


class Paired(EncodedWeight):
    """silu(gate x + bias) * up x as the one op that products are merged into: rows of
    the weight are those of gate and up in turn."""

    def __init__(self, n, k, m=None, x="bf16", storage="i4", group=0, scale="f32", zero=None,
                 bias=False, out="f32", chip="sm_90a"):
        self.arguments = arguments_of(locals())
        # A block is at most the dimension.
        group = min(group, k)
        self.columns = n
        self.n, self.k, self.m, self.x = 2 * n, k, m, x
        self.group, self.bias, self.out, self.chip = group, bias, out, chip
        parts = [f"paired-{'dynamic' if m is None else m}x{n}x{k}", x, storage, f"g{group}"]
        parts += [scale, f"zp_{zero}" if zero else "", "bias" if bias else "", out, chip]
        self.name = "-".join(filter(None, parts))
        self.rng = np.random.default_rng(n * k)
        self._encoding = Encoding(storage, group, scale, zero)
        self.bits = self._encoding.bits

    def mlir(self):
        rows, size = ("?", "%m") if self.m is None else (self.m, "")
        x, y = f"tensor<{rows}x{self.k}x{self.x}>", f"tensor<{rows}x{self.columns}x{self.out}>"
        w, b = f"tensor<{self.n}x{self.k}x{self.x}, #w>", f"tensor<{self.columns}xf32>"
        arguments = [("x", x), ("w", w)] + [("bias", b)] * self.bias
        names = ", ".join(f'%{n}: {t} {{quant_tensor.name = "{n}"}}' for n, t in arguments)
        _, dim = write_rows(self.m, "%x", x)
        operands = f"epilogue(%bias : {b}) maps [#row]" if self.bias else "maps []"
        block = "%gate: f32, %up: f32" + ", %p: f32" * self.bias
        biased = "    %a = arith.addf %gate, %p : f32\n" if self.bias else ""
        narrow = "" if self.out == "f32" else f"    %t = arith.truncf %h : f32 to {self.out}\n"
        return (
            "#row = affine_map<(m, n) -> (n)>\n"
            f"#w = #quant_tensor.encoding<{{{self._encoding}}}>\n"
            f'func.func @f({names}) -> ({y} {{quant_tensor.name = "y"}}) {{\n'
            f"{dim}  %init = tensor.empty({size}) : {y}\n"
            f"  %y = quant_tensor.scaled_matmul paired ins(%x, %w : {x}, {w}) {operands}"
            f" outs(%init : {y}) {{\n  ^bb0({block}):\n{biased}"
            f"{write_silu('%a' if self.bias else '%gate')}"
            f"    %h = arith.mulf %silu, %up : f32\n{narrow}"
            f"    quant_tensor.yield {'%t' if narrow else '%h'} : {self.out}\n  }} -> {y}\n"
            f"  return %y : {y}\n}}\n"
        )

    def take(self, columns):
        """The program that computes those columns of this one's result."""
        columns = np.asarray(columns)
        result = super().take(np.stack([2 * columns, 2 * columns + 1], axis=1).ravel())
        result.columns = len(columns)
        return result

    def weights(self):
        return self.weight.inputs("w")

    def activations(self, rows):
        x = self.rng.standard_normal((rows, self.k)).astype(np.float32)
        inputs = {"x": x.astype(DTYPES[self.x])}
        if self.bias:
            inputs["bias"] = self.rng.standard_normal(self.columns).astype(np.float32)
        return inputs

    def reference(self, inputs, contract):
        x = inputs["x"].astype(np.float64)
        (gate, gate_error), (up, up_error) = (
            (x @ weight.values.T, contract_bound(x, weight, contract))
            for weight in (self.weight.take(range(first, self.n, 2)) for first in (0, 1))
        )
        if self.bias:
            gate = gate + inputs["bias"].astype(np.float64)
            gate_error = gate_error + 2.0**-24 * (np.abs(gate) + gate_error)
        return apply_gate(gate, gate_error, up, up_error, self.out)
