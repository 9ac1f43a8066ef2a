"""Every family of kernels in the emulator, on layers where nothing divides.

Each layer is compiled, then run by quant-run on the emulator, which fails on
any race, access out of bounds or read of what nobody wrote, and on the CPU's
reference. Both must agree with float64 within the contract that the artifact
states for the kernels of the run; integers must be exact.
"""

import pathlib
import sys

import ml_dtypes
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
import artifact as rt  # noqa: E402
import cases  # noqa: E402
import gpu_check  # noqa: E402
import reference_runner as reference  # noqa: E402

DTYPES = {
    "bf16": ml_dtypes.bfloat16,
    "f16": np.float16,
    "f32": np.float32,
    "i32": np.int32,
}
#: Half the distance between neighbours, relative to the number.
HALF_ULP = {"bf16": 2.0**-9, "f16": 2.0**-12, "f32": 2.0**-25}
#: Beside that, where they are subnormal.
TINY = {"bf16": 2.0**-134, "f16": 2.0**-25, "f32": 2.0**-150}


#: Up to these many rows of activations, encoded weights stream.
STREAM_ROWS = 16


class Weight:
    """An N×K weight in an encoding, with random contents."""

    def __init__(self, rng, n, k, storage, group, scale, zero, rows=1):
        bits = int(storage.lstrip("ui"))
        self.bits = bits
        signed = storage.startswith("i")
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
        codes = rng.integers(low, high, (n, k))
        shape = (-(-n // rows), -(-k // (group or k)))
        scales = rng.uniform(0.002, 0.02, shape).astype(DTYPES[scale])
        self.arrays = {"codes": reference.pack(codes, bits).view(np.int8)}
        self.arrays["scales"] = scales
        block = [rows, group]
        #: The codes less their zero points.
        self.codes = codes.astype(np.float64)
        #: The scale of each value.
        self.scales = reference.expand_blocks(scales.astype(np.float64), block, (n, k))
        self.encoding = f"storage = {storage}, block = [{rows}, {group}], scale = {scale}"
        if zero:
            if zero in DTYPES:
                points = rng.uniform(0, high, shape).astype(DTYPES[zero])
            else:
                # Integers of fewer than 8 bits lie in bytes.
                points = rng.integers(low, high, shape).astype(np.int8)
            exact = points.astype(np.float64)
            if zero == "ui8":
                exact = points.view(np.uint8).astype(np.float64)
            self.arrays["zero_points"] = points
            self.codes = self.codes - reference.expand_blocks(exact, block, (n, k))
            self.encoding += f", zero_point = {zero}"
        #: The logical values, exactly.
        self.values = self.codes * self.scales

    def inputs(self, name):
        return {f"{name}.{part}": array for part, array in self.arrays.items()}


def contract_bound(x, weight, contract):
    """|y - x wᵀ| of a kernel that accumulates floats, without its last rounding."""
    u_acc, u_decode, offset = contract
    magnitude = np.abs(x) @ np.abs(weight.values).T
    spread = np.abs(x) @ np.abs(weight.scales).T
    growth = x.shape[1] * u_acc
    return (
        growth / (1 - growth) * (magnitude + abs(offset) * spread)
        + u_decode * magnitude
    )


class Layer:
    """y = x wᵀ (+ bias). x is of a float type; or `codes`: int8 with a scale for
    each row; or `quantized` to that by the program."""

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
    ):
        self.n, self.k, self.m, self.x = n, k, m, x
        self.bias, self.out, self.chip = bias, out, chip
        self.is_integer = x in ("codes", "quantized")
        #: Groups of weights are decoded to f16, beside codes that are cast to it.
        self.is_decoded = self.is_integer and (group > 0 or rows > 1)
        self.element = "f32" if self.is_integer else x
        parts = [f"{'dynamic' if m is None else m}x{n}x{k}", x, storage, f"g{group}"]
        parts += [scale, f"zp_{zero}" if zero else "", "bias" if bias else ""]
        parts += [f"rows{rows}" if rows != 1 else "", out, chip]
        self.name = "-".join(filter(None, parts))
        self.rng = np.random.default_rng(n * k)
        self.weight = Weight(self.rng, n, k, storage, group, scale, zero, rows)

    def mlir(self):
        m, n, k = "?" if self.m is None else self.m, self.n, self.k
        x, w = f"tensor<{m}x{k}x{self.element}>", f"tensor<{n}x{k}x{self.element}, #weight>"
        token = f"tensor<{m}x{k}xf32, #token>"
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
        if self.out != "f32":
            lines.append(f"%narrow = arith.truncf {result} : {acc} to {out}")
            result = "%narrow"
        lines.append(f"return {result} : {out}")
        body = "\n".join("  " + line for line in lines)
        return (
            f"{cases.MAPS}"
            "#id = affine_map<(m, n) -> (m, n)>\n#row = affine_map<(m, n) -> (n)>\n"
            f"#weight = #quant_tensor.encoding<{{{self.weight.encoding}}}>\n"
            "#token = #quant_tensor.encoding<{storage = i8, block = [1, 0], scale = f32}>\n"
            f"func.func @linear({', '.join(arguments)}) -> ({out} "
            f'{{quant_tensor.name = "y"}}) {{\n{body}\n}}\n'
        )

    def family(self, rows):
        """What multiplies when there are `rows` rows."""
        if self.is_integer and not self.is_decoded:
            return "mma_sync"
        # There is no mma of f32.
        if self.x == "f32":
            return "reduce"
        return "mma_sync" if rows > STREAM_ROWS else "mma_stream"

    def make_inputs(self, rows):
        inputs = self.weight.inputs("w")
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
                codes, scales = cases.quantize_rows(inputs["x"])
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
        rounding = HALF_ULP[self.out] * 2 * (np.abs(exact) + bound) + TINY[self.out]
        return exact, bound + rounding


class Integers:
    """y = x wᵀ in i32, neither with scales: exact. Of `unsigned`, "lhs" and "rhs",
    codes are read as unsigned; with `points`, both have zero points."""

    out, chip = "i32", "sm_90a"

    def __init__(self, n, k, m=None, unsigned=(), points=False, chip="sm_90a"):
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
        return "mma_sync"

    def make_inputs(self, rows):
        shapes = {"x": (rows, self.k), "w": (self.n, self.k)}
        inputs = {
            name: self.rng.integers(-128, 128, shape, dtype=np.int8)
            for name, shape in shapes.items()
        }
        if self.points:
            for name, side, count in [("p", "lhs", rows), ("q", "rhs", self.n)]:
                low = 0 if side in self.unsigned else -128
                points = self.rng.integers(low, low + 256, (count, 1))
                inputs[name] = points.astype(np.int32)
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


class Dense:
    """y = x wᵀ of plain tensors of 16-bit floats."""

    out = "f32"

    def __init__(self, n, k, element, m=None, chip="sm_90a"):
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
        return "mma_sync"

    def make_inputs(self, rows):
        shapes = {"x": (rows, self.k), "w": (self.n, self.k)}
        return {
            name: self.rng.standard_normal(shape).astype(DTYPES[self.element])
            for name, shape in shapes.items()
        }

    def reference(self, inputs, contract):
        x, w = (inputs[name].astype(np.float64) for name in ("x", "w"))
        growth = self.k * contract[0]
        exact, magnitude = x @ w.T, np.abs(x) @ np.abs(w).T
        return exact, growth / (1 - growth) * magnitude + 2.0**-24 * np.abs(exact)


class Mlp:
    """down(silu(gate x) * up x), all three int4 in groups of 32."""

    out, m, chip = "f32", None, "sm_90a"

    def __init__(self, n, k):
        self.n, self.k, self.name = n, k, f"mlp-{n}-{k}"
        self.rng = rng = np.random.default_rng(n)
        self.gate, self.up = (Weight(rng, n, k, "i4", 32, "bf16", None) for _ in range(2))
        self.down = Weight(rng, k, n, "i4", 32, "bf16", None)

    def mlir(self):
        n, k = self.n, self.k

        def matmul(name, x, x_type, weight, weight_type, width):
            acc = f"tensor<?x{width}xf32>"
            return (
                f"  %{name}_e = tensor.empty(%m) : {acc}\n"
                f"  %{name}_z = linalg.fill ins(%zero : f32) outs(%{name}_e : {acc}) -> {acc}\n"
                f"  %{name} = linalg.matmul indexing_maps = [#mk, #nk, #mn]"
                f" ins({x}, {weight} : {x_type}, {weight_type}) outs(%{name}_z : {acc}) -> {acc}\n"
            )

        x, h, y = f"tensor<?x{k}xbf16>", f"tensor<?x{n}xbf16>", f"tensor<?x{k}xf32>"
        into, back = f"tensor<{n}x{k}xbf16, #w>", f"tensor<{k}x{n}xbf16, #w>"
        names = ", ".join(
            f'%{name}: {kind} {{quant_tensor.name = "{name}"}}'
            for name, kind in [("x", x), ("gate", into), ("up", into), ("down", back)]
        )
        return (
            f"{cases.MAPS}#id = affine_map<(m, n) -> (m, n)>\n"
            f"#w = #quant_tensor.encoding<{{{self.gate.encoding}}}>\n"
            f'func.func @mlp({names}) -> ({y} {{quant_tensor.name = "y"}}) {{\n'
            "  %c0 = arith.constant 0 : index\n  %zero = arith.constant 0.0 : f32\n"
            f"  %m = tensor.dim %x, %c0 : {x}\n"
            + matmul("g", "%x", x, "%gate", into, n)
            + matmul("u", "%x", x, "%up", into, n)
            + f"""  %he = tensor.empty(%m) : {h}
  %h = linalg.generic {{indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}}
      ins(%g, %u : tensor<?x{n}xf32>, tensor<?x{n}xf32>) outs(%he : {h}) {{
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
            + matmul("y", "%h", h, "%down", back, k)
            + f"  return %y : {y}\n}}\n"
        )

    def family(self, rows):
        return "mma_sync" if rows > STREAM_ROWS else "mma_stream"

    def make_inputs(self, rows):
        inputs = {}
        for name in ("gate", "up", "down"):
            inputs.update(getattr(self, name).inputs(name))
        x = self.rng.standard_normal((rows, self.k)).astype(np.float32)
        inputs["x"] = x.astype(DTYPES["bf16"])
        return inputs

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
        h_error = np.abs(up) * slack + np.abs(silu) * up_error + slack * up_error
        h_error += 16 * 2.0**-24 * np.abs(h)
        h_error += 2 * HALF_ULP["bf16"] * (np.abs(h) + h_error) + TINY["bf16"]
        exact = h @ self.down.values.T
        largest = np.abs(h) + h_error
        bound = contract_bound(largest, self.down, contract)
        bound += h_error @ np.abs(self.down.values).T
        return exact, bound + 2.0**-24 * np.abs(exact)


ROWS = [0, 1, 3, 8, 13, 17, 33]
LAYERS = [
    # int4: groups, a scale per channel, tails of N, K and groups.
    Layer(37, 131, storage="i4", group=32, scale="bf16"),
    Layer(61, 257, storage="i4", group=128, scale="bf16", out="bf16"),
    Layer(37, 131, storage="i4", group=0),
    Layer(64, 128, storage="i4", group=32, x="f16", scale="f16"),
    Layer(13, 61, storage="i4", group=24, x="f32"),
    Layer(40, 96, storage="i4", group=32, rows=8, x="bf16"),
    Layer(37, 131, storage="i4", group=32, bias=True),
    # Zero points: integers and floats.
    Layer(37, 131, storage="ui4", group=32, zero="ui4", scale="bf16"),
    Layer(37, 131, storage="ui4", group=32, zero="ui4", x="f16", scale="f16", out="f16"),
    Layer(37, 97, storage="ui4", group=0, zero="bf16"),
    Layer(37, 97, storage="ui4", group=32, zero="f32", x="f32"),
    Layer(29, 131, storage="i4", group=32, zero="i4"),
    # int8 and int2.
    Layer(37, 131, storage="i8"),
    Layer(61, 67, storage="i8", x="f16", group=32, scale="f16"),
    Layer(37, 131, storage="ui8", zero="ui8"),
    Layer(37, 131, storage="i2", group=32),
    Layer(37, 131, storage="ui2", group=32, zero="bf16", x="f16"),
    # Both operands int8: a scale per token and per channel.
    Layer(37, 131, storage="i8", x="codes"),
    Layer(61, 67, storage="i8", x="codes", bias=True, out="bf16"),
    Layer(37, 131, storage="i8", x="quantized"),
    Layer(64, 128, storage="i8", x="quantized", bias=True),
    Layer(37, 131, storage="i8", zero="i8", x="codes"),
    Layer(37, 131, storage="ui8", zero="ui8", x="quantized"),
    # Narrower weights: as bytes, or decoded where they have groups.
    Layer(37, 131, storage="i4", x="codes"),
    Layer(37, 131, storage="ui4", zero="ui4", x="codes", bias=True),
    Layer(37, 131, storage="i2", x="quantized"),
    Layer(37, 131, storage="i4", group=32, x="codes", bias=True),
    Layer(61, 257, storage="ui4", group=128, zero="ui4", scale="bf16", x="quantized"),
    Layer(40, 96, storage="i8", group=0, rows=8, x="codes"),
    # Long and wide enough to use every stage of a pipeline again.
    Layer(150, 1031, m=133, storage="i4", group=128, scale="bf16"),
    Layer(67, 1031, m=33, storage="i8", x="codes"),
    Layer(67, 1024, m=33, storage="ui4", group=64, zero="ui4", scale="bf16"),
    Layer(35, 4099, m=1, storage="i4", group=128, scale="bf16"),
    Layer(35, 4099, m=1, storage="i8", x="quantized"),
    # Nothing quantized.
    Dense(37, 131, "bf16"),
    Dense(37, 131, "f16", m=17, chip="sm_80"),
    Integers(37, 131),
    Integers(61, 67, m=1),
    Integers(37, 131, unsigned=["lhs"], points=True),
    Integers(37, 131, unsigned=["rhs"]),
    Integers(37, 131, unsigned=["lhs", "rhs"], points=True),
    Integers(64, 128, m=33, chip="sm_80"),
    # M known to the compiler.
    Layer(37, 131, m=1, storage="i4", group=32, scale="bf16"),
    Layer(37, 131, m=1, storage="ui4", group=32, zero="ui4", x="f16", out="f16"),
    Layer(37, 131, m=1, storage="i8", x="codes"),
    Layer(37, 131, m=1, storage="i8", x="quantized"),
    Layer(37, 131, m=2, storage="i4", group=32),
    Layer(37, 131, m=17, storage="i8"),
    Layer(37, 131, m=33, storage="i8", x="codes", bias=True),
    Layer(37, 131, m=17, storage="i8", x="quantized"),
    Layer(1, 1, storage="i4"),
    Layer(257, 33, m=33, storage="i4", group=32),
    # An older chip.
    Layer(37, 131, storage="i4", group=32, chip="sm_80"),
    Layer(37, 131, storage="i8", x="f16", chip="sm_80"),
    Layer(37, 131, storage="i8", x="codes", bias=True, chip="sm_80"),
    Mlp(97, 61),
]


@pytest.fixture(scope="module")
def library(build_dir):
    return rt.Library(str(build_dir / "lib" / "libquantmlir_runtime.so"))


def launches(library, folder, rows):
    """The kernels of a run with that many rows."""
    function = rt.Artifact(library, str(folder)).main()
    plan = rt.Plan(function, [rows] * len(function.dims))
    return [kernel for kernel, _ in plan.launches()]


def largest_contract(kernels):
    stated = [(k.u_acc, k.u_decode, abs(k.offset)) for k in kernels]
    return np.max([(0.0, 0.0, 0.0), *stated], axis=0)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_layer(tool, library, tmp_path, layer):
    source, folder = tmp_path / "layer.mlir", tmp_path / "layer.qmlir"
    source.write_text(layer.mlir())
    tool("quant-compile", source, f"--chip={layer.chip}", "-o", folder)
    *others, last = ROWS if layer.m is None else [layer.m]
    for rows in [*others, last]:
        inputs = layer.make_inputs(rows)
        file = tmp_path / "inputs.npz"
        np.savez(file, **{n: reference.to_bits(a) for n, a in inputs.items()})
        kernels = launches(library, folder, rows)
        names = [kernel.name.decode() for kernel in kernels]
        assert not rows or any(layer.family(rows) in name for name in names), names
        exact, bound = layer.reference(inputs, largest_contract(kernels))
        # The definition has tests of its own; once will do.
        devices = ["emulator", "cpu"] if rows == last else ["emulator"]
        for device in devices:
            output = tmp_path / f"{device}.npz"
            tool("quant-run", folder, f"--device={device}", f"--inputs={file}",
                 "--bits", f"--output={output}")
            y = np.load(output)["y"]
            assert y.shape == exact.shape
            got = y.view(DTYPES[layer.out]).astype(np.float64)
            if rows:
                gpu_check.check_bound(got, exact, bound)
