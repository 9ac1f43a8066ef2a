"""Gate and up of a transformer's MLP, and the whole of it."""

import copy

import numpy as np
from weights import DTYPES, HALF_ULP, TINY, Encoding, Weight, contract_bound

from .common import MAPS, arguments_of, decoded_family, write_rows


class Gated:
    """silu(gate x) * up x in bf16: two products of encoded weights whose results
    nothing else reads. `kind` names a storage of the speed table."""

    chip, out, name_of_result = "sm_90a", "bf16", "h"

    def __init__(self, n, k, m=None, storage="i4", group=32, scale="bf16", kind=None):
        self.arguments = arguments_of(locals())
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
        _, dim = write_rows(self.m, "%x", x)
        names = ", ".join(
            f'%{name}: {kind} {{quant_tensor.name = "{name}"}}' for name, kind in arguments
        )
        return (
            f"{MAPS}#id = affine_map<(m, n) -> (m, n)>\n"
            f"#w = #quant_tensor.encoding<{{{self._encoding}}}>\n"
            f'func.func @mlp({names}) -> ({result} {{quant_tensor.name = "y"}}) {{\n'
            f"{dim}  %zero = arith.constant 0.0 : f32\n"
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
        return decoded_family(self.chip, self.k, rows)

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
