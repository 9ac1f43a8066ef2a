"""Linear layers of encoded weights."""

import numpy as np
from weights import DTYPES, HALF_ULP, TINY, Encoding, Weight, contract_bound, quantize_rows

from .common import (
    MAPS,
    EncodedWeight,
    apply_gelu,
    arguments_of,
    decoded_family,
    plain_family,
    write_gelu,
)


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
        self.arguments = arguments_of(locals())
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
            return plain_family(self.chip, self.k)
        # There is no mma of f32, a lane's columns are of one group, and f16 holds
        # weights times scales of its own or less, where the weights are integers.
        numbers = [self._encoding.storage, self._encoding.zero or "i8"]
        whole = all(name.strip("ui").isdigit() for name in numbers)
        own = ("f16", "f8E4M3FN") if whole else ("f8E4M3FN",)
        narrow = self.x == "f16" and self._encoding.scale not in own
        if self.x == "f32" or self.group % 8 or (self.group % 32 and narrow):
            return "reduce"
        return decoded_family(self.chip, self.k, rows)

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
    """A layer of int4 weights with a wgmma_decode schedule; `kind` is that of its
    warpgroups, `rest` what follows them in it."""

    def __init__(self, n, k, m, tile, warps, stages, split_k=1, rest="", out="f32",
                 kind="cooperative", group=64):
        super().__init__(n, k, m, storage="i4", group=group, scale="bf16", out=out)
        self.arguments = arguments_of(locals())
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
        self.arguments = arguments_of(locals())
        rows, columns = warps
        self.schedule = (
            '#quant_tile.schedule<reduce, chip = "sm_90a", '
            f"tile = [1, {16 * rows}, {32 * columns}],"
            f" warps = [1, {rows}, {columns}], stages = {stages},"
            " weights = <fragment, tile = [16, 32]>, dependent_launch = true>"
        )
        self.name += f"-reduce-{rows}x{columns}x{stages}"


class StreamedLayer(HandScheduled):
    """A layer of int4 or int8 weights for few rows, whose tiles `split_k` blocks of a
    cluster divide along K. `rest` follows in the schedule; tiles of weights have
    `columns`, by default those of a 16-byte load."""

    def __init__(self, n, k, m, tile, warps, stages, split_k, rest="", group=128, out="f32",
                 storage="i4", columns=None):
        super().__init__(n, k, m, storage=storage, group=group, scale="bf16", out=out)
        self.arguments = arguments_of(locals())
        columns = columns or (64 if storage == "i4" else 32)
        self.schedule = (
            f'#quant_tile.schedule<mma_stream, chip = "sm_90a", tile = {tile}, '
            f"warps = {warps}, stages = {stages}, split_k = {split_k}, "
            f"weights = <fragment, tile = [16, {columns}]>, dependent_launch = true{rest}>"
        )
        self.name += f"-stream-{tile}-{split_k}{rest}".replace(" ", "").replace("=", "")
